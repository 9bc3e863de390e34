// Walking the log frame by frame, for recovery and for rebuilding what is derived from it.
//
// The recovery rule: corruption is not a torn tail. With W the highest durable frontier found anywhere, a bad frame below W
// is damage: the walk reports exactly that range and goes on behind it. A bad frame at or above W is a torn tail: the walk
// ends there, even if valid frames follow. Full text: docs/format/commitlog.md
#pragma once

#include <functional>
#include <vector>

#include "commitlog/frame.h"
#include "commitlog/segments.h"
#include "io/disk.h"

namespace imago::commitlog {

/// A range of the log that was acknowledged and is not readable.
struct damaged_range {
    log_position from;
    log_position to;
    /// Frames whose header or trailer still tells who they were. There may have been more.
    std::vector<frame_identity> known;
};

struct walk_visitor {
    /// A whole frame, verified. The payload is valid during the call.
    std::function<void(const frame_header& header, byte_view payload)> frame;
    std::function<void(const damaged_range& range)> damaged;
};

struct walk_result {
    log_position end;             ///< of the last frame that counts
    log_position witness;         ///< W
    std::uint64_t frames = 0;
    std::uint64_t torn_bytes = 0; ///< bytes of whole or partial frames found behind the end
    std::uint64_t damaged = 0;
};

/// Walks from `from` (a frame's start) to the end of the log. `witness`: the frontier known from elsewhere (checkpoint,
/// frontier file); `final` if it is the witness of an earlier walk over the same bytes, so that there is no need to look behind
/// the first bad frame again. Blocking; one thread.
[[nodiscard]] walk_result walk_log(io::disk& disk, io::ring& ring, const segment_set& segments, log_position from,
                                   log_position witness, const walk_visitor& visitor, bool final = false);

/// Visits the whole frames in [from, to) and skips what is damaged; for rebuilding an index block.
void walk_range(io::disk& disk, io::ring& ring, const segment_set& segments, log_position from, log_position to,
                const std::function<void(const frame_header& header, byte_view payload)>& frame);

}  // namespace imago::commitlog
