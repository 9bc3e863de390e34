// The whole configuration of a server as plain values. Only main sees it: each room gets its own small
// options, cut from here. Sizes are in bytes, durations in milliseconds. The defaults stand in keys.cc, with
// the description of every key.
#pragma once

#include <cstdint>
#include <string>

namespace imago::config {

struct server_config {
    struct {
        std::string dir;
        std::string backend;
        std::int64_t segment_size = 0;
        std::int64_t cache_size = 0;
        std::int64_t commit_size = 0;
        std::int64_t checkpoint_interval = 0;
        std::int64_t index_memory = 0;
        std::int64_t open_files = 0;
    } data;
    struct {
        std::string listen;
        std::string advertise;  ///< empty: the same as listen
        std::int64_t node_id = 0;
        bool auto_create_topics = false;
        std::int64_t default_partitions = 0;
        std::int64_t max_message_size = 0;
        std::int64_t max_request_size = 0;
        std::int64_t fetch_max_size = 0;
    } kafka;
    struct {
        std::int64_t threads = 0;  ///< 0 = one for each core
        std::int64_t connections_max = 0;
        std::int64_t connections_per_ip_max = 0;
        std::int64_t pipelined_max = 0;
        std::int64_t in_flight_per_connection = 0;
        std::int64_t in_flight_total = 0;
        std::int64_t idle_timeout = 0;
        std::int64_t frame_timeout = 0;
        std::int64_t send_timeout = 0;
    } net;
    struct {
        std::int64_t time = 0;  ///< -1 = for ever
        std::int64_t size = 0;  ///< -1 = no limit
        std::int64_t offsets = 0;
        std::int64_t producers = 0;
    } retention;
    struct {
        std::int64_t initial_rebalance_delay = 0;
        std::int64_t session_timeout_min = 0;
        std::int64_t session_timeout_max = 0;
        std::int64_t size_max = 0;
        std::int64_t consumer_session_timeout = 0;
        std::int64_t consumer_heartbeat_interval = 0;
        std::int64_t consumer_size_max = 0;
        std::string consumer_migration;
    } groups;
    struct {
        std::string listen;  ///< empty: nobody is told
    } metrics;
    struct {
        std::string level;
        std::string format;
    } log;
};

}  // namespace imago::config
