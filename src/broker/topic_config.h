// The settings of a topic: the list of all that Kafka 4 knows, and the parsed form that produce and retention
// use.
#pragma once

#include "base/record_batch.h"
#include "broker/config.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace imago::broker {

/// All topic settings, sorted by name.
[[nodiscard]] std::span<const config_key> topic_config_keys();
/// Null for a name that Kafka does not know.
[[nodiscard]] const config_key* find_topic_config(std::string_view name);

/// Settings of a topic, ready for use: nothing here needs text at run time.
struct topic_settings {
    std::int32_t max_message_bytes = 1'048'588;  ///< of a whole batch
    std::int64_t retention_ms = 604'800'000;     ///< -1 = keep for ever
    std::int64_t retention_bytes = -1;           ///< of one queue; -1 = no limit
    std::int64_t timestamp_before_max_ms = INT64_MAX;
    std::int64_t timestamp_after_max_ms = 3'600'000;
    std::int32_t min_insync_replicas = 1;
    bool log_append_time = false;  ///< records get the server's time
    bool compact = false;          ///< cleanup.policy has "compact": records need keys
    bool expire = true;            ///< cleanup.policy has "delete": retention applies
    /// Codec that stored batches must have; nothing = as the producer sent them.
    std::optional<compression> codec;
};

/// What a topic setting is when the topic does not set it: the server's settings cut down to what topics see.
struct topic_defaults {
    struct value {
        std::string text;
        config_source source = config_source::built_in;
    };
    /// By position in topic_config_keys().
    std::vector<value> values;

    /// Everything built in.
    topic_defaults();
    void set(std::string_view name, std::string text, config_source source);
};

/// What is wrong with a whole set of explicitly set values; nothing if it is fine.
[[nodiscard]] std::optional<std::string> topic_config_problem(const config_map& configs);
/// Values that cannot be used (of another version, say) count as not set.
[[nodiscard]] topic_settings make_topic_settings(const config_map& configs, const topic_defaults& defaults);
/// Every setting with its value in force.
[[nodiscard]] std::vector<config_entry> describe_topic_config(const config_map& configs,
                                                              const topic_defaults& defaults);

}  // namespace imago::broker
