// Members of a consumer group come, change, and go.
#include "broker/groups/consumer_group.h"

#include <algorithm>

namespace imago::broker::groups {

consumer_member* consumer_group::find(std::string_view id) const {
    const auto found = members_.find(id);
    return found == members_.end() ? nullptr : found->second.get();
}

consumer_member* consumer_group::find_instance(const std::string& instance) const {
    const auto found = instances_.find(instance);
    return found == instances_.end() ? nullptr : found->second;
}

consumer_member& consumer_group::add(std::string id) {
    auto made = std::make_unique<consumer_member>();
    made->id = id;
    empty_since_ = -1;
    return *members_.emplace(std::move(id), std::move(made)).first->second;
}

void consumer_group::replace(consumer_member& member, std::string id, effects& out) {
    forget_records(member.id, out);
    auto node = members_.extract(member.id);
    node.key() = id;
    member.id = std::move(id);
    member.epoch = 0;
    member.previous_epoch = 0;
    member.rebalance_ends = member.join_ends = member.sync_ends = -1;
    members_.insert(std::move(node));
    save_member(member, out);
    save_target(member, out);
    save_current(member, out);
}

bool consumer_group::update(consumer_member& member, news what, bool is_new, effects& out) {
    bool changed = is_new;
    bool subscription_changed = is_new;
    const auto assign = [&](auto& field, const auto& value) {
        if (field == value) return;
        field = value;
        changed = true;
    };
    if (what.instance && *what.instance && member.instance != *what.instance) {
        if (member.instance) instances_.erase(*member.instance);
        assign(member.instance, *what.instance);
        instances_[**what.instance] = &member;
    }
    if (what.rack && *what.rack) assign(member.rack, *what.rack);
    if (what.rebalance_timeout_ms >= 0) assign(member.rebalance_timeout_ms, what.rebalance_timeout_ms);
    if (what.assignor && *what.assignor) assign(member.assignor, *what.assignor);
    if (what.client->id != member.client.id || what.client->host != member.client.host) {
        member.client = *what.client;
        changed = true;
    }
    if (what.classic.has_value() != member.classic.has_value()) {
        what.classic ? ++classic_members_ : --classic_members_;
    }
    assign(member.classic, what.classic);

    const bool has_topics = what.topics && *what.topics;
    const bool has_regex = what.regex && *what.regex;
    if (has_topics || has_regex || member.subscribed == nullptr) {
        std::vector<std::string> names;
        if (has_topics) {
            names = **what.topics;
            std::sort(names.begin(), names.end());
            names.erase(std::unique(names.begin(), names.end()), names.end());
        } else if (member.subscribed) {
            names = member.subscribed->names;
        }
        std::string regex = has_regex ? **what.regex : member.subscribed ? member.subscribed->regex : "";
        if (member.subscribed == nullptr || names != member.subscribed->names ||
            regex != member.subscribed->regex) {
            auto pattern = has_regex           ? std::move(what.pattern)
                           : member.subscribed ? member.subscribed->pattern
                                               : nullptr;
            auto* before = member.subscribed;
            member.subscribed =
                subscriptions_.acquire(std::move(names), std::move(regex), std::move(pattern));
            subscriptions_.release(before);
            changed = subscription_changed = true;
        }
    }
    if (changed) save_member(member, out);
    return subscription_changed;
}

void consumer_group::drop(consumer_member& member, effects& out) {
    forget_records(member.id, out);
    owners_.gone(member);
    subscriptions_.release(member.subscribed);
    if (member.instance && find_instance(*member.instance) == &member) instances_.erase(*member.instance);
    if (member.classic) --classic_members_;
    if (member.queued >= 0) deadlines_.erase({member.queued, &member});
    members_.erase(members_.find(member.id));
}

void consumer_group::fence(consumer_member& member, unix_ms now, effects& out) {
    if (members_.size() > 1 && only_classic_without(&member) && may_become_classic(members_.size() - 1)) {
        become_classic(&member, now, out);
        return;
    }
    expel(member, now, out);
}

void consumer_group::expel(consumer_member& member, unix_ms now, effects& out) {
    drop(member, out);
    fingerprint_ = subscriptions_.fingerprint();
    if (members_.empty()) empty_since_ = now;
    bump();
}

/// Deadlines that move away are left in the queue as they are: tick() finds that it came too early, and looks
/// again later. So a heartbeat does not touch the queue.
void consumer_group::watch(consumer_member& member) {
    const unix_ms first = member.first_deadline();
    if (first < 0 || (member.queued >= 0 && member.queued <= first)) return;
    if (member.queued >= 0) deadlines_.erase({member.queued, &member});
    member.queued = first;
    deadlines_.insert({first, &member});
}

void consumer_group::restart_session(consumer_member& member, unix_ms now) {
    member.session_ends = now + (member.classic ? member.classic->session_timeout_ms
                                                : with_.options.consumer_session_timeout_ms);
    watch(member);
}

}  // namespace imago::broker::groups
