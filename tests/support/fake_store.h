// A store in memory, for tests of the rooms above it: appends, changes, bounds, waiters and reads behave as
// the contract of store/store.h says, but nothing is kept anywhere. What the log would hold is written down,
// so that a test can crash after any frame and look at what a new start would find.
//
// Three ways to run: `immediate` answers inside the call, `stepped` when step() is called, `threaded` on a
// log thread.
#pragma once

#include "store/store.h"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

namespace imago::test {

class fake_store final : public store::store {
public:
    enum class mode { immediate, stepped, threaded };

    explicit fake_store(std::vector<imago::store::table_binding> tables = {}, mode how = mode::immediate);
    ~fake_store() override;

    // ---- what a test may ask and do ----
    /// Frames of changes that became durable, in order.
    [[nodiscard]] std::vector<std::vector<imago::store::table_change>> frames() const;
    /// Applies the first `count` frames (all by default) to these tables, as a start after a crash would.
    void replay(const std::vector<imago::store::table_binding>& tables, std::size_t count = SIZE_MAX) const;
    /// Queues that exist, ascending.
    [[nodiscard]] std::vector<queue_id> queues() const;
    /// Queues that would exist if only the first `count` frames had become durable.
    [[nodiscard]] std::vector<queue_id> queues_after(std::size_t count) const;
    /// Fails the `nth` change from now on (0 = the next one) with `error`, once; nothing of it is applied.
    void fail_change(std::size_t nth, std::error_code error);
    /// The next append fails for each of its batches.
    void fail_append(std::error_code error);
    [[nodiscard]] std::size_t retention_looks() const { return retention_looks_; }

    // ---- store::store ----
    void close() override;
    void append(imago::store::append_request& request) override;
    void change(imago::store::change_request& request) override;
    [[nodiscard]] queue_id new_queue_ids(std::uint32_t count) override;
    [[nodiscard]] std::optional<imago::store::queue_bounds> bounds(queue_id id) const override;
    [[nodiscard]] std::uint64_t live_bytes(queue_id id) const override;
    [[nodiscard]] bool wait(queue_id id, queue_offset past, imago::store::waiter& waiter) override;
    bool cancel(imago::store::waiter& waiter) override;
    [[nodiscard]] result<std::unique_ptr<imago::store::reader>> make_reader() override;
    void retention_changed() override { ++retention_looks_; }
    void checkpoint_soon() override {}
    [[nodiscard]] imago::store::recovery_report recovered() const override { return {}; }
    [[nodiscard]] imago::store::store_statistics statistics() const override;
    bool step() override;
    bool maintain() override { return false; }

private:
    friend class fake_reader;
    struct stored {
        queue_offset base;
        std::int64_t count = 0;
        unix_ms max_timestamp = -1;
        std::shared_ptr<const std::vector<std::byte>> bytes;
    };
    struct queue_state {
        queue_offset start;
        queue_offset end;
        std::vector<stored> batches;
    };
    /// What a change of table 0 means, found by making the same change again.
    struct queue_change {
        enum class kind { created, removed } what{};
        queue_id id;
    };
    using work = std::function<void()>;

    void hand_over(work job);
    void do_append(imago::store::append_request& request);
    void do_change(imago::store::change_request& request);
    void apply_to_queues(const imago::store::table_change& change, std::map<queue_id, queue_state>& queues,
                         std::vector<imago::store::waiter*>& woken);
    void trim(const imago::store::table_change& change, std::map<queue_id, queue_state>& queues);
    void learn(queue_id id);

    const std::vector<imago::store::table_binding> tables_;
    const mode mode_;
    mutable std::mutex mutex_;
    std::condition_variable more_;
    std::deque<work> jobs_;
    bool closing_ = false;
    std::map<queue_id, queue_state> queues_;
    std::map<std::string, queue_change> meanings_;
    std::vector<imago::store::waiter*> waiters_;
    std::vector<std::vector<imago::store::table_change>> frames_;
    std::map<std::size_t, std::error_code> failures_;
    std::error_code append_failure_;
    std::uint32_t next_queue_ = 16;
    imago::store::store_statistics statistics_;
    std::atomic<std::size_t> retention_looks_{0};
    std::thread thread_;
};

}  // namespace imago::test
