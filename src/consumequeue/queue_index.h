// The index over all queues: for each queue, the list of places in the commit log that hold its batches.
//
// The newest entries of a queue live in memory (its tail). When the tail holds entries_per_block entries it
// becomes a block: 4 KiB, written exactly once. Blocks of all queues go into the same files, one after the
// other, so that writing them costs the same for one queue and for a million. Of a written block only a mark
// stays in memory, which says where it lies. All of it can be rebuilt from the commit log.
//
// Threads: "log thread" functions are called by the one thread that owns the log; "background" ones by the
// one maintenance thread; all others by any thread. Queues are guarded by striped locks held for a few memory
// accesses, never across I/O. With a simulated disk one thread plays all parts.
#pragma once

#include "base/ids.h"
#include "base/result.h"
#include "consumequeue/entry.h"
#include "io/disk.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace imago::consumequeue {

struct index_options {
    std::string directory;  ///< block files live here
    std::size_t tail_memory_max = 512ULL
                                  << 20;  ///< tails above it are sealed early, as blocks that are not full
    std::size_t block_cache_bytes = 16ULL << 20;  ///< blocks read back from disk
    std::size_t open_files_max = 1024;
    /// So many blocks wait for each other before they are written, in one write; they stay in memory until
    /// then. Fewer where tail_memory_max is small.
    std::size_t write_together = 1;
    std::uint32_t blocks_per_file = 16384;
};

/// Where a block lies on disk.
struct block_place {
    std::uint32_t file = 0;   ///< number of the block file
    std::uint32_t block = 0;  ///< number of the block in it
    friend auto operator<=>(const block_place&, const block_place&) = default;
};

/// What stays in memory of a written block.
struct block_mark {
    queue_offset first;  ///< where it begins: the end of the block before (its first entry may start later)
    log_position position;  ///< of its first entry's frame; with the next mark it bounds a rebuild
    unix_ms max_timestamp;  ///< largest in the block
    std::uint64_t
        bytes_before;     ///< sum of batch sizes of this queue before the block (for retention by size)
    block_place place{};  ///< once it is on disk
};

/// A queue as a checkpoint stores it. Entries of blocks not yet safely on disk are in `tail`.
struct queue_snapshot {
    queue_id id;
    queue_offset start;
    queue_offset end;
    std::uint64_t first_block = 0;  ///< number of marks.front() among all blocks that the queue ever had
    std::uint64_t bytes_total = 0;  ///< sum of batch sizes ever published
    queue_offset tail_first{-1};    ///< where the tail begins: the end of the last block in marks
    std::vector<block_mark> marks;
    std::vector<index_entry> tail;
};

/// Where a lookup has to go on: a block on disk.
struct block_ref {
    queue_id queue;
    std::uint64_t number = 0;  ///< of all blocks that the queue ever had
    block_place place;
    queue_offset first;  ///< offsets of the block lie in [first, end)
    queue_offset end;
    log_position from_position;  ///< frames of the block lie in [from_position, to_position)
    log_position to_position;
    unix_ms max_timestamp = -1;  ///< largest in the block, also counting entries below the queue's start

    /// In the file that block_file() gives.
    [[nodiscard]] std::uint64_t byte_offset() const { return std::uint64_t{place.block} * block_size; }
};

enum class lookup : std::uint8_t {
    found,         ///< entries were appended to the output
    at_end,        ///< offset == end: nothing yet
    out_of_range,  ///< below start or above end
    unknown_queue,
    in_block,  ///< get the block (cached_block, or read it and admit_block), then ask it
};

/// A reader that waits for a queue to grow. Owned by the caller, linked while waiting.
struct waiter {
    /// Called once by publish on the log thread, after the waiter was unlinked and with no lock held; must
    /// not block. Also called when the queue is removed.
    void (*woken)(waiter&) = nullptr;
    void* context = nullptr;
    // Owned by the index while linked:
    queue_id queue{};
    waiter* next = nullptr;
    waiter* previous = nullptr;
    bool linked = false;
};

/// A decoded, verified block. Pointers and spans point into it.
struct block {
    std::vector<index_entry> entries;

    /// As queue_index::locate: from the entry that holds `from`, or the next one, on. Empty if there is none:
    /// the rest of the block was lost.
    [[nodiscard]] std::span<const index_entry> locate(queue_offset from, std::size_t max_bytes) const;
    /// The first entry that reaches above `from` and has max_timestamp >= time; or null: go on behind the
    /// block.
    [[nodiscard]] const index_entry* locate_time(unix_ms time, queue_offset from) const;
    /// The first entry with the largest max_timestamp of those that reach above `from`; or null.
    [[nodiscard]] const index_entry* locate_max_timestamp(queue_offset from) const;
};

class open_files;

/// The disk outlives the index. The ring that pump() uses is destroyed before the index, or nothing of pump()
/// is in flight on it then.
class queue_index {
public:
    queue_index(io::disk& disk, index_options options);
    ~queue_index();
    queue_index(const queue_index&) = delete;
    queue_index& operator=(const queue_index&) = delete;

    // ---- log thread (and start-up) ----
    /// A new, empty queue that starts (and ends) at `start`. Ids are dense enough to be array indexes.
    void create(queue_id id, queue_offset start);
    /// Forgets a queue, wakes its waiters; its file is removed in the background.
    void remove(queue_id id);
    /// Moves the start; never backwards, never past the end. Blocks wholly below it are given back.
    void trim(queue_id id, queue_offset start);
    /// Adds an entry that is durable now; entry.base must equal the queue's end, or lie above it if offsets
    /// between were lost to damage (reads in the hole answer with damage). Wakes the waiters of the queue.
    /// Returns where the queue starts. During recovery an entry whose end is not above the queue's end is already
    /// known and skipped: returns nothing. (Also for a queue that does not exist, and for an entry without records.)
    std::optional<queue_offset> publish(queue_id id, const index_entry& entry);
    /// Start-up only.
    void restore(queue_snapshot&& snapshot);

    // ---- any thread ----
    [[nodiscard]] std::optional<queue_bounds> bounds(queue_id id) const;
    /// Entries from the one that holds `from` (or the next one, if `from` lies in a hole) on, in order, as
    /// long as their sizes sum up to no more than max_bytes; at least one. Stops at a block border: may give
    /// fewer than there are.
    [[nodiscard]] lookup locate(queue_id id, queue_offset from, std::size_t max_bytes,
                                std::vector<index_entry>& entries, block_ref& in_block) const;
    /// The first entry with max_timestamp >= time, of those that reach above the queue's start and above
    /// `from`; at_end if there is none. in_block: ask block.locate_time(time, bounds.start); if it has none
    /// (that can happen in the block that the start cuts) call again with from = in_block.end.
    [[nodiscard]] lookup locate_time(queue_id id, unix_ms time, index_entry& entry, block_ref& in_block,
                                     queue_offset from = {}) const;
    /// The entry with the largest max_timestamp (the first of equals), of those that reach above the queue's
    /// start and above `from`. in_block: ask block.locate_max_timestamp(bounds.start); if that one is smaller
    /// than in_block.max_timestamp, the start cuts the block: call again with from = in_block.end and take
    /// the larger.
    [[nodiscard]] lookup locate_max_timestamp(queue_id id, index_entry& entry, block_ref& in_block,
                                              queue_offset from = {}) const;
    /// From the cache, else null: read it with block_file() and admit_block().
    [[nodiscard]] std::shared_ptr<const block> cached_block(const block_ref& ref) const;
    /// The open block file, for a 4 KiB read at ref.byte_offset(). Opening may take microseconds.
    [[nodiscard]] result<std::shared_ptr<io::file>> block_file(const block_ref& ref) const;
    /// Verifies and caches 4 KiB that were read. A block that is not what ref says gives
    /// index_errc::bad_block: rebuild it from the log with rebuild_block().
    [[nodiscard]] result<std::shared_ptr<const block>> admit_block(const block_ref& ref,
                                                                   byte_view bytes) const;
    /// Puts entries that were found in the log in place of a bad block: caches it and queues it to be written
    /// again.
    [[nodiscard]] std::shared_ptr<const block> rebuild_block(const block_ref& ref,
                                                             std::vector<index_entry> entries);

    /// Links the waiter unless the queue's end is above `past` (or there is no queue): then false, and
    /// woken() will not be called.
    [[nodiscard]] bool wait(queue_id id, queue_offset past, waiter& waiter);
    /// For a waiter that wait() linked. True: unlinked, woken() will not be called. False: publish or remove
    /// has taken it, woken() has been or is about to be called (the caller must wait for that call).
    bool cancel(waiter& waiter);

    /// Sum of the sizes of batches from the start on (an estimate by one block for blocks on disk).
    [[nodiscard]] std::uint64_t live_bytes(queue_id id) const;

    // ---- background ----
    /// True when enough blocks wait to be written, or files to be removed or holes to be punched.
    [[nodiscard]] bool has_writes() const;
    /// Set by the owner before threads start: called (any thread, no lock held) when has_writes() becomes
    /// true.
    std::function<void()> on_work;
    /// Submits block writes until `depth` are in flight and returns how many are. Completions are taken by
    /// the ring's reap() or wait(), which the owner calls, and by the next pump() or sync_blocks(). Written
    /// blocks stay readable in memory until they are durable; when those take much memory pump makes them
    /// durable by itself, in the background. Also removes files and punches holes of what was removed or
    /// trimmed, up to `depth` in one call. An I/O error is kept in error(). Lack of space is not fatal: the
    /// blocks stay in memory, each pump tries one of them, the error goes away with the first success. (Do
    /// not pump in a loop while it lasts.) Any other error ends writing. One ring at a time: before another
    /// one is used or this one destroyed, in-flight writes must have completed.
    std::size_t pump(io::ring& ring, std::size_t depth);
    [[nodiscard]] std::error_code error() const;
    /// Makes all blocks that pump() completed durable (fdatasync of each changed file, and of the directory
    /// if it has new files). Blocks written before this call may be left out of tails by snapshot() after it.
    [[nodiscard]] result<> sync_blocks(io::ring& ring);
    /// Looks for block files that no mark points into (their queues were removed, or the marks were lost,
    /// just before a crash; or an older version made them) and hands them to pump() for removal; blocks of
    /// the other files that no mark names become holes, if they are many. To be called once, after recovery,
    /// before the first pump(). Returns how many files.
    std::size_t remove_unknown_files();
    /// Calls visit for each queue, one after the other, each a consistent picture at its own moment
    /// (publishing goes on meanwhile; replay of the log from before the first visit evens that out). Marks
    /// name only blocks that sync_blocks made durable; entries of younger blocks are given in tail.
    void snapshot(const std::function<void(const queue_snapshot&)>& visit) const;

    struct usage {
        std::uint64_t queues = 0;
        std::uint64_t tail_bytes = 0;
        std::uint64_t blocks_waiting = 0;
        std::uint64_t blocks_written = 0;
        std::uint64_t waiters = 0;
    };
    [[nodiscard]] usage used() const;
    /// usage::tail_bytes alone: cheap enough to ask all the time.
    [[nodiscard]] std::uint64_t memory_bytes() const;
    /// All queue ids that exist, ascending.
    [[nodiscard]] std::vector<queue_id> queues() const;

private:
    struct state;
    std::unique_ptr<state> state_;
};

enum class index_errc { bad_block = 1, unknown_queue };
[[nodiscard]] std::error_code make_error_code(index_errc error);

}  // namespace imago::consumequeue

template <>
struct std::is_error_code_enum<imago::consumequeue::index_errc> : std::true_type {};
