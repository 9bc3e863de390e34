// The segments of the log: fixed-size files, allocated and zero-filled ahead of use, recycled by rename.
//
// Threads: active(), roll() by the log thread; prepare_next(), zero_some(), retire() by the maintenance thread; find()
// and list() by any. Start-up calls from one thread.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "commitlog/manifest.h"
#include "io/disk.h"

namespace imago::commitlog {

/// Bytes at the start of each segment that hold its own description; the first frame follows.
inline constexpr std::uint64_t segment_header_size = 4096;
/// Room kept at the end of each segment for the footer frame: a block, whatever the device's blocks are.
inline constexpr std::uint64_t footer_reserve = 4096;

class segment {
public:
    segment(segment_entry entry, std::unique_ptr<io::file> file) : entry_(std::move(entry)), file_(std::move(file)) {}

    [[nodiscard]] log_position base() const { return entry_.base; }
    [[nodiscard]] std::uint64_t bytes() const { return entry_.bytes; }
    [[nodiscard]] log_position end() const { return entry_.base + entry_.bytes; }
    [[nodiscard]] log_position data_start() const { return entry_.base + segment_header_size; }
    /// Where frames must end, the footer aside.
    [[nodiscard]] log_position data_end() const { return {end().value - footer_reserve}; }
    /// Null if the file is missing: everything in it is damaged.
    [[nodiscard]] io::file* file() const { return file_.get(); }
    [[nodiscard]] const segment_entry& entry() const { return entry_; }
    /// Writes start and end on multiples of this: the device's logical block.
    [[nodiscard]] std::uint64_t write_unit() const {
        return file_ ? std::max<std::uint64_t>(io::sector_size, file_->block_size()) : io::sector_size;
    }
    /// The salt of frames at `position`.
    [[nodiscard]] std::uint64_t salt_at(log_position position) const;

    /// True behind the end of frames that a cut left: nothing there counts, whatever it looks like.
    [[nodiscard]] bool in_gap(log_position position) const;

    /// The writer says that it will write up to `offset` from now on, and waits out the zero-filler if it is there.
    void reserve(std::uint64_t offset);
    /// The file is new: its space is to be filled with zeros ahead of the writer.
    void start_filling() { filled_ = false; }
    /// Zero-filler: the next piece to fill, claimed until release(); nothing if the segment is done.
    [[nodiscard]] bool claim(std::uint64_t piece, std::uint64_t& offset, std::uint64_t& size);
    void release();

private:
    friend class segment_set;
    segment_entry entry_;
    std::unique_ptr<io::file> file_;
    // Writer and zero-filler meet here: each publishes its own bound, then looks at the other's.
    std::atomic<std::uint64_t> reserved_{segment_header_size};
    std::atomic<std::uint64_t> claimed_{~std::uint64_t{0}};  ///< start of the claimed piece; ~0 = none
    std::uint64_t zeroed_ = segment_header_size;             ///< zero-filler only
    bool filled_ = true;                                     ///< zero-filler only: nothing (more) to fill
};

struct segments_options {
    std::string directory;
    std::uint64_t segment_bytes = 256ULL << 20;
    int recycled_max = 2;
    bool zero_fill = true;
    std::function<std::uint64_t()> new_salt;          ///< default: random
    std::function<void(std::string_view)> log;
};

class segment_set {
public:
    /// Opens the manifest and the files it names, or starts a new log if the directory has no segments at all.
    [[nodiscard]] static result<std::unique_ptr<segment_set>> open(io::disk& disk, segments_options options);

    [[nodiscard]] bool fresh() const { return fresh_; }
    [[nodiscard]] std::shared_ptr<segment> find(log_position position) const;
    /// Ascending, the prepared next one included.
    [[nodiscard]] std::vector<std::shared_ptr<segment>> list() const;

    // ---- start-up ----
    /// Ends the log at `end_of_frames`: nothing behind it will ever validate again, durably. Returns where appending
    /// goes on (a new span in that segment, or a later segment). Also used after an unclean stop without a torn tail.
    [[nodiscard]] result<log_position> cut(log_position end_of_frames);
    /// Appending goes on at `position` after a clean stop.
    void resume_at(log_position position);

    // ---- log thread ----
    [[nodiscard]] const std::shared_ptr<segment>& active() const { return active_; }
    /// Makes the prepared segment the active one; false if none is prepared.
    [[nodiscard]] bool roll();
    [[nodiscard]] bool has_next() const { return has_next_.load(std::memory_order_acquire); }
    /// The last attempt to prepare a segment failed for lack of space.
    [[nodiscard]] bool out_of_space() const { return out_of_space_.load(std::memory_order_acquire); }

    // ---- maintenance thread ----
    /// Prepares the segment after the active one, if there is none yet.
    [[nodiscard]] result<> prepare_next();
    /// Writes zeros into a piece of the active or next segment; false if there is nothing to fill.
    [[nodiscard]] bool zero_some();
    /// Takes segments out of the log for good; keeps some files for reuse. Never the active or the next one.
    [[nodiscard]] result<> retire(const std::vector<log_position>& bases);

    [[nodiscard]] std::string path_of(log_position base) const;

private:
    segment_set(io::disk& disk, segments_options options) : disk_(disk), options_(std::move(options)) {}
    [[nodiscard]] result<> adopt_files(const std::vector<std::string>& names);
    [[nodiscard]] result<std::shared_ptr<segment>> create_segment(log_position base);
    [[nodiscard]] std::uint64_t salt() const;
    void say(std::string_view line) const;

    io::disk& disk_;
    segments_options options_;
    manifest manifest_;  ///< maintenance thread after start-up
    bool fresh_ = false;
    std::vector<std::string> recycled_;  ///< paths of files for reuse; maintenance thread
    std::uint64_t recycled_number_ = 0;

    mutable std::mutex mutex_;  ///< guards segments_ and next_
    std::map<log_position, std::shared_ptr<segment>> segments_;
    std::shared_ptr<segment> next_;
    std::shared_ptr<segment> active_;  ///< log thread; written under mutex_
    std::atomic<bool> has_next_{false};
    std::atomic<bool> out_of_space_{false};
};

}  // namespace imago::commitlog
