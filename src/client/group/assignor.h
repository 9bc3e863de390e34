// Assignors: which member of a classic group gets which partition. Pure functions, run by the group's leader.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "client/group/subscription.h"

namespace imago::client {

struct assignor_member {
    std::string id;
    std::optional<std::string> instance_id;
    group_subscription subscription;
};

using partition_counts = std::map<std::string, std::int32_t>;  ///< by topic; 0 or missing: no such topic
using group_assignment = std::map<std::string, partition_set>; ///< by member id; every member has an entry

struct assignor {
    std::string_view name;
    bool cooperative;  ///< what a member owns is taken from it in one round and given on in the next
    group_assignment (*assign)(std::span<const assignor_member>, const partition_counts&);
};

/// Per topic, members in order get neighbouring partitions, the first ones one more.
[[nodiscard]] group_assignment assign_range(std::span<const assignor_member> members, const partition_counts& counts);
/// All partitions in order, dealt out to members in turn.
[[nodiscard]] group_assignment assign_round_robin(std::span<const assignor_member> members,
                                                  const partition_counts& counts);
/// Members keep what they own as far as balance allows: in the end no partition could move and make two members'
/// counts more even. A partition that moves from a member that owns it is given to nobody in this round.
[[nodiscard]] group_assignment assign_cooperative_sticky(std::span<const assignor_member> members,
                                                         const partition_counts& counts);

/// Null if there is none of this name.
[[nodiscard]] const assignor* find_assignor(std::string_view name);

}  // namespace imago::client
