// The one owner of the log: assigns offsets and positions, submits groups, publishes the index. Everything here runs on the
// log thread, but post() and statistics.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "commitlog/frontier.h"
#include "commitlog/log_writer.h"
#include "store/change_codec.h"
#include "store/disk_turns.h"
#include "store/index_journal.h"
#include "store/inbox.h"
#include "store/latency_histogram.h"
#include "store/log_usage.h"
#include "store/producers.h"
#include "store/store.h"

namespace imago::store {

/// What the log thread and the maintenance thread share, built by open() bottom-up.
struct store_parts {
    io::disk& disk;
    store_options options;
    std::vector<table_binding> tables;
    std::unique_ptr<commitlog::segment_set> segments;
    std::unique_ptr<commitlog::tail_cache> cache;
    std::unique_ptr<consumequeue::queue_index> index;
    std::unique_ptr<commitlog::frontier_file> frontier;
    std::unique_ptr<index_journal> journal;
    producer_table producers;
    log_usage usage;
    recovery_report recovered;
    std::atomic<std::uint32_t> next_queue_id{first_queue_id};
    small_writes writes;

    [[nodiscard]] table* table_of(table_id id) const;
    void say(std::string_view line) const {
        if (options.log) options.log(line);
    }
    [[nodiscard]] std::string name_of(queue_id id) const;
};

/// The changes of table 0 (queues): key = id, value = start offset.
[[nodiscard]] std::string queue_key(queue_id id);
[[nodiscard]] bool decode_queue_change(const decoded_change& change, queue_id& id, queue_offset& start);

/// What the log thread asks of the maintenance thread.
inline constexpr unsigned want_segment = 1;
inline constexpr unsigned want_reclaim = 2;
inline constexpr unsigned want_journal = 4;

class log_thread {
public:
    log_thread(store_parts& parts, std::unique_ptr<io::ring> ring);

    /// Appending goes on at `position`; offsets go on where the index ends.
    void start_at(log_position position);

    // ---- any thread ----
    /// `first` and those linked to it.
    void post(append_request& first);
    void post(change_request& request);
    void post_table_rewrite();
    /// Answers everything that still comes with `closing`; what was accepted is finished.
    void close();
    /// The disk failed elsewhere (no segment can be prepared): as if a write of the log had failed.
    void report_failure(std::error_code error);
    /// Something that the thread may wait for has changed (a segment was prepared).
    void look_again();
    void fill(store_statistics& statistics) const;
    /// After index blocks were written: ends a hold-up that waited for that.
    void index_written();
    /// Everything below is durable, published and applied to the tables.
    [[nodiscard]] log_position published() const { return {published_.load(std::memory_order_acquire)}; }
    [[nodiscard]] bool failed() const { return failed_.load(std::memory_order_acquire); }
    /// Called when the maintenance thread has something to do. Any thread.
    std::function<void(unsigned what)> poke_maintenance;

    // ---- the thread itself ----
    /// One round: completions, new requests, the next group. True if anything was done.
    bool step();
    [[nodiscard]] bool under_way() const { return ring_->in_flight() > 0; }
    /// Runs until close() and nothing is left.
    void run();

private:
    void wake();
    /// The requests are small, the log is idle and its thread asleep: the caller lays them out, writes them and is answered,
    /// all within this call. False: nothing was done.
    [[nodiscard]] bool write_directly(append_request& first, std::uint64_t bytes);
    [[nodiscard]] bool quiet() const;
    [[nodiscard]] bool may_write() const;
    /// One frame of a group that is laid out or being written; the arrays are reused.
    struct pending {
        append_request* request = nullptr;
        append_batch* batch = nullptr;
        change_request* change = nullptr;
        queue_id queue;
        consumequeue::index_entry entry;
        bool no_frame = false;    ///< a duplicate: only waits for the group
        bool idempotent = false;  ///< the batch is that of an idempotent producer
    };
    /// What is on its way to the disk together.
    struct group {
        std::vector<pending> frames;
        std::chrono::steady_clock::time_point started;
    };
    struct queue_slot {
        queue_offset next;
        bool exists = false;
    };

    void lay_out();
    [[nodiscard]] bool lay_out(append_request& request);
    /// False: wait for a completion. True: the batch has its place or its error.
    [[nodiscard]] bool lay_out(append_request& request, append_batch& batch);
    [[nodiscard]] bool lay_out(change_request& request);
    [[nodiscard]] bool lay_out_rewrite();
    pending& append_frame(queue_id queue, byte_view bytes, std::uint64_t hash, bool log_append_time);
    void start_write(bool directly = false);
    void on_written(std::error_code error);
    void finish_write(std::error_code error);
    void write_journal(log_position from, log_position to);
    void apply(change_request& request);
    void apply(const table_change& change);
    void complete(append_request& request, append_batch& batch, std::error_code error);
    static void answer(append_request& request, append_batch& batch, std::error_code error);
    void fail_everything(std::error_code error);
    void refuse_all(std::error_code error);
    [[nodiscard]] bool stamp_due();
    [[nodiscard]] bool index_is_full();
    [[nodiscard]] queue_slot& slot_of(queue_id id);
    /// The group behind the oldest `n` of those being written.
    [[nodiscard]] group& nth_write(std::size_t n) { return writing_[(oldest_ + n) % writing_.size()]; }
    [[nodiscard]] bool idle() const;

    store_parts& parts_;
    std::unique_ptr<io::ring> ring_;
    commitlog::log_writer writer_;

    /// Everything that is not atomic below: held by the log thread but while it sleeps, and by who writes directly.
    std::mutex baton_;
    bool awake_ = false;            ///< log thread only: it holds the baton
    bool direct_ = false;           ///< baton: who holds it is not the log thread, and must not use the ring
    bool stamp_armed_ = false;      ///< baton: the thread sleeps no longer than to the next stamp
    std::chrono::steady_clock::time_point direct_after_{};  ///< baton: no direct writes before; the disk was slow
    inbox<append_request> append_inbox_;
    inbox<change_request> change_inbox_;
    fifo<append_request> appends_;
    fifo<change_request> changes_;
    std::size_t batch_cursor_ = 0;  ///< next batch of appends_.front()
    std::int64_t backlog_bytes_ = 0;  ///< of appends_, and what is not laid out yet of its front; may be a little late, so below 0
    std::atomic<bool> sleeping_{false};
    std::atomic<bool> closing_{false};
    std::atomic<bool> rewrite_{false};
    std::atomic<std::uint64_t> waiting_bytes_{0};
    std::atomic<bool> writer_busy_{false};
    std::atomic<bool> waits_for_index_{false};
    bool ring_progress_ = false;  ///< a completion came while waiting

    std::vector<queue_slot> slots_;  ///< by queue id: offsets assigned, also those not durable yet
    std::vector<pending> building_;
    /// The writer's writes, from oldest_ on.
    std::array<group, commitlog::log_writer::writes_limit> writing_;
    std::size_t oldest_ = 0;
    std::vector<pending> written_;  ///< durable, being published
    std::vector<std::unique_ptr<change_request>> rewrites_;  ///< changes of our own
    std::size_t changes_under_way_ = 0;
    std::vector<std::byte> scratch_;
    unix_ms now_ = 0;
    std::uint64_t bytes_since_stamp_ = 0;
    log_position poked_at_;

    std::atomic<std::uint64_t> published_{0};
    std::atomic<bool> failed_{false};
    std::atomic<int> reported_{0};  ///< errno of report_failure
    std::atomic<std::uint64_t> groups_{0}, frames_{0}, records_{0}, batch_bytes_{0}, log_bytes_{0}, duplicates_{0};
    latency_histogram flushes_;
};

}  // namespace imago::store
