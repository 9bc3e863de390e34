// Topics, partitions and servers, as the client learns of them.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

namespace imago::client {

struct broker_info {
    std::int32_t id = -1;
    std::string host;
    std::uint16_t port = 0;
    std::string rack;
};

struct cluster_info {
    std::string id;
    std::int32_t controller = -1;
    std::vector<broker_info> brokers;
};

struct partition_info {
    std::int32_t index = 0;
    std::int32_t leader = -1;  ///< -1 = none at the moment
    std::int32_t leader_epoch = -1;
    std::vector<std::int32_t> replicas;
    std::vector<std::int32_t> in_sync;
};

struct topic_info {
    std::string name;
    std::array<std::uint8_t, 16> id{};       ///< zeros: the server is too old to have ids
    bool internal = false;
    std::vector<partition_info> partitions;  ///< by index, without gaps
};

struct topic_partition {
    std::string topic;
    std::int32_t partition = 0;
    auto operator<=>(const topic_partition&) const = default;
};

/// How much room the messages of a partition take on one server.
struct partition_size {
    topic_partition where;
    std::int32_t broker = -1;
    std::int64_t bytes = 0;
};

struct new_topic {
    std::string name;
    std::int32_t partitions = -1;          ///< -1 = the server's default
    std::int16_t replication_factor = -1;  ///< -1 = the server's default
    std::map<std::string, std::string> configs;
};

/// What became of one topic (or other named thing) in an admin call.
struct named_outcome {
    std::string name;
    std::error_code error;
    std::string detail;  ///< the server's words, if it had any
};

struct config_entry {
    std::string name;
    std::optional<std::string> value;  ///< none: secret or not set
    bool is_default = false;
    bool read_only = false;
    bool sensitive = false;
};

struct config_change {
    std::string name;
    std::optional<std::string> value;  ///< none: back to the default
};

/// Where to look in a partition: an offset by time, or one of the ends.
struct offset_spec {
    static constexpr std::int64_t latest = -1;
    static constexpr std::int64_t earliest = -2;
    static constexpr std::int64_t max_timestamp = -3;
};

struct found_offset {
    topic_partition where;
    std::int64_t offset = -1;     ///< -1: there is no such record (a time later than all)
    std::int64_t timestamp = -1;  ///< of the record found by time
    std::error_code error;
};

}  // namespace imago::client
