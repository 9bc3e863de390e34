#include "client/cli/top_sample.h"

#include <algorithm>
#include <ctime>

namespace imago::client::cli {
namespace {

constexpr milliseconds metrics_patience{1500};

asio::awaitable<result<>> measure_topics(admin& server, top_sample& into,
                                         std::map<topic_partition, std::int64_t>& ends) {
    const auto topics = co_await server.list_topics();
    if (!topics) co_return tl::unexpected(topics.error());
    std::vector<topic_partition> places;
    for (const topic_info& each : *topics) {
        if (each.internal) continue;
        into.topics[each.name].partitions = each.partitions.size();
        for (const partition_info& partition : each.partitions) places.push_back({each.name, partition.index});
    }
    into.when = std::chrono::steady_clock::now();
    const auto found = co_await server.list_offsets(std::move(places), offset_spec::latest);
    if (!found) co_return tl::unexpected(found.error());
    for (const found_offset& each : *found) {
        if (each.error || each.offset < 0) continue;
        into.topics[each.where.topic].end += each.offset;
        ends[each.where] = each.offset;
    }
    std::vector<topic_info> all;
    const auto sizes = co_await server.describe_log_dirs(std::move(all));
    if (sizes)
        for (const partition_size& each : *sizes) {
            const auto topic = into.topics.find(each.where.topic);
            if (topic != into.topics.end()) topic->second.bytes = std::max<std::int64_t>(topic->second.bytes, 0) + each.bytes;
        }
    co_return result<>{};
}

asio::awaitable<void> measure_groups(admin& server, top_sample& into,
                                     const std::map<topic_partition, std::int64_t>& ends) {
    group_filter all;
    const auto groups = co_await server.list_groups(std::move(all));
    if (!groups) co_return;
    std::vector<std::string> names;
    for (const group_listing& each : *groups) {
        if (each.type == "share" || each.type == "streams") continue;
        into.groups[each.id].state = each.state;
        names.push_back(each.id);
    }
    const auto offsets = co_await server.list_group_offsets(std::move(names));
    if (!offsets) co_return;
    for (const group_offsets& each : *offsets) {
        top_sample::group& group = into.groups[each.group];
        for (const group_offset& offset : each.offsets) {
            const auto end = ends.find(offset.where);
            if (offset.offset < 0 || end == ends.end()) continue;
            group.committed += offset.offset;
            group.lag += std::max<std::int64_t>(end->second - offset.offset, 0);
            ++group.partitions;
        }
    }
}

template <class T>
void most_first(std::vector<T>& list, double (*by)(const T&)) {
    std::stable_sort(list.begin(), list.end(), [by](const T& a, const T& b) { return by(a) > by(b); });
}

top_rates::server server_rates(const metrics& before, const metrics& after, double seconds) {
    const auto rate = [&](std::string_view name) {
        return std::max(0.0, after.sum(name) - before.sum(name)) / seconds;
    };
    const auto budget = [&](std::string_view name, std::string_view of) { return after.with(name, "budget", of); };
    top_rates::server now;
    now.messages = rate("imago_log_records_total");
    now.bytes = rate("imago_log_batch_bytes_total");
    now.received = rate("imago_received_bytes_total");
    now.sent = rate("imago_sent_bytes_total");
    now.flushes = rate("imago_log_flush_seconds_count");
    now.requests = rate("imago_requests_total");
    now.errors = rate("imago_request_errors_total");
    now.cache_reads = rate("imago_cache_reads_total");
    now.disk_reads = rate("imago_disk_reads_total");
    const auto old_flushes = before.histogram("imago_log_flush_seconds");
    const auto new_flushes = after.histogram("imago_log_flush_seconds");
    now.flush_p50 = quantile(old_flushes, new_flushes, 0.5);
    now.flush_p99 = quantile(old_flushes, new_flushes, 0.99);
    now.connections = after.sum("imago_connections");
    now.waiting = after.sum("imago_waiting_reads");
    now.cache_used = budget("imago_memory_used_bytes", "cache");
    now.cache_max = budget("imago_memory_budget_bytes", "cache");
    now.index_used = budget("imago_memory_used_bytes", "index");
    now.index_max = budget("imago_memory_budget_bytes", "index");
    now.requests_used = budget("imago_memory_used_bytes", "requests");
    now.requests_max = budget("imago_memory_budget_bytes", "requests");
    now.resident = after.sum("process_resident_memory_bytes");
    now.uptime_s = std::max(0.0, static_cast<double>(std::time(nullptr)) - after.sum("process_start_time_seconds"));
    now.out_of_space = after.sum("imago_log_out_of_space") > 0;
    now.failed = after.sum("imago_log_failed") > 0;
    return now;
}

}  // namespace

asio::awaitable<result<top_sample>> measure(admin& server, const top_options& how) {
    top_sample sample;
    const auto cluster = co_await server.describe_cluster();
    if (!cluster) co_return tl::unexpected(cluster.error());
    sample.servers = cluster->brokers.size();
    sample.cluster_id = cluster->id;
    if (how.metrics_at) {
        endpoint where = *how.metrics_at;
        auto told = co_await read_metrics(std::move(where), metrics_patience);
        if (told && (!how.metrics_must_match || told->label("imago_info", "cluster") == sample.cluster_id))
            sample.told = std::move(*told);
    }
    std::map<topic_partition, std::int64_t> ends;
    const result<> topics = co_await measure_topics(server, sample, ends);
    if (!topics) co_return tl::unexpected(topics.error());
    if (how.groups) co_await measure_groups(server, sample, ends);
    co_return sample;
}

top_rates rates_between(const top_sample& before, const top_sample& after, top_order order) {
    top_rates rates;
    rates.seconds = std::max(std::chrono::duration<double>(after.when - before.when).count(), 1e-3);
    rates.servers = after.servers;
    for (const auto& [name, now] : after.topics) {
        top_rates::topic topic;
        topic.name = name;
        topic.partitions = now.partitions;
        topic.size = now.bytes;
        const auto old = before.topics.find(name);
        if (old != before.topics.end()) {
            // Made anew under its name, or trimmed: no negative rates.
            topic.messages = static_cast<double>(std::max<std::int64_t>(now.end - old->second.end, 0)) / rates.seconds;
            if (now.bytes >= 0 && old->second.bytes >= 0)
                topic.bytes = static_cast<double>(std::max<std::int64_t>(now.bytes - old->second.bytes, 0)) / rates.seconds;
        }
        rates.partitions += topic.partitions;
        rates.messages += topic.messages;
        if (topic.bytes) rates.bytes = rates.bytes.value_or(0) + *topic.bytes;
        rates.topics.push_back(std::move(topic));
    }
    using topic = top_rates::topic;
    if (order == top_order::messages) {
        most_first<topic>(rates.topics, [](const topic& t) { return static_cast<double>(t.size); });
        most_first<topic>(rates.topics, [](const topic& t) { return t.messages; });
    } else if (order == top_order::bytes) {
        most_first<topic>(rates.topics, [](const topic& t) { return t.bytes.value_or(0); });
    } else if (order == top_order::size) {
        most_first<topic>(rates.topics, [](const topic& t) { return static_cast<double>(t.size); });
    }
    for (const auto& [name, now] : after.groups) {
        top_rates::group group;
        group.name = name;
        group.state = now.state;
        group.lag = now.lag;
        const auto old = before.groups.find(name);
        if (old != before.groups.end()) {
            group.lag_change = static_cast<double>(now.lag - old->second.lag) / rates.seconds;
            group.consumed =
                static_cast<double>(std::max<std::int64_t>(now.committed - old->second.committed, 0)) / rates.seconds;
        }
        rates.lag += now.lag;
        rates.groups.push_back(std::move(group));
    }
    most_first<top_rates::group>(rates.groups, [](const top_rates::group& g) { return static_cast<double>(g.lag); });
    if (before.told && after.told) rates.told = server_rates(*before.told, *after.told, rates.seconds);
    return rates;
}

}  // namespace imago::client::cli
