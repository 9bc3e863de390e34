#include "broker/groups/classic_parts.h"
#include "broker/groups/errors.h"
#include "broker/groups/group_table.h"

#include <algorithm>

namespace imago::broker::groups {

void classic_group::parts::go(group_state to) {
    before = state;
    state = to;
}

std::int32_t classic_group::parts::rebalance_timeout() const {
    std::int32_t longest = 0;
    for (const auto& [id, member] : members) longest = std::max(longest, member.rebalance_timeout_ms);
    return longest;
}

std::string classic_group::parts::elect_protocol() const {
    // Each member votes for the first of its protocols that all have; most votes win, then the name.
    std::map<std::string_view, std::size_t> votes;
    for (const auto& [id, member] : members) {
        for (const auto& [candidate, metadata] : member.protocols) {
            const auto count = supported.find(candidate);
            if (count == supported.end() || count->second != members.size()) continue;
            ++votes[candidate];
            break;
        }
    }
    std::string_view chosen;
    std::size_t most = 0;
    for (const auto& [candidate, count] : votes) {
        if (count <= most) continue;
        most = count;
        chosen = candidate;
    }
    return std::string(chosen);
}

bool classic_group::parts::have_joined_leader() {
    if (!leader) return false;
    if (members.at(*leader).joining != 0) return true;
    for (const auto& [id, member] : members) {
        if (member.joining == 0) continue;
        leader = id;
        return true;
    }
    return false;
}

void classic_group::parts::read_topics() {
    topics.reset();
    if (protocol_type != consumer_protocol_type || with.codec == nullptr) return;
    std::set<std::string> all;
    for (const auto& [id, member] : members) {
        const auto read = with.codec->read_subscription(member.metadata(protocol.value_or("")));
        if (!read) return;
        all.insert(read->topics.begin(), read->topics.end());
    }
    topics = std::move(all);
}

void classic_group::parts::rebalance_or_complete(unix_ms now, effects& out) {
    if (state == group_state::preparing_rebalance) return complete_if_joined(now, out);
    if (state != group_state::dead) prepare(now, out);
}

void classic_group::parts::prepare(unix_ms now, effects& out) {
    if (state == group_state::completing_rebalance) {
        for (auto& [id, member] : members) {
            member.assignment.clear();
            if (member.syncing == 0) continue;
            answer_sync(member, {group_errc::rebalance_in_progress, {}, {}, {}}, out);
            alive(member, now);
        }
    }
    unsynced.clear();
    sync_due = never;
    initial = state == group_state::empty;
    go(group_state::preparing_rebalance);
    if (initial) {
        out.interests_changed = true;
        // The group is new: others will come, and one rebalance for all is better than one for each.
        joined_since = false;
        initial_delay = with.options.initial_rebalance_delay_ms;
        initial_left = std::max(rebalance_timeout() - initial_delay, 0);
        join_due = now + initial_delay;
        due(join_due);
        // Without a delay there is nothing to wait for but members that have their id and will be back.
        if (initial_delay == 0 && all_joined()) complete_join(now, out);
        return;
    }
    if (all_joined()) return complete_join(now, out);
    join_due = now + rebalance_timeout();
    due(join_due);
}

void classic_group::parts::complete_if_joined(unix_ms now, effects& out) {
    if (state != group_state::preparing_rebalance || before == group_state::empty || !all_joined()) return;
    complete_join(now, out);
}

void classic_group::parts::end_initial_delay(unix_ms now, effects& out) {
    if (!joined_since || initial_left == 0) return complete_join(now, out);
    joined_since = false;
    const std::int32_t last = initial_delay;
    initial_delay = std::min(with.options.initial_rebalance_delay_ms, initial_left);
    initial_left = std::max(initial_left - last, 0);
    join_due = now + initial_delay;
    due(join_due);
}

void classic_group::parts::complete_join(unix_ms now, effects& out) {
    join_due = never;
    initial = false;
    std::vector<std::string> absent;
    for (const auto& [id, member] : members) {
        if (member.joining == 0 && !member.instance) absent.push_back(id);
    }
    for (const std::string& id : absent) drop(id, group_errc::unknown_member_id, out);
    if (!have_joined_leader() && !members.empty()) {
        // Only static members that are away: their session timeouts end it if they stay away.
        join_due = now + rebalance_timeout();
        return due(join_due);
    }
    ++generation;
    unsynced.clear();
    if (members.empty()) {
        protocol.reset();
        leader.reset();
        read_topics();
        go(group_state::empty);
        since = now;
        out.interests_changed = true;
        return store(out);
    }
    protocol = elect_protocol();
    out.interests_changed = true;
    read_topics();
    go(group_state::completing_rebalance);
    since = -1;
    for (auto& [id, member] : members) {
        answer_join(member, current_join(member), out);
        alive(member, now);
        member.fresh = false;
        unsynced.insert(id);
    }
    sync_due = now + rebalance_timeout();
    due(sync_due);
}

void classic_group::parts::finish_sync(const sync_request& asked, unix_ms now, effects& out) {
    for (auto& [id, member] : members) member.assignment.clear();
    for (const auto& [id, assignment] : asked.assignments) {
        if (classic_member* member = find(id)) member->assignment = assignment;
    }
    go(group_state::stable);
    store(out);
    for (auto& [id, member] : members) {
        if (member.syncing == 0) continue;
        answer_sync(member, {{}, protocol_type, protocol, member.assignment}, out);
        alive(member, now);
    }
}

void classic_group::parts::end_sync(unix_ms now, effects& out) {
    sync_due = never;
    if (unsynced.empty()) return;
    const std::set<std::string> silent = std::move(unsynced);
    unsynced.clear();
    for (const std::string& id : silent) drop(id, group_errc::unknown_member_id, out);
    prepare(now, out);
}

void classic_group::parts::removed_members(unix_ms now, effects& out) {
    if (state == group_state::stable || state == group_state::completing_rebalance) return prepare(now, out);
    complete_if_joined(now, out);
}

void classic_group::parts::store(effects& out) {
    classic_record record;
    record.generation = generation;
    record.protocol_type = protocol_type.value_or("");
    record.protocol = protocol;
    record.leader = leader;
    record.since = since;
    for (const auto& [id, member] : members) {
        record.members.push_back({id, member.instance, member.client, member.session_timeout_ms,
                                  member.rebalance_timeout_ms, member.protocols, member.assignment});
    }
    out.changes.push_back(group_table::record(classic_kind, name, {}, write_classic_record(record)));
    stored = true;
}

void classic_group::parts::find_next() {
    next = std::min(join_due, sync_due);
    for (const auto& [id, until] : pending) next = std::min(next, until);
    for (const auto& [id, member] : members) next = std::min(next, member.deadline);
}

}  // namespace imago::broker::groups
