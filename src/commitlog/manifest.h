// The manifest: which segments the log consists of, and under which salts their bytes are valid.
//
// A file of two slots that are written in turn, each with a sequence number and a checksum: a crash leaves the older
// one. It needs no new disk space, so that a full disk can still be cleaned up. Format: docs/format/commitlog.md
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "io/disk.h"

namespace imago::commitlog {

/// From `start` on (to the next span, or the segment's end) frames carry `salt`. A segment starts with one span; each
/// recovery that cuts a torn tail, or follows an unclean stop, starts another. [after, start) is a gap without frames.
struct salt_span {
    log_position start;
    std::uint64_t salt = 0;
    log_position after;  ///< end of the frames before; = start for a segment's first span
    friend bool operator==(const salt_span&, const salt_span&) = default;
};

struct segment_entry {
    log_position base;  ///< position of the segment's first byte; names its file
    std::uint64_t bytes = 0;
    std::vector<salt_span> spans;
    friend bool operator==(const segment_entry&, const segment_entry&) = default;
};

/// A segment may have this many spans; then the log rolls to the next segment.
inline constexpr std::size_t spans_max = 64;
inline constexpr std::uint64_t manifest_slot_bytes = 256 * 1024;

[[nodiscard]] std::vector<std::byte> encode_manifest(std::uint64_t sequence, const std::vector<segment_entry>& segments);
struct decoded_manifest {
    std::uint64_t sequence = 0;
    std::vector<segment_entry> segments;
};
/// The content of one slot; an error if it is torn, damaged or of an unknown version.
[[nodiscard]] result<decoded_manifest> decode_manifest(byte_view slot);

/// The manifest file of one log. One thread at a time (the owner locks).
class manifest {
public:
    /// Opens the file; creates it if `create`. An existing file without a valid slot is an error: without the manifest
    /// nothing may be deleted or overwritten.
    [[nodiscard]] static result<manifest> open(io::disk& disk, std::string path, bool create);
    [[nodiscard]] const std::vector<segment_entry>& segments() const { return segments_; }
    /// Makes this the content, durably.
    [[nodiscard]] result<> replace(std::vector<segment_entry> segments);

private:
    io::disk* disk_ = nullptr;
    std::unique_ptr<io::file> file_;
    std::uint64_t sequence_ = 0;
    std::vector<segment_entry> segments_;
};

enum class commitlog_errc { bad_manifest = 1, manifest_full, bad_segment };
[[nodiscard]] std::error_code make_error_code(commitlog_errc error);

}  // namespace imago::commitlog

template <>
struct std::is_error_code_enum<imago::commitlog::commitlog_errc> : std::true_type {};
