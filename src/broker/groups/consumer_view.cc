// What others may ask a consumer group: commits, administration.
#include "broker/groups/consumer_group.h"
#include "broker/groups/group_table.h"

namespace imago::broker::groups {

std::error_code consumer_group::check_commit(const offset_claim& who, unix_ms) {
    if (who.generation < 0 && members_.empty()) return {};
    const consumer_member* member = find(who.member_id);
    if (member == nullptr) return group_errc::unknown_member_id;
    if (!member->classic && !who.knows_epochs) return group_errc::unsupported_version;
    if (who.generation == member->epoch) return {};
    return member->classic ? group_errc::illegal_generation : group_errc::stale_member_epoch;
}

std::error_code consumer_group::check_fetch(const offset_claim& who) const {
    if (who.member_id.empty() && who.generation < 0) return {};
    const consumer_member* member = find(who.member_id);
    if (member == nullptr) return group_errc::unknown_member_id;
    if (who.generation == member->epoch) return {};
    return member->classic ? group_errc::illegal_generation : group_errc::stale_member_epoch;
}

offset_hold consumer_group::hold() const {
    offset_hold hold;
    hold.topics = subscriptions_.names();
    hold.since = empty_since_;
    return hold;
}

group_state consumer_group::state() const {
    if (members_.empty()) return group_state::empty;
    if (epoch_ > target_epoch_) return group_state::assigning;
    for (const auto& [id, member] : members_) {
        if (!member->reconciled_to(target_epoch_)) return group_state::reconciling;
    }
    return group_state::stable;
}

group_view consumer_group::view() const {
    group_view view;
    view.type = group_type::consumer;
    view.state = state();
    view.protocol_type = protocol_type();
    view.protocol = assignor_name();
    view.epoch = epoch_;
    view.assignment_epoch = target_epoch_;
    for (const auto& [id, member] : members_) {
        member_view one;
        one.member_id = id;
        one.instance = member->instance;
        one.client = member->client;
        one.rack = member->rack;
        one.epoch = member->epoch;
        one.topics = member->subscribed->names;
        one.topic_regex = member->subscribed->regex;
        one.current = to_list(member->assigned);
        one.target = to_list(member->target);
        one.classic_protocol = member->classic.has_value();
        view.members.push_back(std::move(one));
    }
    return view;
}

std::error_code consumer_group::remove(effects& out) {
    if (!members_.empty()) return group_errc::non_empty_group;
    out.changes.push_back(group_table::removal(consumer_group_kind, name_, {}));
    durable_ = false;
    changed_ = false;
    return {};
}

}  // namespace imago::broker::groups
