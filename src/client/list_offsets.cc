#include "client/list_offsets.h"

#include <algorithm>

#include "wire/kafka/list_offsets.h"

namespace imago::client {
namespace kafka = wire::kafka;
namespace {

/// Asks one server for those of `all` that `mine` names, and notes what it says.
asio::awaitable<void> ask_leader(cluster& from, std::int32_t leader, std::int64_t spec, std::vector<found_offset>& all,
                                 std::vector<std::size_t> mine) {
    const auto fail_all = [&](std::error_code error) {
        for (const std::size_t i : mine) all[i].error = error;
    };
    const result<connection_ptr> to = co_await from.broker(leader);
    if (!to) co_return fail_all(to.error());
    const std::int16_t needed = spec == offset_spec::max_timestamp ? 7 : 1;
    const result<std::int16_t> version = (*to)->version_of(kafka::api_key::list_offsets, 10);
    if (!version || *version < needed) co_return fail_all(make_error_code(client_errc::no_common_version));
    kafka::list_offsets_request request;
    request.replica_id = -1;
    request.timeout_ms = static_cast<std::int32_t>(from.options().request_timeout.count());
    for (const std::size_t i : mine) {
        if (request.topics.empty() || request.topics.back().name != all[i].where.topic) {
            request.topics.emplace_back();
            request.topics.back().name = all[i].where.topic;
        }
        auto& partition = request.topics.back().partitions.emplace_back();
        partition.partition_index = all[i].where.partition;
        partition.timestamp = spec;
    }
    const steady_time deadline = std::chrono::steady_clock::now() + from.options().request_timeout;
    const auto got = co_await (*to)->call<kafka::list_offsets_response>(request, *version, deadline);
    if (!got) co_return fail_all(got.error());
    fail_all(make_error_code(client_errc::bad_response));
    std::size_t at = 0;
    for (const auto& topic : got->message.topics) {
        for (const auto& partition : topic.partitions) {
            // Answers come in the order of the request, as a rule.
            for (std::size_t tries = 0; tries < mine.size(); ++tries) {
                found_offset& each = all[mine[at]];
                at = at + 1 == mine.size() ? 0 : at + 1;
                if (each.where.topic != topic.name || each.where.partition != partition.partition_index) continue;
                each.error = from_wire(partition.error_code);
                each.offset = partition.offset;
                each.timestamp = partition.timestamp;
                break;
            }
        }
    }
}

}  // namespace

asio::awaitable<std::vector<found_offset>> list_offsets(cluster& from, std::vector<topic_partition> where,
                                                        std::int64_t spec) {
    std::vector<found_offset> all(where.size());
    for (std::size_t i = 0; i < where.size(); ++i) {
        all[i].where = std::move(where[i]);
        all[i].error = make_error_code(kafka_errc::leader_not_available);
    }
    std::vector<bool> final(all.size());
    backoff pause(from.options());
    for (;;) {
        std::map<std::int32_t, std::vector<std::size_t>> by_leader;
        for (std::size_t i = 0; i < all.size(); ++i) {
            if (final[i] || !all[i].error || !is_retriable(all[i].error)) continue;
            const result<topic_ptr> topic = co_await from.topic(all[i].where.topic, false);
            if (!topic) {
                all[i].error = topic.error();
                final[i] = true;  // topic() has tried again itself
            } else if (all[i].where.partition < 0 ||
                       static_cast<std::size_t>(all[i].where.partition) >= (*topic)->partitions.size()) {
                all[i].error = make_error_code(client_errc::no_such_partition);
            } else {
                by_leader[(*topic)->partitions[static_cast<std::size_t>(all[i].where.partition)].leader].push_back(i);
            }
        }
        by_leader.erase(-1);
        for (auto& [leader, mine] : by_leader) co_await ask_leader(from, leader, spec, all, mine);
        std::vector<std::string> again;
        for (std::size_t i = 0; i < all.size(); ++i) {
            const found_offset& each = all[i];
            if (!final[i] && each.error && is_retriable(each.error) &&
                std::find(again.begin(), again.end(), each.where.topic) == again.end())
                again.push_back(each.where.topic);
        }
        if (again.empty() || !co_await pause.again()) break;
        const result<> refreshed = co_await from.refresh(std::move(again));
        if (!refreshed && !is_retriable(refreshed.error())) break;
    }
    co_return all;
}

asio::awaitable<std::vector<found_offset>> look_up(cluster& from, std::vector<topic_partition> where, start_from rule) {
    std::int64_t spec = rule.value();
    switch (rule.what()) {
        case start_from::kind::beginning: spec = offset_spec::earliest; break;
        case start_from::kind::end:
        case start_from::kind::none: spec = offset_spec::latest; break;
        case start_from::kind::time: spec = std::max<std::int64_t>(spec, 0); break;
        case start_from::kind::ago: {
            const auto now = std::chrono::system_clock::now().time_since_epoch();
            spec = std::max<std::int64_t>(std::chrono::duration_cast<milliseconds>(now).count() - spec, 0);
            break;
        }
    }
    std::vector<found_offset> found = co_await list_offsets(from, std::move(where), spec);
    std::vector<topic_partition> later;
    for (const found_offset& each : found)
        if (!each.error && each.offset < 0) later.push_back(each.where);
    if (later.empty()) co_return found;
    const std::vector<found_offset> ends = co_await list_offsets(from, std::move(later), offset_spec::latest);
    std::size_t at = 0;
    for (found_offset& each : found)
        if (!each.error && each.offset < 0) each = ends[at++];
    co_return found;
}

}  // namespace imago::client
