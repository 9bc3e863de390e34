// Who of a group gets which partition. Pure functions of what is subscribed and what was assigned before.
//
//   uniform   every member gets as many partitions as any other, as far as subscriptions allow, and keeps
//   what it
//             has as far as that allows. A member that comes takes its share from the others, and nothing
//             else moves; what a member leaves behind is shared out, and nothing else moves
//   range     each topic is cut into ranges, one a member in the order of their names (instance ids first),
//   so that
//             partitions of the same number of topics of the same size go to the same member. Keeps nothing
//
// Racks are not looked at: one server has no near and far.
#pragma once

#include "base/ids.h"
#include "broker/groups/partition_set.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace imago::broker::groups {

struct assignor_topic {
    uuid id;
    std::int32_t partitions = 0;
};

/// Views: what they name must live as long as the call.
struct assignor_member {
    std::string_view id;
    std::optional<std::string_view> instance;
    /// Index of the subscribed topics, ascending. Members that subscribe to the same may share the list.
    std::span<const std::uint32_t> topics;
    /// Assigned so far. May name what is not subscribed or there any more.
    const partition_set* current = nullptr;
};

struct assignor_input {
    std::vector<assignor_topic> topics;  ///< sorted by id
    std::vector<assignor_member> members;
};

/// For each member, in the order given. Each partition that anybody subscribes to goes to exactly one of
/// those.
using assignor = std::vector<partition_set> (*)(const assignor_input& input);

[[nodiscard]] std::vector<partition_set> assign_uniform(const assignor_input& input);
[[nodiscard]] std::vector<partition_set> assign_range(const assignor_input& input);

/// Null if there is none of this name.
[[nodiscard]] assignor find_assignor(std::string_view name);

}  // namespace imago::broker::groups
