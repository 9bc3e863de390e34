// Walks the log frame by frame, as the recovery rule of docs/format/commitlog.md says, and tells what it meets.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "inspect/folder.h"

namespace imago::inspect {

/// A frame whose header is right. `payload_error` is empty if payload and trailer are right too.
struct walked_frame {
    frame_header header;
    byte_view payload;          ///< good during the call; what could be read of it
    std::string payload_error;
};

/// Bytes that are no frames, where frames should be.
struct bad_range {
    std::uint64_t from = 0;
    std::uint64_t to = 0;
    std::string reason;
    std::optional<frame_header> header;    ///< if that is whole and only the payload is bad
    std::vector<trailer> trailers;         ///< owners named by whole trailers inside
    bool traces = true;                    ///< something of this span was written there; false: as if nothing was
};

struct walk_result {
    std::uint64_t durable = 0;             ///< W: the highest durable frontier found anywhere
    std::uint64_t end = 0;                 ///< where the log ends: behind the last frame that counts
    std::vector<bad_range> damage;         ///< below W
    std::optional<bad_range> torn;         ///< at or above W, to the end: never acknowledged
    std::uint64_t gaps = 0;                ///< left by earlier cuts
};

/// Visits every frame of the log in order: those with a good header, also if their payload is bad, also those above a
/// torn place (the result tells where that is: the caller must not believe frames at or above `torn->from`).
/// `known_durable` is the frontier that other files vouch for.
[[nodiscard]] walk_result walk(folder& from, std::uint64_t known_durable,
                               const std::function<void(const walked_frame&)>& visit);

}  // namespace imago::inspect
