// The one door to the disk: the commit log and the queue index composed.
//
//   append   batches of records to queues; done() is called when they are durable and readable
//   change   durable state of tables, through the same log
//   reader   batches from an offset on, from memory or disk
//   wait     to be told when a queue grows
//
// Threads: append, change, bounds, wait and cancel may be called from any thread; their done()/woken() run on the log
// thread, or within append() of whichever thread, and must only hand over (post to an event loop): never block, never call
// the store. A reader belongs to one thread.
// An acknowledged batch is on the disk: done() without error means that a write with RWF_DSYNC that holds it completed.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "consumequeue/queue_index.h"
#include "io/disk.h"
#include "store/errors.h"
#include "store/latency_histogram.h"
#include "store/table.h"

namespace imago::store {

using consumequeue::queue_bounds;
using consumequeue::waiter;

struct retention {
    std::int64_t ms = -1;     ///< batches whose newest record is older may go; -1 = keep for ever
    std::int64_t bytes = -1;  ///< a queue larger than this loses its oldest batches; -1 = no limit
};

struct store_options {
    std::string directory;
    std::uint64_t segment_bytes = 256ULL << 20;       ///< multiple of 1 MiB (tests: of 4 KiB)
    std::size_t cache_bytes = 256ULL << 20;           ///< newest part of the log kept in memory
    std::size_t group_bytes_max = 2ULL << 20;         ///< one commit; a larger batch is written alone
    /// Commits under way at once, at most commitlog::log_writer::writes_limit. One joins others when it has overlap_bytes, and
    /// overlap_backlog times what is under way then waits behind it.
    std::size_t writes_max = 4;
    std::size_t overlap_bytes = 512ULL << 10;
    std::size_t overlap_backlog = 1;
    /// Requests up to this size are written by the thread that appends them, if the log is idle; 0 = never.
    std::size_t direct_bytes_max = 64ULL << 10;
    std::uint64_t checkpoint_interval = 1ULL << 30;   ///< bytes of log between checkpoints
    std::size_t journal_piece_bytes = 256ULL << 10;   ///< the index journal is written in pieces of this size,
    std::uint64_t journal_piece_log_bytes = 16ULL << 20;  ///< or when so much of the log was not written down yet
    std::uint64_t journal_bytes_max = 1ULL << 30;     ///< of each of its two files
    std::size_t index_tail_memory = 512ULL << 20;
    std::size_t open_files_max = 1024;
    std::size_t index_write_together = 32;            ///< blocks of the index that one write waits for
    std::int64_t retention_check_ms = 300'000;        ///< retention is looked at no more often than this
    int recycled_segments_max = 2;                    ///< dead segments kept for reuse; more are removed
    std::int64_t producer_expiry_ms = 86'400'000;     ///< idempotence state of silent producers
    bool threads = true;                              ///< false: the owner calls step() and maintain() (simulation)
    bool zero_fill = true;                            ///< write zeros into new segments ahead of use
    std::function<unix_ms()> clock;                   ///< wall time; default: the system's
    /// Retention of a queue; called on the maintenance thread. Default: keep for ever.
    std::function<retention(queue_id)> retention_of;
    /// "topic[3]" for logs and damage reports. Default: "queue N".
    std::function<std::string(queue_id)> name_of;
    /// One line for the operator; any thread. Default: none.
    std::function<void(std::string_view)> log;
    /// Called once, on any thread, when a write or flush failed and nothing can be acknowledged any more.
    std::function<void(std::error_code)> on_failure;
};

/// One batch of one queue in an append_request.
struct append_batch {
    queue_id queue;
    /// A whole, validated record batch v2. Must stay until done(); it is not changed (offset and epoch are set in the log's copy).
    byte_view bytes;
    /// xxh3 of bytes after batch_prefix_size; see payload_hash(). Taken where the bytes are warm.
    std::uint64_t hash = 0;
    /// Set for message.timestamp.type=LogAppendTime: the batch's timestamp and CRC are then set at append time.
    bool log_append_time = false;

    // Outcome:
    std::error_code error;
    queue_offset base;           ///< offset of the first record (of the original, for a duplicate)
    unix_ms append_time = -1;    ///< with log_append_time: what the records got
    queue_offset log_start;
    bool duplicate = false;      ///< an idempotent producer's retry: nothing was written again
};

[[nodiscard]] std::uint64_t payload_hash(byte_view batch);

/// Any number of batches for any queues, made durable together. Owned by the caller, unmoved until done().
struct append_request {
    std::span<append_batch> batches;
    /// Log thread, or the thread that calls append(), from within. Each batch has its own error or offset.
    void (*done)(append_request&) = nullptr;
    void* context = nullptr;

    append_request* next = nullptr;  ///< append_all()'s, then the store's
    std::size_t pending = 0;         ///< the store's
};

/// Changes that become durable together, in one frame; applied to their tables before done().
struct change_request {
    std::vector<table_change> changes;
    void (*done)(change_request&) = nullptr;  ///< log thread
    void* context = nullptr;
    std::error_code error;

    change_request* next = nullptr;  ///< the store's
};

struct slice {
    byte_view bytes;
    std::shared_ptr<const void> owner;  ///< keeps bytes alive
};

/// Batches of a queue from an offset on. Owned by the caller, unmoved until answered.
struct read_request {
    queue_id queue;
    queue_offset from;
    std::size_t max_bytes = 0;
    bool at_least_one = true;  ///< give the first batch even if larger than max_bytes
    const void* consumer = nullptr;  ///< slices for the same one are let go together, and so may hold memory in common; only compared
    void (*done)(read_request&) = nullptr;
    void* context = nullptr;

    // Outcome. error: unknown_queue, offset_out_of_range, damaged (at `from`). No error and no slices: nothing there yet.
    std::error_code error;
    queue_bounds bounds{};
    std::vector<slice> slices;  ///< whole batches, the first one holds `from`; appended
    std::size_t bytes = 0;
};

/// Finds a batch by time.
struct time_request {
    enum class kind : std::uint8_t { at_or_after, max_timestamp };
    queue_id queue;
    kind what = kind::at_or_after;
    unix_ms time = 0;
    void (*done)(time_request&) = nullptr;
    void* context = nullptr;

    std::error_code error;
    bool found = false;
    queue_offset base;          ///< of the first batch with max_timestamp >= time (or with the largest)
    unix_ms max_timestamp = -1;
    slice batch;                ///< that batch, so that the caller can find the record
};

/// Reads for one thread. Destroyed only when nothing is pending.
class reader {
public:
    virtual ~reader() = default;
    /// True: answered in the request now, done() is not called. False: done() comes from ring().reap() or wait(), once start() was
    /// called.
    [[nodiscard]] virtual bool read(read_request& request) = 0;
    [[nodiscard]] virtual bool find(time_request& request) = 0;
    /// Begins what needs the disk: for those who got false, and what is read ahead for others. What lies side by side in the log is
    /// read in one go, so ask for all that is wanted now before it.
    virtual void start() = 0;
    /// For the thread's event loop: when event_descriptor() is readable, call reap().
    [[nodiscard]] virtual io::ring& ring() = 0;
};

/// What recovery found and did.
struct recovery_report {
    bool clean = false;                 ///< the last stop was a clean one
    bool rebuilt = false;               ///< without a checkpoint, from the whole log
    log_position end;                   ///< where appending goes on
    log_position replay_from;
    std::uint64_t frames_replayed = 0;  ///< read in the log
    std::uint64_t journal_entries = 0;  ///< frames that the index journal told of, so that the log was not read
    std::uint64_t bytes_cut = 0;        ///< torn tail, never acknowledged
    std::uint64_t damaged_ranges = 0;   ///< below the durable frontier: quarantined
    std::uint64_t queues = 0;
    std::chrono::microseconds took{};
};

/// Counters since open; any thread.
struct store_statistics {
    std::uint64_t groups = 0;             ///< durable writes of the log = device flushes asked for
    latency_counts flushes;               ///< how long each of them took
    std::uint64_t frames = 0;
    std::uint64_t records = 0;            ///< in batches of queues; changes of tables are none
    std::uint64_t batch_bytes = 0;
    std::uint64_t log_bytes = 0;          ///< with frame headers and padding
    std::uint64_t cache_reads = 0;        ///< batches served from memory
    std::uint64_t disk_reads = 0;         ///< read operations on the log
    std::uint64_t damaged_reads = 0;
    std::uint64_t segments = 0;
    std::uint64_t cache_bytes = 0;        ///< memory of the newest part of the log
    std::uint64_t queues = 0;
    std::uint64_t index_tail_bytes = 0;   ///< memory of the newest part of the indexes
    std::uint64_t index_blocks_waiting = 0;
    std::uint64_t waiters = 0;            ///< reads that wait for a queue to grow
    std::uint64_t checkpoints = 0;
    std::uint64_t index_blocks_written = 0;
    std::uint64_t duplicates = 0;
    bool out_of_space = false;
    bool failed = false;
    log_position end;
};

struct table_binding {
    table_id id;
    table* state;
};

class store {
public:
    /// Opens or creates the folder, recovers it, starts the threads. The tables are filled when it returns; they must
    /// outlive the store. `disk` too.
    [[nodiscard]] static result<std::unique_ptr<store>> open(io::disk& disk, store_options options,
                                                             std::vector<table_binding> tables = {});
    virtual ~store() = default;
    /// Finishes what was accepted, writes a checkpoint, marks a clean stop. New requests are answered with `closing`.
    virtual void close() = 0;

    virtual void append(append_request& request) = 0;
    /// Several that came together, linked by `next`: the same as append() of each in turn, but they share a flush where they
    /// can.
    virtual void append_all(append_request* first) {
        while (first != nullptr) append(*std::exchange(first, first->next));
    }
    virtual void change(change_request& request) = 0;
    /// Fresh queue ids, never given out before. The queue exists after change({queue_created(id)}).
    [[nodiscard]] virtual queue_id new_queue_ids(std::uint32_t count) = 0;
    [[nodiscard]] static table_change queue_created(queue_id id);
    [[nodiscard]] static table_change queue_removed(queue_id id);
    /// Moves a queue's start (DeleteRecords); below the present start it has no effect.
    [[nodiscard]] static table_change queue_trimmed(queue_id id, queue_offset start);

    [[nodiscard]] virtual std::optional<queue_bounds> bounds(queue_id id) const = 0;
    [[nodiscard]] virtual std::uint64_t live_bytes(queue_id id) const = 0;
    [[nodiscard]] virtual bool wait(queue_id id, queue_offset past, waiter& waiter) = 0;
    virtual bool cancel(waiter& waiter) = 0;
    [[nodiscard]] virtual result<std::unique_ptr<reader>> make_reader() = 0;

    /// Retention settings changed: look again.
    virtual void retention_changed() = 0;
    /// Asks for a checkpoint soon.
    virtual void checkpoint_soon() = 0;
    [[nodiscard]] virtual recovery_report recovered() const = 0;
    [[nodiscard]] virtual store_statistics statistics() const = 0;

    /// threads = false only: does what the log thread / the maintenance thread would do now; true if anything was
    /// done or is under way on the disk.
    virtual bool step() = 0;
    virtual bool maintain() = 0;
};

}  // namespace imago::store
