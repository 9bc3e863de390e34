// A frame: one record batch in the commit log, self-describing and self-checking. Format: docs/format/commitlog.md
//
//   header (96 bytes) | payload | zeros to a multiple of 8 | trailer (32 bytes) | [zeros to the end of the group]
//
// The header says where it is and in which life of its segment it was written (salt), so that bytes that a recycled
// segment still holds never validate. The trailer repeats who owns the frame, so that a damaged header still tells
// which queue and offsets were hit. All integers are little-endian.
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/ids.h"

namespace imago::commitlog {

enum class frame_type : std::uint16_t {
    batch = 1,   ///< payload: a record batch v2
    footer = 2,  ///< the last frame of a segment; no payload
};

struct frame_header {
    frame_type type = frame_type::batch;
    std::uint64_t salt = 0;
    log_position position;          ///< of this frame
    log_position durable_frontier;  ///< everything below it was durable when this frame was laid out
    std::uint32_t payload_size = 0;
    std::uint32_t advance = 0;  ///< from this frame's position to the next frame's
    queue_id queue;
    leader_epoch epoch;
    queue_offset base;
    unix_ms max_timestamp = -1;
    unix_ms append_time = -1;
    std::uint32_t count = 0;
    std::uint32_t tag_hash = 0;
    std::uint64_t payload_checksum = 0;  ///< see payload_checksum()
};

/// Who owns a frame, from its trailer.
struct frame_identity {
    queue_id queue;
    log_position position;
    queue_offset base;
    std::uint32_t count = 0;
};

inline constexpr std::size_t frame_header_size = 96;
inline constexpr std::size_t frame_trailer_size = 32;
inline constexpr std::size_t frame_alignment = 8;
inline constexpr std::uint32_t frame_magic = 0x52464D49;    // "IMFR"
inline constexpr std::uint32_t trailer_magic = 0x54464D49;  // "IMFT"

/// Bytes of a frame with a payload of this size, without the padding at the end of a group.
[[nodiscard]] constexpr std::uint64_t frame_size(std::uint64_t payload_size) {
    return frame_header_size + round_up(payload_size, frame_alignment) + frame_trailer_size;
}
/// Where the trailer starts, from the frame's start.
[[nodiscard]] constexpr std::uint64_t trailer_offset(std::uint64_t payload_size) {
    return frame_header_size + round_up(payload_size, frame_alignment);
}

/// XXH3 of a batch without the 16 bytes (base offset, length, epoch) that the header determines.
[[nodiscard]] std::uint64_t payload_checksum(byte_view payload);

/// Writes the header (with its checksum) to the first frame_header_size bytes.
void encode_header(byte_span to, const frame_header& header);
/// Reads a header whose magic, type and checksum are right; nullopt for anything else. Does not look at salt or position.
[[nodiscard]] std::optional<frame_header> decode_header(byte_view from);
void encode_trailer(byte_span to, const frame_header& header);
[[nodiscard]] std::optional<frame_identity> decode_trailer(byte_view from, std::uint64_t salt);

/// True if the payload is what the header says, byte for byte.
[[nodiscard]] bool payload_matches(const frame_header& header, byte_view payload);

}  // namespace imago::commitlog
