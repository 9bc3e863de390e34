// What the server tells about itself: GET /metrics for Prometheus, GET /healthz for whoever asks whether it is well.
#pragma once

#include "server/http/service.h"
#include "server/kafka/traffic.h"
#include "server/net/server.h"
#include "store/store.h"

#include <cstdint>
#include <functional>
#include <map>
#include <string>

namespace imago {

/// Groups at one moment.
struct group_counts {
    std::map<std::string, std::uint64_t> by_state;
    std::uint64_t offsets = 0;  ///< committed and kept
};

/// All that is asked at a scrape and not before. Outlives the listener; any thread.
struct metric_sources {
    const store::store& store;
    const net::server& kafka_net;
    const kafka::traffic& kafka_traffic;
    std::function<group_counts()> groups;
    std::uint64_t index_memory_max = 0;
    std::uint64_t cache_bytes_max = 0;
    double started = 0;  ///< seconds since 1970
    std::string cluster_id;
};

[[nodiscard]] std::string metrics_text(const metric_sources& from);
/// Answers /metrics and /healthz; 503 from /healthz when the disk failed and nothing more is acknowledged.
[[nodiscard]] http::answer answer_metrics(const metric_sources& from, std::string_view path);

}  // namespace imago
