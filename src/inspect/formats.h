// The disk formats as docs/format/*.md describe them, decoded a second time: independent of the code that writes them,
// so that a mistake in one of the two is seen.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace imago::inspect {

inline constexpr std::size_t segment_header_size = 4096;
inline constexpr std::size_t frame_header_size = 96;
inline constexpr std::size_t trailer_size = 32;
inline constexpr std::size_t sector = 512;

struct segment_header {
    std::uint64_t base = 0;
    std::uint64_t size = 0;
    std::uint64_t salt = 0;
};
/// None unless magic, version and checksum are right; `why` then says what is not.
[[nodiscard]] std::optional<segment_header> decode_segment_header(byte_view bytes, std::string& why);

struct frame_header {
    std::uint16_t type = 0;  // 1 batch, 2 footer
    std::uint64_t salt = 0;
    std::uint64_t position = 0;
    std::uint64_t frontier = 0;
    std::uint32_t payload_size = 0;
    std::uint32_t advance = 0;
    std::uint32_t queue = 0;
    std::int32_t epoch = 0;
    std::int64_t base = 0;
    std::int64_t max_timestamp = 0;
    std::int64_t append_time = 0;
    std::uint32_t count = 0;
    std::uint32_t tag_hash = 0;
    std::uint64_t payload_checksum = 0;

    [[nodiscard]] std::int64_t end() const { return base + count; }
    /// Header, payload padded to 8, trailer.
    [[nodiscard]] std::uint64_t size() const {
        return frame_header_size + round_up(payload_size, 8) + trailer_size;
    }
};
[[nodiscard]] bool has_frame_magic(byte_view bytes);
[[nodiscard]] bool has_trailer_magic(byte_view bytes);
/// None unless magic and header checksum are right and the sizes fit each other. Salt and position are the caller's to
/// compare.
[[nodiscard]] std::optional<frame_header> decode_frame_header(byte_view bytes, std::string& why);

struct trailer {
    std::uint32_t queue = 0;
    std::uint64_t position = 0;
    std::int64_t base = 0;
    std::uint32_t count = 0;
};
[[nodiscard]] std::optional<trailer> decode_trailer(byte_view bytes, std::uint64_t salt);

struct span {
    std::uint64_t start = 0;
    std::uint64_t salt = 0;
    std::uint64_t after = 0;  ///< [after, start) is the gap that a cut left
};
struct segment_entry {
    std::uint64_t base = 0;
    std::uint64_t bytes = 0;
    std::vector<span> spans;

    [[nodiscard]] std::uint64_t end() const { return base + bytes; }
    /// The salt of frames at `position`; none before the first span.
    [[nodiscard]] std::optional<std::uint64_t> salt_at(std::uint64_t position) const;
};
struct manifest {
    std::uint64_t sequence = 0;
    std::vector<segment_entry> segments;
};
/// One slot, which is the start of `bytes`.
[[nodiscard]] std::optional<manifest> decode_manifest_slot(byte_view bytes);
/// The valid slot with the higher sequence.
[[nodiscard]] std::optional<manifest> decode_manifest(byte_view file);

struct frontier_stamp {
    std::uint64_t sequence = 0;
    std::uint64_t frontier = 0;
    bool clean = false;
};
[[nodiscard]] std::optional<frontier_stamp> decode_frontier(byte_view file);

struct index_entry {
    std::int64_t base = 0;
    std::uint64_t position = 0;
    std::int64_t max_timestamp = 0;
    std::uint32_t size = 0;
    std::uint32_t count = 0;
    std::uint32_t tag_hash = 0;
    std::uint32_t flags = 0;
};
inline constexpr std::size_t index_block_size = 4096;
struct index_block {
    std::uint32_t queue = 0;
    std::uint64_t number = 0;
    std::int64_t first = 0;
    std::int64_t end = 0;
    std::vector<index_entry> entries;
};
[[nodiscard]] std::optional<index_block> decode_index_block(byte_view bytes, std::string& why);
[[nodiscard]] index_entry decode_index_entry(const std::byte* at);

}  // namespace imago::inspect
