// What must be done but not by the log thread: segments prepared ahead, index blocks written, checkpoints, retention,
// reclaiming. One thread; sleeps unless poked or something expires.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>

#include "store/checkpoint.h"
#include "store/log_thread.h"
#include "store/retention.h"

namespace imago::store {

class maintenance {
public:
    maintenance(store_parts& parts, log_thread& log, std::unique_ptr<checkpoint_files> checkpoints,
                std::unique_ptr<io::ring> ring);

    // ---- any thread ----
    void poke(unsigned what);
    void retention_changed();
    void checkpoint_soon();
    /// Ends run(), after a last checkpoint if `checkpoint`.
    void stop(bool checkpoint);
    /// How that went; after run() has ended.
    [[nodiscard]] std::error_code stop_error() const { return stop_error_; }
    [[nodiscard]] std::uint64_t checkpoints_written() const { return checkpoints_written_.load(std::memory_order_relaxed); }

    // ---- the thread itself ----
    /// One slice of work; true if anything was done.
    bool step();
    [[nodiscard]] bool under_way() const { return ring_->in_flight() > 0; }
    void run();
    /// The end of run(); for owners without threads.
    void finish();

private:
    [[nodiscard]] result<> final_checkpoint();
    struct own_change {
        change_request request;
        std::atomic<bool> answered{true};
        maintenance* self = nullptr;
    };

    bool prepare_segment();
    bool fill_segments();
    bool write_index();
    bool write_journal();
    bool keep_retention();
    bool reclaim();
    bool checkpoint_if_due();
    [[nodiscard]] result<> write_checkpoint();
    void send(std::vector<table_change> changes);
    [[nodiscard]] std::chrono::nanoseconds until_next() const;
    [[nodiscard]] std::chrono::nanoseconds until_fill() const;

    store_parts& parts_;
    log_thread& log_;
    std::unique_ptr<checkpoint_files> checkpoints_;
    std::unique_ptr<io::ring> ring_;
    retention_policy retention_;
    retention_view view_;

    std::atomic<unsigned> wanted_{0};
    std::atomic<bool> retention_changed_{true};
    std::atomic<bool> checkpoint_wanted_{false};
    std::atomic<bool> stopping_{false};
    std::atomic<bool> checkpoint_at_stop_{false};
    std::error_code stop_error_;
    own_change trims_;
    unix_ms tried_segment_at_ = 0;
    unix_ms tried_index_at_ = 0;
    bool segment_failed_ = false;
    std::chrono::steady_clock::time_point fill_at_{};  ///< the next piece of zeros; max(): nothing to fill
    std::chrono::steady_clock::time_point fill_looked_at_{};
    std::chrono::steady_clock::time_point fill_grew_at_{};
    log_position fill_log_end_;
    unix_ms looked_at_ = 0;         ///< last retention pass
    bool look_pending_ = false;     ///< queues came that no pass has seen
    std::size_t sealed_seen_ = 0;
    bool reclaim_pending_ = true;
    log_position checkpoint_at_;
    bool rewrite_asked_ = false;
    queue_offset rewrite_from_;
    std::atomic<std::uint64_t> checkpoints_written_{0};
};

}  // namespace imago::store
