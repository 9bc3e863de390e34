// A group changes its protocol while its members go on: classic to consumer when the first member of the
// consumer protocol joins, and back when the last one has left.
#include "broker/groups/classic_group.h"
#include "broker/groups/classic_record.h"
#include "broker/groups/consumer_group.h"
#include "broker/groups/group_table.h"

#include <algorithm>

namespace imago::broker::groups {
namespace {

using migration = group_options::migration;

/// The rebalance after a member left is not durable, and the record of the group does without the member:
/// after a crash nobody would know that its partitions must be shared out. So it stays in the record until
/// the rebalance is done. A group that is loaded from it finds that this member is silent, takes it out, and
/// rebalances.
void keep_in_record(const std::string& member_id, effects& out) {
    for (auto& change : out.changes) {
        if (change.removed || change.key.empty() || change.key.front() != classic_kind) continue;
        auto record = read_classic_record(change.value);
        if (!record || record->members.empty()) continue;
        classic_record::member gone = record->members.front();
        gone.id = member_id + "-left";  // nobody's: it must be silent
        // From the last time that this member left, loaded after a crash and still awaited: one is enough.
        const auto there = [&](const classic_record::member& other) { return other.id == gone.id; };
        if (std::any_of(record->members.begin(), record->members.end(), there)) continue;
        gone.instance.reset();
        gone.assignment.clear();
        record->members.push_back(std::move(gone));
        change.value = write_classic_record(*record);
    }
}

}  // namespace

std::unique_ptr<machine> consumer_group::convert(classic_group& from, const context& with, unix_ms now,
                                                 effects& out) {
    const classic_group_state classic = from.export_state();
    const auto policy = with.options.consumer_migration;
    if (!classic.members.empty()) {
        if (policy != migration::upgrade && policy != migration::bidirectional) return nullptr;
        if (classic.protocol_type != "consumer") return nullptr;
        if (classic.members.size() > static_cast<std::size_t>(with.options.consumer_size_max)) return nullptr;
    }
    auto group = std::make_unique<consumer_group>(from.name(), with);
    group->epoch_ = group->target_epoch_ = std::max(0, classic.generation);
    group->durable_ = group->changed_ = true;
    if (classic.members.empty()) group->empty_since_ = now;
    std::vector<std::pair<consumer_member*, partition_set>> claims;
    for (const auto& old : classic.members) {
        const auto chosen = std::find_if(
            old.protocols.begin(), old.protocols.end(),
            [&](const auto& protocol) { return classic.protocol && protocol.first == *classic.protocol; });
        const auto& metadata = chosen != old.protocols.end() ? chosen->second
                               : old.protocols.empty()       ? std::string()
                                                             : old.protocols.front().second;
        auto subscribed = with.codec->read_subscription(metadata);
        if (!subscribed) return nullptr;  // not what its type says: the group stays what it is
        consumer_member& member = group->add(old.member_id);
        member.instance = old.instance;
        if (member.instance) group->instances_[*member.instance] = &member;
        member.rack = subscribed->rack;
        member.rebalance_timeout_ms =
            old.rebalance_timeout_ms >= 0 ? old.rebalance_timeout_ms : old.session_timeout_ms;
        member.client = old.client;
        std::sort(subscribed->topics.begin(), subscribed->topics.end());
        subscribed->topics.erase(std::unique(subscribed->topics.begin(), subscribed->topics.end()),
                                 subscribed->topics.end());
        member.subscribed = group->subscriptions_.acquire(std::move(subscribed->topics), {}, nullptr);
        member.classic = consumer_member::classic_side{old.session_timeout_ms, old.protocols};
        ++group->classic_members_;
        member.epoch = member.previous_epoch = group->epoch_;
        if (const auto assigned = with.codec->read_assignment(old.assignment)) {
            member.assigned = group->from_names(assigned->partitions);
        }
        group->owners_.enter(member);  // whoever assigned it twice: the first one has it
        member.target = member.assigned;
        claims.emplace_back(&member, group->from_names(subscribed->owned_partitions));
        group->restart_session(member, now);
    }
    // What a cooperative member had when it joined, and was not assigned again, it may not have given up yet.
    for (auto& [member, had] : claims) {
        for (const auto& where : without(had, member->assigned)) {
            if (group->owners_.owner(where) == nullptr) member->revoking.push_back(where);
        }
        if (member->revoking.empty()) continue;
        member->phase = member_phase::unrevoked;
        group->owners_.moved(*member, member->assigned);
    }
    group->fingerprint_ = group->subscriptions_.fingerprint();

    out.changes.push_back(group_table::removal(classic_kind, from.name(), {}));
    for (const auto& [id, member] : group->members_) {
        group->save_member(*member, out);
        group->save_target(*member, out);
        group->save_current(*member, out);
    }
    for (const auto& old : classic.members) {  // they join again, and find the group as it is now
        if (old.joining != 0) {
            join_answer answer;
            answer.error = group_errc::rebalance_in_progress;
            answer.member_id = old.member_id;
            out.tell(old.joining, std::move(answer));
        }
        if (old.syncing != 0) {
            sync_answer answer;
            answer.error = group_errc::rebalance_in_progress;
            out.tell(old.syncing, std::move(answer));
        }
    }
    out = group->finish(std::move(out));
    out.interests_changed = true;
    return group;
}

bool consumer_group::only_classic_without(const consumer_member* leaving) const {
    const std::size_t leaves = leaving != nullptr ? 1 : 0;
    const std::size_t classic_left = classic_members_ - (leaving != nullptr && leaving->classic ? 1 : 0);
    return !members_.empty() && classic_left == members_.size() - leaves;
}

bool consumer_group::may_become_classic(std::size_t size) const {
    const auto policy = with_.options.consumer_migration;
    return (policy == migration::downgrade || policy == migration::bidirectional) &&
           size <= static_cast<std::size_t>(with_.options.size_max);
}

void consumer_group::become_classic(const consumer_member* leaving, unix_ms now, effects& out) {
    classic_group_state state;
    state.generation = epoch_;
    if (!members_.empty()) state.protocol_type = "consumer";
    out.changes.push_back(group_table::removal(consumer_group_kind, name_, {}));
    for (const auto& [id, member] : members_) {
        forget_records(id, out);
        if (member.get() == leaving) continue;
        classic_member_state one;
        one.member_id = id;
        one.instance = member->instance;
        one.client = member->client;
        one.session_timeout_ms = member->classic->session_timeout_ms;
        one.rebalance_timeout_ms = member->rebalance_timeout_ms;
        one.protocols = member->classic->protocols;
        one.assignment = encode(member->assigned, *member);  // not its target: others may still have that
        state.members.push_back(std::move(one));
    }
    if (!state.members.empty()) {
        state.state = group_state::stable;
        state.leader = state.members.front().member_id;
        // The first protocol of the first member that everybody speaks.
        for (const auto& protocol : state.members.front().protocols) {
            const bool common =
                std::all_of(state.members.begin(), state.members.end(), [&](const auto& other) {
                    return std::any_of(other.protocols.begin(), other.protocols.end(),
                                       [&](const auto& theirs) { return theirs.first == protocol.first; });
                });
            if (!common) continue;
            state.protocol = protocol.first;
            break;
        }
    }
    note("goes on with the classic protocol");
    // Whoever left leaves partitions behind, and a target is not to be told to anybody before all are there:
    // then the members must share out anew among themselves.
    const bool rebalance =
        leaving != nullptr || std::any_of(members_.begin(), members_.end(), [&](const auto& entry) {
            return !entry.second->reconciled_to(epoch_);
        });
    out.next = classic_group::resume(name_, with_, std::move(state), rebalance, now, out);
    if (leaving != nullptr) keep_in_record(leaving->id, out);
}

}  // namespace imago::broker::groups
