// The inside of queue_index.
#pragma once

#include "consumequeue/block_format.h"
#include "consumequeue/block_writer.h"
#include "consumequeue/index_memory.h"
#include "consumequeue/lru.h"
#include "consumequeue/open_files.h"
#include "consumequeue/queue_state.h"

namespace imago::consumequeue {

/// Tails of one size class, oldest first, linked through the queues. Log thread only.
class tail_list {
public:
    void add(queue_state& queue) {
        queue.older = newest_;
        queue.newer = nullptr;
        (newest_ != nullptr ? newest_->newer : oldest_) = &queue;
        newest_ = &queue;
    }
    void remove(queue_state& queue) {
        (queue.older != nullptr ? queue.older->newer : oldest_) = queue.newer;
        (queue.newer != nullptr ? queue.newer->older : newest_) = queue.older;
        queue.older = queue.newer = nullptr;
    }
    [[nodiscard]] queue_state* oldest() const { return oldest_; }

private:
    queue_state* oldest_ = nullptr;
    queue_state* newest_ = nullptr;
};

struct block_key {
    queue_id queue;
    std::uint64_t number;
    bool operator==(const block_key&) const = default;
};
struct block_key_hash {
    std::size_t operator()(const block_key& key) const {
        return (key.number * 0x9e3779b97f4a7c15U) ^ (std::uint64_t{key.queue.value} * 0xc2b2ae3d27d4eb4fU);
    }
};

struct queue_index::state {
    state(io::disk& disk_in, index_options options_in, std::function<void()> work)
        : options(std::move(options_in)),
          files(disk_in, options.directory, options.open_files_max),
          cache(std::max<std::size_t>(options.block_cache_bytes / block_size, 1)),
          writer(table, memory, files, disk_in, options, std::move(work)) {}

    // ---- log thread; each takes the stripe lock by itself ----
    /// The tail's slab has another size class now, or there is none any more.
    void tail_changed(queue_state& queue, std::uint8_t before);
    /// Under the lock: makes the tail a block. The caller hands it to the writer afterwards.
    void seal(queue_state& queue, sealed_block& block);
    /// Tails take too much memory: makes blocks of some that are large and old.
    void relieve();

    // ---- under the stripe lock ----
    /// Blocks and the tail are pieces, numbered like marks; the tail is the one after the last mark.
    [[nodiscard]] static std::size_t piece_count(const queue_state& queue);
    [[nodiscard]] static std::size_t pieces_on_disk(const queue_state& queue);
    /// The piece that covers `from`, which lies below the queue's end.
    [[nodiscard]] static std::size_t piece_of(const queue_state& queue, queue_offset from);
    [[nodiscard]] static queue_offset piece_end(const queue_state& queue, std::size_t piece);
    [[nodiscard]] static unix_ms piece_max_timestamp(const queue_state& queue, std::size_t piece);
    /// Of a piece that is in memory.
    [[nodiscard]] static std::span<const index_entry> piece_entries(const queue_state& queue,
                                                                    std::size_t piece);
    /// Of a piece that is on disk.
    [[nodiscard]] static block_ref piece_ref(const queue_state& queue, std::size_t piece);
    [[nodiscard]] static std::uint64_t tail_bytes(const queue_state& queue);
    [[nodiscard]] waiter* take_waiters(queue_state& queue);
    // ---- without ----
    static void wake(waiter* taken);

    const index_options options;
    index_memory memory;
    queue_table table;
    open_files files;
    std::mutex cache_mutex;
    lru<block_key, std::shared_ptr<const block>, block_key_hash> cache;
    block_writer writer;

    // Log thread only:
    std::array<tail_list, tail_capacity.size()> tails;
    std::uint64_t tails_bytes = 0;  ///< of slabs of tails, without sealed blocks
};

}  // namespace imago::consumequeue
