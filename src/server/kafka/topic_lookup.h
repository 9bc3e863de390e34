// What handlers ask about topics, in Kafka's words.
#pragma once

#include "broker/topics.h"
#include "server/kafka/wire.h"

#include <cstdint>
#include <string_view>

namespace imago::kafka {

/// All that the server lets everyone do, as a bit field of Kafka's operation numbers.
inline constexpr std::int32_t topic_operations =
    (1 << 3) | (1 << 4) | (1 << 5) | (1 << 6) | (1 << 7) | (1 << 8) | (1 << 10) | (1 << 11);
inline constexpr std::int32_t cluster_operations =
    (1 << 5) | (1 << 7) | (1 << 8) | (1 << 9) | (1 << 10) | (1 << 11) | (1 << 12);
inline constexpr std::int32_t operations_not_asked_for = INT32_MIN;

struct found_topic {
    broker::topic_ptr topic;  ///< null with an error
    kafka_error error{};
};

/// By id in the versions that name topics by id, else by name.
[[nodiscard]] inline found_topic find_topic(const broker::topics& topics, bool by_id, const uuid& id,
                                            std::string_view name) {
    if (by_id) {
        broker::topic_ptr found = topics.find(id);
        const kafka_error error = found != nullptr ? kafka_error::none : kafka_error::unknown_topic_id;
        return {std::move(found), error};
    }
    broker::topic_ptr found = topics.find(name);
    const kafka_error error = found != nullptr ? kafka_error::none : kafka_error::unknown_topic_or_partition;
    return {std::move(found), error};
}

/// What is wrong with the epoch that a client believes in; -1 means that it does not say.
[[nodiscard]] inline kafka_error check_leader_epoch(std::int32_t claimed, std::int32_t ours) {
    if (claimed < 0 || claimed == ours) return kafka_error::none;
    return claimed < ours ? kafka_error::fenced_leader_epoch : kafka_error::unknown_leader_epoch;
}

}  // namespace imago::kafka
