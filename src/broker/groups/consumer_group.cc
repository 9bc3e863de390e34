#include "broker/groups/consumer_group.h"

#include "broker/groups/group_table.h"

namespace imago::broker::groups {

consumer_group::consumer_group(std::string name, const context& with)
    : name_(std::move(name)), with_(with), subscriptions_(*with.topics) {}

consumer_group::~consumer_group() = default;

std::unique_ptr<machine> consumer_group::make(std::string name, const context& with) {
    return std::make_unique<consumer_group>(std::move(name), with);
}

std::unique_ptr<machine> consumer_group::load(std::string name, const context& with,
                                              std::span<const group_record> records, unix_ms now) {
    auto group = std::make_unique<consumer_group>(std::move(name), with);
    for (const auto& record : records) {
        if (record.kind == consumer_group_kind) {
            const auto read = read_group(record.value);
            if (!read) return nullptr;
            group->epoch_ = read->epoch;
            group->target_epoch_ = read->target_epoch;
            group->fingerprint_ = read->fingerprint;
            group->empty_since_ = read->empty_since;
            group->durable_ = true;
        } else if (record.kind == consumer_member_kind) {
            auto read = read_member(record.value);
            if (!read) return nullptr;
            consumer_member& member = group->add(record.rest);
            const std::string id = member.id;
            member = std::move(read->member);
            member.id = id;
            std::string problem;
            auto pattern = read->regex.empty() ? nullptr : topic_pattern::make(read->regex, problem);
            member.subscribed = group->subscriptions_.acquire(std::move(read->names), std::move(read->regex),
                                                              std::move(pattern));
            if (member.instance) group->instances_[*member.instance] = &member;
            if (member.classic) ++group->classic_members_;
        }
    }
    if (!group->durable_) return nullptr;
    for (const auto& record : records) {
        consumer_member* member = group->find(record.rest);
        if (member == nullptr) continue;
        if (record.kind == consumer_current_kind && !read_current(record.value, *member)) return nullptr;
        if (record.kind == consumer_target_kind) {
            auto target = read_target(record.value);
            if (!target) return nullptr;
            member->target = std::move(*target);
        }
    }
    for (const auto& [id, member] : group->members_) {
        group->owners_.enter(*member);
        if (member->phase == member_phase::unrevoked && !member->classic) {
            member->rebalance_ends = now + member->rebalance_timeout_ms;
        }
        group->restart_session(*member, now);
    }
    group->seen_version_ = group->subscriptions_.version();
    return group;
}

effects consumer_group::finish(effects out) {
    if (changed_ && !out.next) {
        out.changes.push_back(
            group_table::record(consumer_group_kind, name_, {},
                                write_group({epoch_, target_epoch_, fingerprint_, empty_since_})));
        durable_ = true;
    }
    changed_ = false;
    if (seen_version_ != subscriptions_.version() || out.next) {
        seen_version_ = subscriptions_.version();
        out.interests_changed = true;
    }
    return out;
}

void consumer_group::save_member(const consumer_member& member, effects& out) const {
    out.changes.push_back(group_table::record(consumer_member_kind, name_, member.id, write_member(member)));
}

void consumer_group::save_current(const consumer_member& member, effects& out) const {
    out.changes.push_back(
        group_table::record(consumer_current_kind, name_, member.id, write_current(member)));
}

void consumer_group::save_target(const consumer_member& member, effects& out) const {
    out.changes.push_back(
        group_table::record(consumer_target_kind, name_, member.id, write_target(member.target)));
}

void consumer_group::forget_records(const std::string& member_id, effects& out) const {
    for (const char kind : {consumer_current_kind, consumer_target_kind, consumer_member_kind}) {
        out.changes.push_back(group_table::removal(kind, name_, member_id));
    }
}

void consumer_group::note(std::string text) const {
    if (with_.log) with_.log("group " + name_ + ": " + text);
}

effects consumer_group::tick(unix_ms now) {
    effects out;
    while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
        consumer_member& member = *deadlines_.begin()->second;
        deadlines_.erase(deadlines_.begin());
        member.queued = -1;
        const char* reason = nullptr;
        if (member.session_ends >= 0 && member.session_ends <= now) reason = "sent no heartbeat in time";
        if (member.rebalance_ends >= 0 && member.rebalance_ends <= now)
            reason = "did not give its partitions up";
        if (member.join_ends >= 0 && member.join_ends <= now) reason = "did not join again in time";
        if (member.sync_ends >= 0 && member.sync_ends <= now) reason = "did not sync in time";
        if (reason == nullptr) {
            watch(member);
            continue;
        }
        note("member " + member.id + " is fenced: it " + reason);
        fence(member, now, out);
        if (out.next) break;  // what else is due is the next machine's
    }
    return finish(std::move(out));
}

std::optional<unix_ms> consumer_group::wake() const {
    if (deadlines_.empty()) return std::nullopt;
    return deadlines_.begin()->first;
}

effects consumer_group::topics_changed(const std::vector<std::string>& names, unix_ms) {
    // Only looked at here. The next request of any member finds that the topics are not those of the group
    // epoch.
    const auto before = subscriptions_.fingerprint();
    for (const auto& name : names) subscriptions_.refresh(name);
    effects out;
    out.interests_changed =
        subscriptions_.fingerprint() != before;  // which offsets are held goes by topic ids
    return finish(std::move(out));
}

}  // namespace imago::broker::groups
