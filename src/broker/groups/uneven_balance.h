// The uniform assignment of members that subscribe to different topics.
#pragma once

#include "broker/groups/assignors.h"

namespace imago::broker::groups {

/// As even as the subscriptions allow: no partition, and no chain of partitions handed on from member to
/// member, can move so that the larger of two members gets smaller and the smaller one does not become as
/// large as it was. Keeps what members have; of what must move, as little as possible for each step.
[[nodiscard]] std::vector<partition_set> assign_unevenly(const assignor_input& input);

}  // namespace imago::broker::groups
