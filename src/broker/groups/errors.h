// What a group answers with when it refuses something. The names are Kafka's; server/kafka maps them.
#pragma once

#include <system_error>

namespace imago::broker::groups {

enum class group_errc {
    unknown_member_id = 1,
    illegal_generation,
    rebalance_in_progress,
    member_id_required,
    fenced_instance_id,
    inconsistent_group_protocol,
    invalid_session_timeout,
    group_max_size_reached,
    non_empty_group,
    group_id_not_found,
    invalid_group_id,
    coordinator_not_available,  ///< the client looks for the coordinator and tries again
    not_coordinator,            ///< the server is stopping
    invalid_request,
    unsupported_version,
    group_subscribed_to_topic,
    fenced_member_epoch,
    stale_member_epoch,
    unreleased_instance_id,
    unsupported_assignor,
    invalid_regular_expression,
};

[[nodiscard]] std::error_code make_error_code(group_errc error);

}  // namespace imago::broker::groups

template <>
struct std::is_error_code_enum<imago::broker::groups::group_errc> : std::true_type {};
