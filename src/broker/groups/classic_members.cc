#include "broker/groups/classic_parts.h"
#include "broker/groups/errors.h"

#include <algorithm>

namespace imago::broker::groups {

const std::string& classic_member::metadata(std::string_view protocol) const {
    static const std::string none;
    for (const auto& [name, bytes] : protocols) {
        if (name == protocol) return bytes;
    }
    return none;
}

classic_member* classic_group::parts::find(const std::string& id) {
    const auto found = members.find(id);
    return found == members.end() ? nullptr : &found->second;
}

std::error_code classic_group::parts::check_member(const std::string& id, const instance_id& instance) const {
    if (instance) {
        const auto known = statics.find(*instance);
        if (known == statics.end()) return group_errc::unknown_member_id;
        if (known->second != id) return group_errc::fenced_instance_id;
    }
    if (!members.contains(id)) return group_errc::unknown_member_id;
    return {};
}

bool classic_group::parts::accepts(const std::string& id) const {
    const auto limit = static_cast<std::size_t>(with.options.size_max);
    const auto known = members.find(id);
    switch (state) {
        case group_state::preparing_rebalance:
            // Those that wait count, not the members: the last ones to rejoin are those that are one too many.
            return (known != members.end() && known->second.joining != 0) || joining < limit;
        case group_state::completing_rebalance:
        case group_state::stable:
            return known != members.end() || members.size() < limit;
        default:
            return true;
    }
}

bool classic_group::parts::supports(const join_request& asked) const {
    if (state == group_state::empty) return !asked.protocol_type.empty() && !asked.protocols.empty();
    if (protocol_type != asked.protocol_type) return false;
    return std::any_of(asked.protocols.begin(), asked.protocols.end(), [&](const auto& offered) {
        const auto count = supported.find(offered.first);
        return (count == supported.end() ? 0 : count->second) == members.size();
    });
}

std::string classic_group::parts::new_member_id(const join_request& asked) const {
    // Protocols have a limit for texts; what is in front is only for people.
    constexpr std::size_t longest = 1024;
    return (asked.instance ? *asked.instance : asked.client.id).substr(0, longest) + "-" + with.new_id();
}

void classic_group::parts::index(const classic_member& member, bool add) {
    std::set<std::string_view> names;
    for (const auto& [protocol_name, metadata] : member.protocols) names.insert(protocol_name);
    for (const std::string_view protocol_name : names) {
        std::size_t& count = supported[std::string(protocol_name)];
        if (add) {
            ++count;
        } else if (--count == 0) {
            supported.erase(std::string(protocol_name));
        }
    }
}

void classic_group::parts::answer_join(classic_member& member, join_answer what, effects& out) {
    if (member.joining == 0) return;
    out.tell(member.joining, std::move(what));
    member.joining = 0;
    --joining;
}

void classic_group::parts::answer_sync(classic_member& member, sync_answer what, effects& out) {
    if (member.syncing == 0) return;
    out.tell(member.syncing, std::move(what));
    member.syncing = 0;
}

std::vector<joined_member> classic_group::parts::members_for_leader() const {
    std::vector<joined_member> list;
    list.reserve(members.size());
    for (const auto& [id, member] : members) {
        list.push_back({id, member.instance, member.metadata(protocol.value_or(""))});
    }
    return list;
}

join_answer classic_group::parts::current_join(const classic_member& member) const {
    join_answer told;
    told.generation = generation;
    told.protocol_type = protocol_type;
    told.protocol_name = protocol;
    told.leader = leader.value_or("");
    told.member_id = member.id;
    if (is_leader(member.id)) told.members = members_for_leader();
    return told;
}

void classic_group::parts::alive(classic_member& member, unix_ms now, std::int64_t timeout) {
    member.deadline = now + timeout;
    due(member.deadline);
}

void classic_group::parts::add(const std::string& id, token to, const join_request& asked, unix_ms now,
                               effects& out) {
    if (members.empty()) protocol_type = asked.protocol_type;
    if (!leader) leader = id;
    if (asked.instance) statics[*asked.instance] = id;
    classic_member& member = members[id];
    member.id = id;
    member.instance = asked.instance;
    member.client = asked.client;
    member.fresh = true;
    pending.erase(id);
    update(member, to, asked, out);
    if (state == group_state::preparing_rebalance && before == group_state::empty) joined_since = true;
    // It does not know its id and cannot heartbeat: whoever went away while waiting must not stay for ever.
    alive(member, now, with.options.new_member_join_timeout_ms);
    rebalance_or_complete(now, out);
}

void classic_group::parts::update(classic_member& member, token to, const join_request& asked, effects& out) {
    index(member, false);
    member.protocols = asked.protocols;
    index(member, true);
    member.session_timeout_ms = asked.session_timeout_ms;
    member.rebalance_timeout_ms =
        asked.rebalance_timeout_ms >= 0 ? asked.rebalance_timeout_ms : asked.session_timeout_ms;
    // A second request takes the place of the one that waits: its connection is most likely gone.
    join_answer superseded;
    superseded.error = group_errc::rebalance_in_progress;
    superseded.member_id = member.id;
    answer_join(member, std::move(superseded), out);
    member.joining = to;
    if (to != 0) ++joining;
}

void classic_group::parts::drop(const std::string& id, std::error_code why, effects& out) {
    pending.erase(id);
    unsynced.erase(id);
    const auto found = members.find(id);
    if (found == members.end()) return;
    classic_member& member = found->second;
    join_answer refused;
    refused.error = why;
    answer_join(member, std::move(refused), out);
    answer_sync(member, {why, {}, {}, {}}, out);
    index(member, false);
    if (member.instance) statics.erase(*member.instance);
    members.erase(found);
    if (leader != id) return;
    leader.reset();
    if (!members.empty()) leader = members.begin()->first;
}

void classic_group::parts::replace_static(const std::string& old_id, const std::string& new_id, token to,
                                          const join_request& asked, unix_ms now, effects& out) {
    const std::optional<std::string> old_leader = leader;
    {
        auto node = members.extract(old_id);
        classic_member& moved = node.mapped();
        join_answer fenced;
        fenced.error = group_errc::fenced_instance_id;
        fenced.member_id = old_id;
        answer_join(moved, std::move(fenced), out);
        answer_sync(moved, {group_errc::fenced_instance_id, {}, {}, {}}, out);
        moved.id = new_id;
        moved.fresh = false;
        node.key() = new_id;
        members.insert(std::move(node));
    }
    if (unsynced.erase(old_id) != 0) unsynced.insert(new_id);
    if (leader == old_id) leader = new_id;
    statics[*asked.instance] = new_id;
    classic_member& member = members.at(new_id);
    update(member, to, asked, out);
    alive(member, now);

    if (state == group_state::completing_rebalance) {
        // The leader may have assigned to the old id already.
        return prepare(now, out);
    }
    if (state != group_state::stable) return complete_if_joined(now, out);
    if (elect_protocol() != protocol) return rebalance_or_complete(now, out);

    // Nothing changes for the others: the member goes on where the one before it stopped.
    store(out);
    join_answer told = current_join(member);
    told.skip_assignment = asked.can_skip_assignment && is_leader(new_id);
    if (!asked.can_skip_assignment) {
        // Who cannot be told to skip the assignment must not take itself for the leader.
        told.members.clear();
        told.leader = old_leader.value_or("");
    }
    answer_join(member, std::move(told), out);
}

}  // namespace imago::broker::groups
