// The frontier file: how far the log was durable when it was last idle, and whether the last stop was a clean one. The last
// group before an unclean stop has no later frame that vouches for it; this stamp does. Two 4 KiB slots written in turn, so
// that a torn write leaves the older one. Format: docs/format/commitlog.md
#pragma once

#include <memory>
#include <string>

#include "base/ids.h"
#include "base/result.h"
#include "io/disk.h"

namespace imago::commitlog {

class frontier_file {
public:
    /// Opens or creates it. What it holds is only ever a lower bound: a damaged slot counts as nothing.
    [[nodiscard]] static result<std::unique_ptr<frontier_file>> open(io::disk& disk, const std::string& path);

    [[nodiscard]] log_position stored() const { return stored_; }
    /// The stamp was the last act of a clean stop.
    [[nodiscard]] bool clean() const { return clean_; }
    [[nodiscard]] bool writing() const { return writing_; }
    /// Starts a durable write of `frontier` through the log's ring; not while writing(). A failure is ignored: the
    /// stamp is a witness more, not a promise.
    void stamp(io::ring& ring, log_position frontier);
    /// Blocking, for start and stop: durable when it returns.
    [[nodiscard]] result<> stamp_now(io::disk& disk, log_position frontier, bool clean);

private:
    void fill_slot(log_position frontier, bool clean);

    std::unique_ptr<io::file> file_;
    aligned_bytes slot_;
    io::request request_;
    bool writing_ = false;
    std::uint64_t sequence_ = 0;
    log_position stored_;
    bool clean_ = false;
};

}  // namespace imago::commitlog
