// What the broker answers with when it refuses something. Errors of the store pass through unchanged.
#pragma once

#include <system_error>

namespace imago::broker {

enum class broker_errc {
    unknown_topic = 1,
    unknown_topic_id,
    unknown_partition,
    topic_already_exists,
    invalid_topic_name,
    invalid_partitions,
    invalid_replication_factor,
    invalid_assignment,
    invalid_config,
    invalid_request,
    policy_violation,  ///< well formed, but more than this server takes in one request
    invalid_group,
    metadata_too_large,  ///< the text that goes with a committed offset
    invalid_offset,
    corrupt_record,  ///< a stored record that this version cannot read
};

[[nodiscard]] std::error_code make_error_code(broker_errc error);

}  // namespace imago::broker

template <>
struct std::is_error_code_enum<imago::broker::broker_errc> : std::true_type {};
