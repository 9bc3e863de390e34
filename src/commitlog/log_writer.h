// Group commit: frames are laid out in a slab of the tail cache and reach the disk as one O_DIRECT|DSYNC write.
//
// The next group is laid out while others are being written; what arrives during a write makes up the next group, so that the
// group size follows the load by itself. A large group does not wait for the one before it: the disk, and the kernel's workers
// between its steps, then always have something to do. Groups become durable in their order, whatever the disk's is: one that
// is on the disk counts once all before it are. One thread at a time.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <system_error>

#include "base/ids.h"
#include "commitlog/frame.h"
#include "commitlog/segments.h"
#include "commitlog/tail_cache.h"
#include "io/disk.h"

namespace imago::commitlog {

enum class room {
    fits,      ///< begin() may follow
    wait,      ///< the building group is full: submit it, ask again when a write has completed
    no_space,  ///< the log is full and no segment can be had: refuse
    too_large  ///< no segment can hold it
};

struct writer_options {
    std::size_t group_bytes_max = 1ULL << 20;
    /// The end of the last segment is kept for changes (deleting is how a full disk recovers).
    std::uint64_t reserve_bytes = 1ULL << 20;
    /// So many groups may be on their way to the disk at once; at most log_writer::writes_limit.
    std::size_t writes_max = 1;
    /// But one joins others only when it has so many bytes, or is full: small groups grow while they wait.
    std::size_t overlap_bytes = 512ULL << 10;
};

class log_writer {
public:
    static constexpr std::size_t writes_limit = 4;

    log_writer(segment_set& segments, tail_cache& cache, io::ring& ring, writer_options options);

    /// Appending begins at `position` of the active segment; everything below is durable.
    void start_at(log_position position);

    /// Can a frame with this payload be laid out now? `privileged` frames may use the reserve.
    [[nodiscard]] room place(std::uint64_t payload_size, bool privileged);
    /// Begins a frame: only after place() said fits. The payload's bytes in the slab and the frame's header() are to be filled
    /// before finish().
    [[nodiscard]] byte_span begin(std::uint32_t payload_size);
    /// Of the frame that was begun. Its payload's size is there already.
    [[nodiscard]] frame_header& header() { return last_; }
    /// Completes the frame; fills in salt, position, frontier and advance. Returns its position.
    log_position finish();

    /// Something has been laid out, and may be written now.
    [[nodiscard]] bool may_write() const;
    /// Starts writing what has been laid out, if it may be: flush the ring.
    bool submit();
    /// The same on the calling thread, without the ring and without written(): only with building() and not writing().
    /// Whoever calls it sees to it that nobody else uses the writer meanwhile, and calls settle().
    [[nodiscard]] std::error_code write_now(io::disk& disk);
    /// The oldest write is over: until then writing() stays true. After an error nothing becomes durable any more.
    void settle(std::error_code error);
    [[nodiscard]] bool building() const { return group_end_ != group_start_; }
    [[nodiscard]] std::uint64_t building_bytes() const { return group_end_ - group_start_; }
    [[nodiscard]] bool writing() const { return writes_ > 0; }
    /// Groups on their way to the disk.
    [[nodiscard]] std::size_t writes() const { return writes_; }
    /// Everything below is durable.
    [[nodiscard]] log_position durable() const { return durable_; }
    /// Where the next frame goes.
    [[nodiscard]] log_position end() const { return group_end_; }

    /// Called for each group, in order, once it and all before it are over; must call settle().
    void (*written)(void* context, std::error_code error) = nullptr;
    void* context = nullptr;

private:
    /// A group on its way to the disk.
    struct write {
        log_writer* writer = nullptr;
        io::request request;
        std::shared_ptr<slab> bytes;
        std::shared_ptr<segment> into;
        log_position end;  ///< where the next group starts
        bool over = false;
    };

    [[nodiscard]] write& prepare();
    static void on_written(io::request& request);
    void close_frame(std::uint64_t padded_end);
    [[nodiscard]] bool begin_group(std::uint64_t size);
    void end_segment();

    segment_set& segments_;
    tail_cache& cache_;
    io::ring& ring_;
    writer_options options_;

    std::shared_ptr<slab> slab_;
    log_position group_start_;
    log_position group_end_;   ///< of the last finished frame
    bool group_closed_ = false;  ///< takes no more frames
    frame_header last_;        ///< header of the last frame of the building group: its advance is still open
    bool last_open_ = false;
    bool roll_after_ = false;  ///< the building group ends its segment

    std::array<write, writes_limit> slots_;
    std::size_t oldest_ = 0;  ///< slot of the oldest write; the others follow it
    std::size_t writes_ = 0;
    bool failed_ = false;
    log_position durable_;
};

}  // namespace imago::commitlog
