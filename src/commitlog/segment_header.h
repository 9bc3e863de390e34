// The first 4 KiB of a segment: which segment this file is, so that a file in the wrong place is noticed.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "commitlog/manifest.h"

namespace imago::commitlog {

/// A cut that leaves less than this in a segment rolls to the next one.
inline constexpr std::uint64_t frame_room_min = 4096;

/// Fills 4096 bytes: magic, version, base, size, first salt, checksum; zeros behind.
void encode_segment_header(byte_span to, const segment_entry& entry);
/// What a header describes; bad_segment if it is none.
[[nodiscard]] result<segment_entry> read_segment_header(byte_view from);

}  // namespace imago::commitlog
