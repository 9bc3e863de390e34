#include "support/fake_store.h"

#include "base/batch_builder.h"
#include "base/check.h"
#include "base/record_batch.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>

namespace imago::test {
namespace {

namespace st = imago::store;

/// What every batch with LogAppendTime gets.
constexpr unix_ms append_time = 1'600'000'000'000;

std::string spelling(const st::table_change& change) {
    return change.key + '\0' + (change.removed ? "-" : "+") + change.value;
}

/// Nothing ever completes later: reads are answered at once.
class idle_ring final : public io::ring {
public:
    idle_ring() : descriptor_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
    ~idle_ring() override { ::close(descriptor_); }
    void submit(io::request&) override { IMAGO_ASSERT(false); }
    void flush() override {}
    std::size_t reap() override { return 0; }
    std::size_t wait(std::chrono::nanoseconds) override { return 0; }
    void wake() override {}
    [[nodiscard]] int event_descriptor() const override { return descriptor_; }
    [[nodiscard]] std::size_t in_flight() const override { return 0; }

private:
    int descriptor_;
};

}  // namespace

class fake_reader final : public st::reader {
public:
    explicit fake_reader(fake_store& store) : store_(store) {}

    bool read(st::read_request& request) override {
        std::lock_guard lock(store_.mutex_);
        const auto found = store_.queues_.find(request.queue);
        if (found == store_.queues_.end()) {
            request.error = st::make_error_code(st::store_errc::unknown_queue);
            return true;
        }
        const auto& queue = found->second;
        request.bounds = {queue.start, queue.end};
        if (request.from < queue.start || request.from > queue.end) {
            request.error = st::make_error_code(st::store_errc::offset_out_of_range);
            return true;
        }
        for (const auto& batch : queue.batches) {
            if (batch.base + batch.count <= request.from) continue;
            const std::size_t size = batch.bytes->size();
            const bool first = request.slices.empty() && request.at_least_one;
            if (!first && request.bytes + size > request.max_bytes) break;
            request.slices.push_back({*batch.bytes, batch.bytes});
            request.bytes += size;
        }
        return true;
    }

    bool find(st::time_request& request) override {
        std::lock_guard lock(store_.mutex_);
        const auto found = store_.queues_.find(request.queue);
        if (found == store_.queues_.end()) {
            request.error = st::make_error_code(st::store_errc::unknown_queue);
            return true;
        }
        for (const auto& batch : found->second.batches) {
            const bool better = request.what == st::time_request::kind::max_timestamp
                                    ? batch.max_timestamp > request.max_timestamp || !request.found
                                    : !request.found && batch.max_timestamp >= request.time;
            if (!better) continue;
            request.found = true;
            request.base = batch.base;
            request.max_timestamp = batch.max_timestamp;
            request.batch = {*batch.bytes, batch.bytes};
        }
        return true;
    }

    void start() override {}
    io::ring& ring() override { return ring_; }

private:
    fake_store& store_;
    idle_ring ring_;
};

fake_store::fake_store(std::vector<st::table_binding> tables, mode how)
    : tables_(std::move(tables)), mode_(how) {
    if (mode_ == mode::threaded) {
        thread_ = std::thread([this] {
            std::unique_lock lock(mutex_);
            for (;;) {
                more_.wait(lock, [this] { return closing_ || !jobs_.empty(); });
                if (jobs_.empty()) return;
                work next = std::move(jobs_.front());
                jobs_.pop_front();
                lock.unlock();
                next();
                lock.lock();
            }
        });
    }
}

fake_store::~fake_store() { fake_store::close(); }

void fake_store::close() {
    if (mode_ == mode::stepped) {
        while (step()) {
        }
    }
    {
        std::lock_guard lock(mutex_);
        closing_ = true;
    }
    more_.notify_all();
    if (thread_.joinable()) thread_.join();
}

void fake_store::hand_over(work job) {
    if (mode_ == mode::immediate) return job();
    std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
    more_.notify_one();
}

bool fake_store::step() {
    work next;
    {
        std::lock_guard lock(mutex_);
        if (jobs_.empty()) return false;
        next = std::move(jobs_.front());
        jobs_.pop_front();
    }
    next();
    return true;
}

void fake_store::append(st::append_request& request) {
    hand_over([this, &request] { do_append(request); });
}

void fake_store::change(st::change_request& request) {
    hand_over([this, &request] { do_change(request); });
}

void fake_store::do_append(st::append_request& request) {
    std::vector<st::waiter*> woken;
    {
        std::lock_guard lock(mutex_);
        const std::error_code failure = std::exchange(append_failure_, {});
        ++statistics_.groups;
        for (st::append_batch& batch : request.batches) {
            const auto found = queues_.find(batch.queue);
            if (failure || found == queues_.end()) {
                batch.error = failure ? failure : st::make_error_code(st::store_errc::unknown_queue);
                continue;
            }
            queue_state& queue = found->second;
            auto bytes = std::make_shared<std::vector<std::byte>>(batch.bytes.begin(), batch.bytes.end());
            set_batch_prefix(*bytes, queue.end, static_cast<std::int32_t>(bytes->size()), {0});
            if (batch.log_append_time) {
                batch.append_time = append_time;
                set_log_append_time(*bytes, append_time);
            }
            const batch_view view(*bytes);
            batch.base = queue.end;
            batch.log_start = queue.start;
            queue.batches.push_back({queue.end, view.last_offset_delta() + 1, view.max_timestamp(), bytes});
            queue.end = queue.end + (view.last_offset_delta() + 1);
            statistics_.batch_bytes += bytes->size();
            std::erase_if(waiters_, [&](st::waiter* waiter) {
                if (waiter->queue != batch.queue) return false;
                waiter->linked = false;
                woken.push_back(waiter);
                return true;
            });
        }
    }
    for (st::waiter* waiter : woken) waiter->woken(*waiter);
    request.done(request);
}

void fake_store::do_change(st::change_request& request) {
    std::vector<st::waiter*> woken;
    {
        std::lock_guard lock(mutex_);
        ++statistics_.groups;
        std::map<std::size_t, std::error_code> left;
        for (const auto& [nth, error] : failures_) {
            if (nth == 0) {
                request.error = error;
            } else {
                left[nth - 1] = error;
            }
        }
        failures_ = std::move(left);
        if (!request.error) {
            frames_.push_back(request.changes);
            for (const auto& change : request.changes) {
                if (change.table == st::table_id::queues) apply_to_queues(change, queues_, woken);
            }
        }
    }
    if (!request.error) {
        for (const auto& change : request.changes) {
            for (const auto& [id, table] : tables_) {
                if (id == change.table)
                    table->apply(as_bytes(change.key), as_bytes(change.value), change.removed);
            }
        }
    }
    for (st::waiter* waiter : woken) waiter->woken(*waiter);
    request.done(request);
}

void fake_store::apply_to_queues(const st::table_change& change, std::map<queue_id, queue_state>& queues,
                                 std::vector<st::waiter*>& woken) {
    const auto meaning = meanings_.find(spelling(change));
    if (meaning == meanings_.end()) return trim(change, queues);
    if (meaning->second.what == queue_change::kind::created) {
        queues.try_emplace(meaning->second.id);
        return;
    }
    queues.erase(meaning->second.id);
    std::erase_if(waiters_, [&](st::waiter* waiter) {
        if (waiter->queue != meaning->second.id) return false;
        waiter->linked = false;
        woken.push_back(waiter);
        return true;
    });
}

void fake_store::trim(const st::table_change& change, std::map<queue_id, queue_state>& queues) {
    for (auto& [id, queue] : queues) {
        for (queue_offset start = queue.start; start <= queue.end; start = start + 1) {
            if (spelling(queue_trimmed(id, start)) != spelling(change)) continue;
            queue.start = start;
            std::erase_if(queue.batches,
                          [&](const stored& batch) { return batch.base + batch.count <= start; });
            return;
        }
    }
    IMAGO_ASSERT(!"a change of a queue that nobody knows");
}

void fake_store::learn(queue_id id) {
    meanings_[spelling(queue_created(id))] = {queue_change::kind::created, id};
    meanings_[spelling(queue_removed(id))] = {queue_change::kind::removed, id};
}

queue_id fake_store::new_queue_ids(std::uint32_t count) {
    std::lock_guard lock(mutex_);
    const queue_id first{next_queue_};
    for (; count > 0; --count) learn({next_queue_++});
    return first;
}

std::optional<st::queue_bounds> fake_store::bounds(queue_id id) const {
    std::lock_guard lock(mutex_);
    const auto found = queues_.find(id);
    if (found == queues_.end()) return std::nullopt;
    return st::queue_bounds{found->second.start, found->second.end};
}

std::uint64_t fake_store::live_bytes(queue_id id) const {
    std::lock_guard lock(mutex_);
    std::uint64_t sum = 0;
    if (const auto found = queues_.find(id); found != queues_.end()) {
        for (const stored& batch : found->second.batches) sum += batch.bytes->size();
    }
    return sum;
}

bool fake_store::wait(queue_id id, queue_offset past, st::waiter& waiter) {
    std::lock_guard lock(mutex_);
    const auto found = queues_.find(id);
    if (found == queues_.end() || found->second.end > past) return false;
    waiter.queue = id;
    waiter.linked = true;
    waiters_.push_back(&waiter);
    return true;
}

bool fake_store::cancel(st::waiter& waiter) {
    std::lock_guard lock(mutex_);
    if (!waiter.linked) return false;
    waiter.linked = false;
    std::erase(waiters_, &waiter);
    return true;
}

result<std::unique_ptr<st::reader>> fake_store::make_reader() { return std::make_unique<fake_reader>(*this); }

st::store_statistics fake_store::statistics() const {
    std::lock_guard lock(mutex_);
    return statistics_;
}

std::vector<std::vector<st::table_change>> fake_store::frames() const {
    std::lock_guard lock(mutex_);
    return frames_;
}

void fake_store::replay(const std::vector<st::table_binding>& tables, std::size_t count) const {
    std::size_t done = 0;
    for (const auto& frame : frames()) {
        if (done++ == count) return;
        for (const auto& change : frame) {
            for (const auto& [id, table] : tables) {
                if (id == change.table)
                    table->apply(as_bytes(change.key), as_bytes(change.value), change.removed);
            }
        }
    }
}

std::vector<queue_id> fake_store::queues() const {
    std::lock_guard lock(mutex_);
    std::vector<queue_id> ids;
    for (const auto& [id, queue] : queues_) ids.push_back(id);
    return ids;
}

std::vector<queue_id> fake_store::queues_after(std::size_t count) const {
    std::lock_guard lock(mutex_);
    std::map<queue_id, queue_state> there;
    for (std::size_t i = 0; i < std::min(count, frames_.size()); ++i) {
        for (const auto& change : frames_[i]) {
            if (change.table != st::table_id::queues) continue;
            const auto meaning = meanings_.find(spelling(change));
            if (meaning == meanings_.end()) continue;
            if (meaning->second.what == queue_change::kind::created) {
                there.try_emplace(meaning->second.id);
            } else {
                there.erase(meaning->second.id);
            }
        }
    }
    std::vector<queue_id> ids;
    for (const auto& [id, queue] : there) ids.push_back(id);
    return ids;
}

void fake_store::fail_change(std::size_t nth, std::error_code error) {
    std::lock_guard lock(mutex_);
    failures_[nth] = error;
}

void fake_store::fail_append(std::error_code error) {
    std::lock_guard lock(mutex_);
    append_failure_ = error;
}

}  // namespace imago::test
