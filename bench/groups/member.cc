#include "member.h"

#include "client/batch_reader.h"
#include "wire/kafka/fetch.h"
#include "wire/kafka/offset_commit.h"
#include "wire/kafka/offset_fetch.h"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <fmt/core.h>

#include <algorithm>

namespace imago::bench {
namespace kafka = wire::kafka;

namespace {
constexpr std::int16_t offset_commit_version = 9;  // topics by name, epochs of both protocols
constexpr std::int16_t offset_fetch_version = 9;
constexpr std::int16_t fetch_version = 12;
constexpr std::int32_t fetch_wait_ms = 500;
}  // namespace

member::member(group_load& load) : load_(load), woken_(load.io().get_executor()) {}

void member::start() {
    ++running_;
    asio::co_spawn(load_.io(), run(), asio::detached);
}

asio::awaitable<void> member::run() {
    const auto where = asio::any_io_executor(load_.io().get_executor());
    auto first = co_await client::connection::open(where, load_.how().server, load_.connect_options());
    auto second = co_await client::connection::open(where, load_.how().server, load_.connect_options());
    if (first && second) {
        coordinator_ = *first;
        fetcher_ = *second;
        ++running_;
        asio::co_spawn(load_.io(), fetch(), asio::detached);
        co_await take_part();
    } else {
        unexpected("connect", -1);
    }
    drop_all();
    ended_ = true;
    woken_.notify();
    if (coordinator_) coordinator_->close();
    if (fetcher_) fetcher_->close();
    --running_;
}

queue_set member::holds() const {
    queue_set all;
    for (const auto& [queue, of] : held_) all.insert(queue);
    return all;
}

void member::drop_all() {
    for (const auto& [queue, of] : held_) load_.let_go(queue);
    held_.clear();
}

asio::awaitable<void> member::hold(queue_set wanted) {
    queue_set more;
    held_queues less;
    for (const std::int32_t queue : wanted)
        if (!held_.contains(queue)) more.insert(queue);
    // Nothing more is consumed from what is let go, or the commit would be behind it.
    for (auto each = held_.begin(); each != held_.end();) {
        const auto next = std::next(each);
        if (!wanted.contains(each->first)) less.insert(held_.extract(each));
        each = next;
    }
    if (!less.empty()) {
        co_await commit(less);
        for (const auto& [queue, of] : less) load_.let_go(queue);
    }
    if (!more.empty()) {
        const auto offsets = co_await committed(more);
        for (const std::int32_t queue : more) {
            const auto found = offsets.find(queue);
            held_[queue] = {found == offsets.end() ? 0 : std::max<std::int64_t>(found->second, 0), ++takings_};
            load_.took(queue);
        }
    }
    ++load_.rebalances;
    woken_.notify();
}

asio::awaitable<void> member::commit(const held_queues& which) {
    kafka::offset_commit_request request;
    request.group_id = load_.how().group;
    request.generation_id_or_member_epoch = epoch_;
    request.member_id = id_;
    auto& topic = request.topics.emplace_back();
    topic.name = load_.how().topic;
    for (const auto& [queue, of] : which) {
        auto& partition = topic.partitions.emplace_back();
        partition.partition_index = queue;
        partition.committed_offset = of.next;
    }
    const auto deadline = steady::now() + load_.connect_options().request_timeout;
    const auto got = co_await coordinator_->call<kafka::offset_commit_response>(request, offset_commit_version, deadline);
    if (!got) co_return unexpected("commit", -1);
    for (const auto& told : got->message.topics) {
        for (const auto& partition : told.partitions) {
            if (partition.error_code != 0) co_return unexpected("commit", partition.error_code);
        }
    }
}

asio::awaitable<std::map<std::int32_t, std::int64_t>> member::committed(const queue_set& which) {
    kafka::offset_fetch_request request;
    auto& group = request.groups.emplace_back();
    group.group_id = load_.how().group;
    auto& topics = group.topics.emplace();
    auto& topic = topics.emplace_back();
    topic.name = load_.how().topic;
    topic.partition_indexes.assign(which.begin(), which.end());
    std::map<std::int32_t, std::int64_t> offsets;
    const auto deadline = steady::now() + load_.connect_options().request_timeout;
    const auto got = co_await coordinator_->call<kafka::offset_fetch_response>(request, offset_fetch_version, deadline);
    if (!got || got->message.groups.empty()) co_return offsets;
    if (got->message.groups[0].error_code != 0) unexpected("offset fetch", got->message.groups[0].error_code);
    for (const auto& told : got->message.groups[0].topics) {
        for (const auto& partition : told.partitions) offsets[partition.partition_index] = partition.committed_offset;
    }
    co_return offsets;
}

asio::awaitable<void> member::fetch() {
    client::batch_reader reader;
    while (!ended_) {
        if (held_.empty()) {
            co_await woken_.wait();
            continue;
        }
        kafka::fetch_request request;
        request.max_wait_ms = fetch_wait_ms;
        request.min_bytes = 1;
        request.max_bytes = 8 << 20;
        auto& topic = request.topics.emplace_back();
        topic.topic = load_.how().topic;
        const auto asked = held_;
        for (const auto& [queue, of] : asked) {
            auto& partition = topic.partitions.emplace_back();
            partition.partition = queue;
            partition.fetch_offset = of.next;
            partition.partition_max_bytes = 1 << 20;
        }
        const auto deadline = steady::now() + load_.connect_options().request_timeout;
        const auto got = co_await fetcher_->call<kafka::fetch_response>(request, fetch_version, deadline);
        if (!got) break;
        for (const auto& told : got->message.responses) {
            for (const auto& data : told.partitions) {
                if (data.error_code != 0) {
                    unexpected("fetch", data.error_code);
                    co_await pause(std::chrono::milliseconds(50));
                    continue;
                }
                const auto held = held_.find(data.partition_index);
                const auto then = asked.find(data.partition_index);
                if (held == held_.end() || then == asked.end() || held->second.taken != then->second.taken) continue;
                client::batch_cursor batches(data.records.view());
                for (byte_view bytes = batches.next(); !bytes.empty(); bytes = batches.next()) {
                    const auto records = reader.read(batch_view(bytes), held->second.next, 1 << 24);
                    if (!records) {
                        unexpected("records", 2);
                        break;
                    }
                    for (const auto& each : *records) {
                        load_.consumed(data.partition_index, each.offset, *each.value);
                        held->second.next = each.offset + 1;
                    }
                }
            }
        }
    }
    --running_;
}

asio::awaitable<void> member::pause(steady::duration time) {
    if (leaving_) co_return;
    co_await woken_.wait_until(steady::now() + time);
}

void member::unexpected(std::string_view where, std::int16_t code) {
    ++load_.errors;
    load_.last_error = fmt::format("{}: error {}", where, code);
}

std::unique_ptr<member> make_member(group_load& load) {
    return load.how().classic ? make_classic_member(load) : make_consumer_member(load);
}

}  // namespace imago::bench
