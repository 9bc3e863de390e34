// What consumers of the classic group protocol tell each other through the group: the subscription that stands in a
// member's metadata, and the assignment that the leader makes. Groups carry these bytes without looking at them.
#pragma once

#include "base/bytes.h"
#include "base/result.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace imago::wire::kafka {

struct consumer_topic_partitions {
    std::string topic;
    std::vector<std::int32_t> partitions;
    bool operator==(const consumer_topic_partitions&) const = default;
};

struct consumer_subscription {
    std::int16_t version = 3;
    std::vector<std::string> topics;
    std::optional<std::string> user_data;
    std::vector<consumer_topic_partitions> owned_partitions;  ///< version 1 and later
    std::int32_t generation = -1;                             ///< version 2 and later
    std::optional<std::string> rack;                          ///< version 3 and later
};

struct consumer_assignment {
    std::int16_t version = 3;
    std::vector<consumer_topic_partitions> partitions;
    std::optional<std::string> user_data;
};

/// Versions that are newer than what is known here begin with what is.
[[nodiscard]] result<consumer_subscription> decode_consumer_subscription(byte_view bytes);
[[nodiscard]] result<consumer_assignment> decode_consumer_assignment(byte_view bytes);
[[nodiscard]] std::string encode(const consumer_subscription& subscription);
[[nodiscard]] std::string encode(const consumer_assignment& assignment);

}  // namespace imago::wire::kafka
