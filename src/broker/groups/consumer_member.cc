#include "broker/groups/consumer_member.h"

#include "base/check.h"

#include <algorithm>

namespace imago::broker::groups {

unix_ms consumer_member::first_deadline() const {
    unix_ms first = session_ends;
    for (const auto at : {rebalance_ends, join_ends, sync_ends}) {
        if (at >= 0 && (first < 0 || at < first)) first = at;
    }
    return first;
}

const consumer_member* partition_owners::owner(const topic_partition& where) const {
    const auto found = owners_.find(where);
    return found == owners_.end() ? nullptr : found->second;
}

bool partition_owners::free_for(const consumer_member& member, const topic_partition& where) const {
    const auto* who = owner(where);
    return who == nullptr || who == &member;
}

void partition_owners::moved(const consumer_member& member, const partition_set& before) {
    const partition_set now = together(member.assigned, member.revoking);
    for (const auto& where : without(before, now)) owners_.erase(where);
    for (const auto& where : without(now, before)) {
        const bool taken = owners_.emplace(where, &member).second;
        IMAGO_ASSERT(taken);  // never two owners
    }
}

void partition_owners::gone(const consumer_member& member) {
    for (const auto& where : member.assigned) owners_.erase(where);
    for (const auto& where : member.revoking) owners_.erase(where);
}

void partition_owners::enter(consumer_member& member) {
    const auto claim = [&](partition_set& set) {
        std::erase_if(set,
                      [&](const topic_partition& where) { return !owners_.emplace(where, &member).second; });
    };
    claim(member.assigned);
    claim(member.revoking);
}

namespace {

/// The member's step from `epoch`, its hands being what is assigned to it.
void advance(consumer_member& member, std::int32_t epoch, std::int32_t target_epoch,
             const partition_set* owned, const partition_owners& owners) {
    partition_set keep = common(member.assigned, member.target);
    partition_set revoke = without(member.assigned, keep);
    member.previous_epoch = member.epoch;
    if (!revoke.empty() && (owned == nullptr || overlap(*owned, revoke))) {
        member.phase = member_phase::unrevoked;
        member.epoch = epoch;
        member.assigned = std::move(keep);
        member.revoking = std::move(revoke);
        return;
    }
    partition_set more = without(member.target, keep);
    const auto missing =
        std::erase_if(more, [&](const topic_partition& where) { return !owners.free_for(member, where); });
    member.phase = missing > 0 ? member_phase::unreleased : member_phase::stable;
    member.epoch = target_epoch;
    member.assigned = together(keep, more);
    member.revoking.clear();
}

}  // namespace

bool reconcile(consumer_member& member, std::int32_t target_epoch, const partition_set* owned,
               partition_owners& owners) {
    std::int32_t from = member.epoch;
    switch (member.phase) {
        case member_phase::stable:
            if (member.epoch == target_epoch) return false;
            break;
        case member_phase::unrevoked:
            if (owned == nullptr || overlap(*owned, member.revoking)) return false;
            ++from;
            break;
        case member_phase::unreleased:
            break;
    }
    const auto phase = member.phase;
    const auto epoch = member.epoch;
    const auto previous = member.previous_epoch;
    const partition_set assigned = member.assigned;
    const partition_set held = together(member.assigned, member.revoking);
    advance(member, from, target_epoch, owned, owners);
    if (member.phase == phase && member.epoch == epoch && member.assigned == assigned &&
        phase == member_phase::unreleased) {
        member.previous_epoch = previous;  // still waiting for the same
        return false;
    }
    owners.moved(member, held);
    return true;
}

bool waits_for_others(const consumer_member& member, const partition_owners& owners) {
    if (member.phase != member_phase::unreleased) return false;
    const partition_set missing = without(member.target, member.assigned);
    return std::any_of(missing.begin(), missing.end(),
                       [&](const topic_partition& where) { return !owners.free_for(member, where); });
}

}  // namespace imago::broker::groups
