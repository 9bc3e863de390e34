// Reads of the log that wait for their turn at the disk, and which of them go in one.
//
// Who reads many queues in order wants batches that lie side by side in the log: it has all queues in it. Read each by itself they cost
// the disk an operation for each batch. So whoever's turn it is takes along what waits close to it, whichever queue it is of.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "commitlog/segments.h"

namespace imago::store {

/// A part of one segment that somebody wants to have; aligned for direct I/O.
struct log_range {
    log_position from;
    std::uint64_t size = 0;
    std::shared_ptr<commitlog::segment> segment;

    [[nodiscard]] log_position end() const { return from + size; }
};

/// One thread. Ranges are not owned, and stay where they are while they wait.
class waiting_reads {
public:
    /// What is closer together than this is read in one go; a read is at most so large (a larger range: as large as it is).
    static constexpr std::uint64_t gap_max = 32 * 1024;
    static constexpr std::uint64_t together_max = 128 * 1024;

    enum class urgency { wanted, ahead };

    /// What goes to the disk next.
    struct next_read {
        log_range whole;                 ///< from the first one's beginning to the last one's end
        std::vector<log_range*> ranges;  ///< by position; they may overlap
    };

    void add(log_range& range, urgency how);
    /// False if it does not wait (any more).
    bool remove(log_range& range);
    /// What was added ahead is wanted from now on, behind those that are already; nothing if it does not wait (any more).
    void hurry(log_range& range);

    [[nodiscard]] bool empty() const { return places_.empty(); }
    /// Whoever has waited longest, the wanted ones first, and what lies close to it: never more of what nobody wants than of what
    /// somebody does. Not empty.
    [[nodiscard]] const next_read& peek();
    /// Takes what peek() told.
    void pop();

private:
    using turns = std::list<log_range*>;
    struct place {
        turns* in;
        turns::iterator at;
    };
    struct key {
        log_position from;
        log_range* range;
        bool operator<(const key& other) const { return std::pair(from.value, range) < std::pair(other.from.value, other.range); }
    };
    using places = std::map<key, place>;

    turns wanted_;
    turns ahead_;
    places places_;
    next_read next_;
};

}  // namespace imago::store
