// Settings between the broker's words and Kafka's.
#pragma once

#include "broker/config.h"

#include <cstdint>

namespace imago::kafka {

/// Kafka's number for where a value comes from.
[[nodiscard]] constexpr std::int8_t to_kafka(broker::config_source source) {
    switch (source) {
        case broker::config_source::topic:
            return 1;
        case broker::config_source::server_dynamic:
            return 2;
        case broker::config_source::server_file:
            return 4;
        case broker::config_source::built_in:
            return 5;
    }
    return 0;
}

/// Kafka's number for the type of a value.
[[nodiscard]] constexpr std::int8_t to_kafka(broker::config_type type) {
    switch (type) {
        case broker::config_type::boolean:
            return 1;
        case broker::config_type::text:
            return 2;
        case broker::config_type::int32:
            return 3;
        case broker::config_type::int64:
            return 5;
        case broker::config_type::real:
            return 6;
        case broker::config_type::list:
            return 7;
        case broker::config_type::password:
            return 9;
    }
    return 0;
}

[[nodiscard]] inline bool is_sensitive(const broker::config_entry& entry) {
    return entry.key->type == broker::config_type::password;
}

/// From a request's name and nullable value.
template <class Config>
[[nodiscard]] broker::config_setting to_setting(const Config& config) {
    broker::config_setting setting;
    setting.name = config.name;
    if (config.value) setting.value.emplace(*config.value);
    return setting;
}

inline constexpr std::int8_t topic_resource = 2;
inline constexpr std::int8_t broker_resource = 4;
inline constexpr std::int8_t broker_logger_resource = 8;

}  // namespace imago::kafka
