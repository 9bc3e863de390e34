// What is kept in memory of each queue. A queue's offsets are covered without a gap by, from old to new:
//
//   marks of blocks on disk | marks of sealed blocks still in memory | tail
//   sealed->marks[0..)        sealed->memory (the last marks)          tail_first .. end
//
// so that mark i covers [marks[i].first, marks[i + 1].first), and the last mark ends at tail_first (or at the
// queue's end while the tail is empty). Offsets lost to damage lie in front of the next entry, within its
// block's range.
#pragma once

#include "consumequeue/entry.h"
#include "consumequeue/queue_index.h"
#include "consumequeue/slab_pool.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace imago::consumequeue {

/// Entries that a tail slab of each class holds; class 0 is no slab.
inline constexpr std::array<std::uint16_t, 5> tail_capacity{0, 4, 16, 48, entries_per_block};
[[nodiscard]] constexpr std::uint8_t tail_class_for(std::size_t count) {
    std::uint8_t size_class = 0;
    while (tail_capacity[size_class] < count) ++size_class;
    return size_class;
}

/// A block that is full (or closed early) and not yet safely on disk. Its entries never change. It is always
/// in one of the writer's hands (waiting, in flight, or written and not synced), which frees it, unless
/// `durable`: then it waits in its queue's list for the blocks before it.
struct sealed_block {
    queue_id queue;
    std::uint64_t number = 0;
    queue_offset first;
    queue_offset end;
    block_place place;  ///< the writer's until it is durable
    index_entry* entries = nullptr;
    std::uint16_t count = 0;
    std::uint8_t size_class = 0;
    bool dropped = false;  ///< stripe lock: the queue has no use for it any more
    bool durable = false;  ///< stripe lock
};

/// Only queues with blocks have one.
struct sealed_part {
    std::uint64_t first_block = 0;  ///< number of marks.front(), or of the next block to seal
    std::vector<block_mark> marks;
    std::vector<sealed_block*> memory;  ///< the blocks of the last marks
};

/// Guarded by the queue's stripe lock; only the log thread changes what is marked (log), and it may read that
/// without.
struct queue_state {
    queue_offset start;               // (log)
    queue_offset end;                 // (log)
    queue_offset tail_first;          // (log)
    std::uint64_t bytes_total = 0;    // (log)
    log_position last_position;       // (log) of the newest entry
    unix_ms tail_max_timestamp = -1;  // (log)
    index_entry* tail = nullptr;      // (log)
    std::unique_ptr<sealed_part> sealed;
    waiter* waiters = nullptr;
    queue_state* older = nullptr;  // log thread only: neighbours in the list of tails of the same size class
    queue_state* newer = nullptr;
    std::uint32_t id = 0;          // (log)
    std::uint16_t tail_count = 0;  // (log)
    std::uint8_t tail_class = 0;   // (log)
    bool exists = false;           // (log)

    [[nodiscard]] queue_offset covered_by_tail() const { return tail_count == 0 ? end : tail_first; }
};
static_assert(sizeof(queue_state) <= 104, "there may be a million of them");

/// Ids to states: a radix tree of three levels whose lowest chunks come and go with their queues.
///
/// The log thread adds and erases. Others find a state while they hold the stripe lock of its id, and must
/// not keep it: a chunk is unlinked first and freed only after each of its stripes was locked once, so that
/// whoever had found it before is done.
class queue_table {
public:
    static constexpr std::size_t stripe_count = 1024;
    struct alignas(64) stripe {
        std::mutex mutex;
        std::uint64_t waiters = 0;
    };

    queue_table() : stripes_(new stripe[stripe_count]) {}
    ~queue_table();
    queue_table(const queue_table&) = delete;
    queue_table& operator=(const queue_table&) = delete;

    [[nodiscard]] stripe& stripe_of(queue_id id) const { return stripes_[id.value % stripe_count]; }
    [[nodiscard]] stripe& stripe_at(std::size_t i) const { return stripes_[i]; }

    /// Null if the queue does not exist.
    [[nodiscard]] queue_state* find(queue_id id) const {
        const branch* b = root_[id.value >> 20].load(std::memory_order_acquire);
        if (b == nullptr) return nullptr;
        chunk* c = b->chunks[(id.value >> 8) & 0xfff].load(std::memory_order_acquire);
        if (c == nullptr) return nullptr;
        queue_state& state = c->states[id.value & 0xff];
        return state.exists ? &state : nullptr;
    }
    /// A fresh state; not yet visible to others: set it up, then set `exists` under the lock.
    [[nodiscard]] queue_state& add(queue_id id);
    /// The state must be empty (no tail, blocks or waiters) and not exist any more.
    void erase(queue_id id);

    /// Calls visit(state) for each queue in ascending order, under its stripe lock.
    template <class F>
    void for_each(F&& visit) const {
        for_each_id([&](queue_id id) {
            const std::lock_guard hold(stripe_of(id).mutex);
            if (queue_state* state = find(id)) visit(*state);
        });
    }
    /// Calls visit(id) for each id that may exist, in ascending order, without a lock.
    template <class F>
    void for_each_id(F&& visit) const {
        for (std::uint32_t i = 0; i < root_size; ++i) {
            const branch* b = root_[i].load(std::memory_order_acquire);
            if (b == nullptr) continue;
            for (std::uint32_t j = 0; j < branch_size; ++j) {
                if (b->chunks[j].load(std::memory_order_relaxed) == nullptr) continue;
                for (std::uint32_t k = 0; k < chunk_size; ++k) visit(queue_id{(i << 20) | (j << 8) | k});
            }
        }
    }
    [[nodiscard]] std::uint64_t size() const { return size_.load(std::memory_order_relaxed); }

private:
    static constexpr std::uint32_t root_size = 4096;
    static constexpr std::uint32_t branch_size = 4096;
    static constexpr std::uint32_t chunk_size = 256;
    struct chunk {
        std::uint32_t live = 0;
        std::array<queue_state, chunk_size> states;
    };
    struct branch {
        std::array<std::atomic<chunk*>, branch_size> chunks{};
    };

    std::unique_ptr<stripe[]> stripes_;
    std::array<std::atomic<branch*>, root_size> root_{};
    std::atomic<std::uint64_t> size_{0};
};

}  // namespace imago::consumequeue
