// Who lives in which segment: for each segment the queues with frames in it, their last offset there, newest time and
// bytes. Retention and reclaiming work from this, so that their cost follows the data written, not the number of queues.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "base/ids.h"

namespace imago::store {

struct usage_entry {
    queue_id queue;
    queue_offset end;           ///< of the queue's last batch in this segment
    unix_ms max_timestamp = -1;
    std::uint64_t bytes = 0;
};

struct segment_usage {
    log_position base;
    std::vector<usage_entry> entries;
};

/// add() and finish_group() by the log thread (add() takes no lock: the lock is held from begin_group() on); the rest by any.
class log_usage {
public:
    void begin_group() { mutex_.lock(); }
    void finish_group() { mutex_.unlock(); }
    /// Between begin_group and finish_group. Segments come in rising order; an older one than the current is found by search.
    void add(log_position segment_base, const usage_entry& entry);

    /// True once after a queue had its first frame in the current segment: expiry has to be looked at again.
    [[nodiscard]] bool take_new_queues();
    /// All segments but the current one, ascending; shared, not copied.
    [[nodiscard]] std::vector<std::shared_ptr<const segment_usage>> sealed() const;
    [[nodiscard]] segment_usage current() const;
    void drop(log_position base);
    /// Start-up: what a checkpoint says; entries below what replay adds.
    void restore(segment_usage&& usage);

private:
    struct slot {
        std::uint32_t segment = 0;  ///< number of the segment it points into; 0 = none
        std::uint32_t index = 0;
    };
    void merge(segment_usage& into, const usage_entry& entry);

    mutable std::mutex mutex_;
    std::vector<std::shared_ptr<segment_usage>> segments_;  ///< ascending; the last one is current
    std::vector<slot> slots_;                               ///< by queue id
    std::uint32_t number_ = 0;
    bool new_queues_ = false;
};

}  // namespace imago::store
