// Epochs and targets of a consumer group.
#include "broker/groups/consumer_group.h"

#include <algorithm>

namespace imago::broker::groups {

void consumer_group::bring_up_to_date(bool subscription_changed, effects& out) {
    if (subscription_changed || fingerprint_ != subscriptions_.fingerprint()) {
        fingerprint_ = subscriptions_.fingerprint();
        bump();
    }
    if (epoch_ > target_epoch_) make_targets(out);
}

void consumer_group::make_targets(effects& out) {
    const auto resolved = subscriptions_.resolve();
    assignor_input input;
    input.topics = resolved.topics;
    input.members.reserve(members_.size());
    for (const auto& [id, member] : members_) {
        assignor_member view;
        view.id = id;
        if (member->instance) view.instance = *member->instance;
        view.topics = resolved.of.at(member->subscribed);
        view.current = &member->target;
        input.members.push_back(view);
    }
    auto targets = find_assignor(assignor_name())(input);
    auto made = targets.begin();
    for (const auto& [id, member] : members_) {
        if (member->target != *made) {
            member->target = std::move(*made);
            save_target(*member, out);
        }
        ++made;
    }
    target_epoch_ = epoch_;
    changed_ = true;
}

/// The one that most members ask for; of those the first that the server names.
const std::string& consumer_group::assignor_name() const {
    const auto& known = with_.options.consumer_assignors;
    std::vector<std::size_t> votes(known.size(), 0);
    for (const auto& [id, member] : members_) {
        if (!member->assignor) continue;
        const auto found = std::find(known.begin(), known.end(), *member->assignor);
        if (found != known.end()) ++votes[static_cast<std::size_t>(found - known.begin())];
    }
    return known[static_cast<std::size_t>(std::max_element(votes.begin(), votes.end()) - votes.begin())];
}

bool consumer_group::step(consumer_member& member, const partition_set* owned, unix_ms now, effects& out) {
    if (member.reconciled_to(target_epoch_)) return false;
    const partition_set before = member.assigned;
    if (!reconcile(member, target_epoch_, owned, owners_)) return false;
    save_current(member, out);
    // Classic members have a time to join and a time to sync instead.
    const bool must_revoke = member.phase == member_phase::unrevoked && !member.classic;
    member.rebalance_ends = must_revoke ? now + member.rebalance_timeout_ms : -1;
    watch(member);
    return member.assigned != before;
}

}  // namespace imago::broker::groups
