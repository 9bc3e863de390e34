// What `imago top` measures, and what two measurements say together.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "client/cli/metrics_reader.h"
#include "imago/async.h"

namespace imago::client::cli {

/// One measurement. What the server could not tell is -1 or empty.
struct top_sample {
    struct topic {
        std::size_t partitions = 0;
        std::int64_t end = 0;     ///< sum of the end offsets
        std::int64_t bytes = -1;  ///< on the disk
    };
    struct group {
        std::string state;
        std::int64_t committed = 0;  ///< sum
        std::int64_t lag = 0;
        std::size_t partitions = 0;
    };
    std::chrono::steady_clock::time_point when{};
    std::size_t servers = 0;
    std::string cluster_id;
    std::map<std::string, topic> topics;  ///< without internal ones
    std::map<std::string, group> groups;  ///< those that have committed anything, or have members
    std::optional<metrics> told;          ///< of the server itself
};

struct top_options {
    std::optional<endpoint> metrics_at;  ///< nowhere: only what Kafka's protocol tells
    bool metrics_must_match = false;     ///< the address is a guess: only if the cluster is the same
    bool groups = true;
};

/// Measures once. Fails when the server cannot be asked; what it does not support is left out.
[[nodiscard]] asio::awaitable<result<top_sample>> measure(admin& server, const top_options& how);

/// What happened between two samples, for each second. Lists are sorted, the busiest first.
struct top_rates {
    struct topic {
        std::string name;
        std::size_t partitions = 0;
        double messages = 0;
        std::optional<double> bytes;
        std::int64_t size = -1;
    };
    struct group {
        std::string name;
        std::string state;
        std::int64_t lag = 0;
        double lag_change = 0;
        double consumed = 0;
    };
    struct server {  ///< from its metrics
        double messages = 0, bytes = 0, received = 0, sent = 0, flushes = 0, requests = 0, errors = 0;
        double cache_reads = 0, disk_reads = 0;
        std::optional<double> flush_p50, flush_p99;  ///< seconds
        double connections = 0, waiting = 0;
        double cache_used = 0, cache_max = 0, index_used = 0, index_max = 0, requests_used = 0, requests_max = 0, resident = 0;
        double uptime_s = 0;
        bool out_of_space = false, failed = false;
    };
    double seconds = 0;
    std::size_t servers = 0;
    std::size_t partitions = 0;
    double messages = 0;  ///< over all topics
    std::optional<double> bytes;
    std::int64_t lag = 0;  ///< of all groups
    std::vector<topic> topics;
    std::vector<group> groups;
    std::optional<server> told;
};

enum class top_order : std::uint8_t { messages, bytes, size, name };
[[nodiscard]] top_rates rates_between(const top_sample& before, const top_sample& after, top_order order);

}  // namespace imago::client::cli
