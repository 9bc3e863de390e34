#include "server/metrics.h"

#include "server/exposition.h"

#include <unistd.h>

#include <cstdio>

namespace imago {

namespace {

void tell_log(exposition& out, const store::store_statistics& log) {
    out.single("imago_log_records_total", "counter", "Records appended to queues since start.", log.records);
    out.single("imago_log_batch_bytes_total", "counter", "Bytes of record batches appended to queues.", log.batch_bytes);
    out.single("imago_log_frames_total", "counter", "Frames appended to the log: one for each batch or change of state.",
               log.frames);
    out.single("imago_log_bytes_total", "counter", "Bytes written to the log, with headers and padding.", log.log_bytes);
    out.single("imago_log_duplicates_total", "counter", "Batches that idempotent producers sent again; written once.",
               log.duplicates);
    out.family("imago_log_flush_seconds", "histogram", "Durable writes of the log (group commits) and how long each took.");
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < store::latency_counts::buckets; ++i) {
        sum += log.flushes.count[i];
        const bool last = i + 1 == store::latency_counts::buckets;
        char bound[32] = "+Inf";
        if (!last) {
            std::snprintf(bound, sizeof bound, "%.9g", static_cast<double>(store::latency_counts::bound_us(i)) / 1e6);
        }
        out.sample(sum, {{"le", bound}}, "_bucket");
    }
    out.sample(static_cast<double>(log.flushes.sum_us) / 1e6, {}, "_sum");
    out.sample(sum, {}, "_count");
    out.single("imago_log_segments", "gauge", "Files of the log.", log.segments);
    out.single("imago_log_end_position", "counter", "Where the log ends.", log.end.value);
    out.single("imago_checkpoints_total", "counter", "Checkpoints written since start.", log.checkpoints);
    out.single("imago_log_out_of_space", "gauge", "1 while the disk is full and messages are refused.", log.out_of_space ? 1 : 0);
    out.single("imago_log_failed", "gauge", "1 after a write failed: nothing is acknowledged any more.", log.failed ? 1 : 0);
}

void tell_reads(exposition& out, const store::store_statistics& log) {
    out.single("imago_cache_reads_total", "counter", "Batches that were served from memory.", log.cache_reads);
    out.single("imago_disk_reads_total", "counter", "Read operations on the log.", log.disk_reads);
    out.single("imago_damaged_reads_total", "counter", "Reads that met damage.", log.damaged_reads);
    out.single("imago_index_blocks_written_total", "counter", "Index blocks written.", log.index_blocks_written);
    out.single("imago_index_blocks_waiting", "gauge", "Index blocks that wait to be written.", log.index_blocks_waiting);
    out.single("imago_queues", "gauge", "Queues (partitions of all topics, and the internal ones).", log.queues);
    out.single("imago_waiting_reads", "gauge", "Fetches that wait for a queue to grow.", log.waiters);
}

void tell_memory(exposition& out, const metric_sources& from, const store::store_statistics& log,
                 const net::net_statistics& net) {
    const std::pair<std::string_view, std::pair<std::uint64_t, std::uint64_t>> budgets[] = {
        {"cache", {log.cache_bytes, from.cache_bytes_max}},
        {"index", {log.index_tail_bytes, from.index_memory_max}},
        {"requests", {net.bytes_held, net.bytes_held_max}}};
    out.family("imago_memory_used_bytes", "gauge", "Memory in use, of each budget.");
    for (const auto& [name, bytes] : budgets) out.sample(bytes.first, {{"budget", name}});
    out.family("imago_memory_budget_bytes", "gauge", "What the configuration allows.");
    for (const auto& [name, bytes] : budgets) out.sample(bytes.second, {{"budget", name}});
}

void tell_network(exposition& out, const metric_sources& from, const net::net_statistics& net) {
    out.single("imago_connections", "gauge", "Connections of Kafka clients that are open.", net.connections);
    out.single("imago_connections_accepted_total", "counter", "Connections accepted.", net.accepted);
    out.single("imago_connections_refused_total", "counter", "Connections refused over a limit.", net.refused);
    out.single("imago_received_bytes_total", "counter", "Bytes received from Kafka clients.", net.bytes_received);
    out.single("imago_sent_bytes_total", "counter", "Bytes sent to Kafka clients.", net.bytes_sent);
    const auto totals = from.kafka_traffic.totals();
    out.family("imago_requests_total", "counter", "Requests by API.");
    for (const auto& each : totals) out.sample(each.requests, {{"api", each.api}});
    out.family("imago_request_errors_total", "counter",
               "Requests that could not be read, or whose answer told an error of anything they named.");
    for (const auto& each : totals) out.sample(each.errors, {{"api", each.api}});
}

void tell_groups(exposition& out, const group_counts& groups) {
    out.family("imago_groups", "gauge", "Consumer groups by state.");
    for (const auto& [state, count] : groups.by_state) out.sample(count, {{"state", state}});
    out.single("imago_committed_offsets", "gauge", "Committed offsets that are kept.", groups.offsets);
}

void tell_process(exposition& out, const metric_sources& from) {
    out.family("imago_info", "gauge", "The version that runs, and the cluster that clients know it as.");
    out.sample(1, {{"version", IMAGO_VERSION}, {"cluster", from.cluster_id}});
    out.single("process_start_time_seconds", "gauge", "When the server started, in seconds since 1970.", from.started);
    long pages = 0, resident = 0;
    if (std::FILE* file = std::fopen("/proc/self/statm", "re")) {
        if (std::fscanf(file, "%ld %ld", &pages, &resident) != 2) resident = 0;
        std::fclose(file);
    }
    out.single("process_resident_memory_bytes", "gauge", "Memory of the process.", resident * ::sysconf(_SC_PAGESIZE));
}

}  // namespace

std::string metrics_text(const metric_sources& from) {
    const store::store_statistics log = from.store.statistics();
    const net::net_statistics net = from.kafka_net.statistics();
    exposition out;
    tell_log(out, log);
    tell_reads(out, log);
    tell_network(out, from, net);
    if (from.groups) tell_groups(out, from.groups());
    tell_memory(out, from, log, net);
    tell_process(out, from);
    return out.take();
}

http::answer answer_metrics(const metric_sources& from, std::string_view path) {
    if (path == "/metrics") return {200, "text/plain; version=0.0.4; charset=utf-8", metrics_text(from)};
    if (path == "/healthz") {
        const store::store_statistics log = from.store.statistics();
        http::answer health;
        if (log.failed) {
            health.status = 503;
            health.body = "the disk failed: nothing is acknowledged any more\n";
        } else {
            health.body = log.out_of_space ? "ok, but the disk is full: messages are refused\n" : "ok\n";
        }
        return health;
    }
    http::answer missing;
    missing.status = 404;
    missing.body = "here are /metrics and /healthz\n";
    return missing;
}

}  // namespace imago
