#include "client/producer_impl.h"
#include "wire/kafka/init_producer_id.h"

namespace imago::client {
namespace kafka = wire::kafka;

void producer::impl::trouble(partition_state& partition) {
    if (partition.troubled || ended_) return;
    partition.troubled = true;
    troubled_.push_back(&partition);
    if (recovering_) return;
    recovering_ = true;
    spawn([](impl& self) { return self.recover(); });
}

// One coroutine for all partitions in trouble: pause, ask where they live now, put them back into their lanes.
asio::awaitable<void> producer::impl::recover() {
    milliseconds pause = options_.retry_backoff;
    while (!troubled_.empty() && !ended_) {
        co_await sleep_for(pause);
        if (ended_) break;
        std::vector<std::string> names;
        for (const partition_state* partition : troubled_)
            if (std::find(names.begin(), names.end(), partition->home->name) == names.end())
                names.push_back(partition->home->name);
        const std::vector<std::string> asked = names;
        const result<> refreshed = co_await cluster_.refresh(std::move(names));
        if (ended_) break;
        for (const std::string& name : asked) {
            const topic_ptr info = refreshed ? cluster_.known(name) : nullptr;
            if (info) adopt(*topics_.at(name), *info);
        }
        const steady_time now = std::chrono::steady_clock::now();
        const std::vector<partition_state*> before = std::exchange(troubled_, {});
        bool moved = false;
        for (partition_state* partition : before) {
            if (partition->open && partition->overdue && partition->open->deadline <= now) seal(*partition);
            for (;;) {
                partition_queue::outcome outcome = partition->queue.expire(now);
                if (!outcome.done) break;
                finish(*partition, outcome, -1);
            }
            if (refreshed && partition->leader >= 0 && cluster_.known(partition->home->name)) {
                partition->troubled = false;
                moved = true;
                make_ready(*partition);
            } else {
                troubled_.push_back(partition);
            }
        }
        if (!identity_ready_) need_identity();
        pause = moved ? options_.retry_backoff : std::min(pause * 2, milliseconds(1000));
    }
    recovering_ = false;
}

// Sequence numbers are the server's and ours together. When they no longer agree, all partitions start again at 0
// under a new identity, once nothing sent under the old one is under way.
void producer::impl::need_identity() {
    if (acquiring_ || in_flight_ > 0 || ended_) return;
    acquiring_ = true;
    spawn([](impl& self) { return self.acquire_identity(); });
}

asio::awaitable<void> producer::impl::acquire_identity() {
    milliseconds pause = options_.retry_backoff;
    kafka::init_producer_id_request request;
    request.transaction_timeout_ms = 60'000;
    request.producer_id = -1;
    request.producer_epoch = -1;
    for (; !ended_; expire_all()) {
        std::error_code error;
        const result<connection_ptr> to = co_await cluster_.any();
        if (to) {
            const auto got = co_await (*to)->call<kafka::init_producer_id_response>(request);
            if (got) {
                error = from_wire(got->message.error_code);
                identity_ = {got->message.producer_id, got->message.producer_epoch};
            } else {
                error = got.error();
            }
        } else {
            error = to.error();
        }
        if (ended_) break;
        if (!error) {
            identity_ready_ = true;
            break;
        }
        if (error.category() == kafka_category() && !is_retriable(error)) {
            end(error);
            break;
        }
        if (error == client_errc::no_common_version) {
            end(error);
            break;
        }
        co_await sleep_for(pause);
        pause = std::min(pause * 2, milliseconds(1000));
    }
    acquiring_ = false;
    if (ended_) co_return;
    for (auto& [name, each] : topics_) {
        for (partition_state& partition : each->partitions) {
            std::vector<batch_ptr> unknown = partition.queue.reset();
            for (batch_ptr& batch : unknown)
                report(partition, std::move(batch), make_error_code(client_errc::outcome_unknown), -1);
        }
    }
    for (auto& [name, each] : topics_)
        for (partition_state& partition : each->partitions) make_ready(partition);
    for (auto& [id, by] : lanes_) pump(by);
}

void producer::impl::expire_all() {
    const steady_time now = std::chrono::steady_clock::now();
    for (auto& [name, each] : topics_) {
        for (partition_state& partition : each->partitions) {
            if (partition.open && partition.overdue && partition.open->deadline <= now) seal(partition);
            for (;;) {
                partition_queue::outcome outcome = partition.queue.expire(now);
                if (!outcome.done) break;
                finish(partition, outcome, -1);
            }
        }
    }
}

void producer::impl::end(std::error_code why) {
    if (ended_) return;
    ended_ = why;
    cluster_.close();  // first: nothing may be sending the bytes of batches that go now
    linger_.cancel();
    for (auto& [name, each] : topics_) {
        for (partition_state& partition : each->partitions) {
            std::vector<batch_ptr> left = partition.queue.take_all();
            if (partition.open) left.push_back(std::move(partition.open));
            for (batch_ptr& batch : left) {
                const bool unknown = batch->in_flight || batch->ambiguous;
                report(partition, std::move(batch), unknown ? make_error_code(client_errc::outcome_unknown) : why, -1);
            }
        }
    }
    changed_.notify();
}

}  // namespace imago::client
