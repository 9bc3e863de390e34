// What the handlers of the Kafka protocol work with. main makes all of it and keeps it alive until the last
// network thread has ended.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace imago::store {
class store;
}
namespace imago::broker {
class service;
}  // namespace imago::broker

namespace imago::kafka {

struct kafka_options {
    std::int32_t node_id = 1;
    std::string cluster_id;
    std::string host;  ///< where clients are told to connect
    std::int32_t port = 0;
    std::string log_directory;

    std::int32_t topic_partitions_listed_max = 2000;  ///< of one answer to DescribeTopicPartitions
    std::size_t fetch_bytes_max = 55 << 20;           ///< of one answer
    std::int32_t fetch_wait_ms_max = 300'000;
    std::size_t fetch_session_places_max = 500'000;   ///< queues in the fetch sessions of one network thread

    std::function<std::int64_t()> clock;        ///< wall time in milliseconds
    /// Milliseconds that never go back, for the deadlines of groups; wall time when the server started. Default: clock.
    std::function<std::int64_t()> group_clock;
    std::function<void(std::string_view)> log;  ///< one line for the operator; any thread
};

class traffic;

/// The only epoch there is while one server owns everything.
inline constexpr std::int32_t leader_epoch_now = 0;

struct services {
    kafka_options options;
    store::store& store;
    broker::service& broker;
    traffic* counts = nullptr;  ///< optional
};

}  // namespace imago::kafka
