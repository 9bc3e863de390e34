#include "broker/groups/classic_group.h"

#include "broker/groups/classic_parts.h"
#include "broker/groups/errors.h"
#include "broker/groups/group_table.h"

#include <algorithm>

namespace imago::broker::groups {
namespace {

effects refuse_join(token to, std::error_code why, std::string member_id) {
    effects out;
    join_answer told;
    told.error = why;
    told.member_id = std::move(member_id);
    out.tell(to, std::move(told));
    return out;
}

template <class Answer>
effects only(token to, Answer what) {
    effects out;
    out.tell(to, std::move(what));
    return out;
}

bool contradicts(const std::optional<std::string>& claimed, const std::optional<std::string>& ours) {
    return claimed && claimed != ours;
}

}  // namespace

classic_group::classic_group(std::string name, const context& with)
    : parts_(std::make_unique<parts>(std::move(name), with)) {}
classic_group::~classic_group() = default;

const std::string& classic_group::name() const { return parts_->name; }
group_state classic_group::state() const { return parts_->state; }
std::string classic_group::protocol_type() const { return parts_->protocol_type.value_or(""); }

effects classic_group::join(token to, const join_request& asked, unix_ms now) {
    parts& p = *parts_;
    if (asked.session_timeout_ms < p.with.options.session_timeout_min_ms ||
        asked.session_timeout_ms > p.with.options.session_timeout_max_ms) {
        return refuse_join(to, group_errc::invalid_session_timeout, asked.member_id);
    }
    if (p.state == group_state::dead) {
        return refuse_join(to, group_errc::coordinator_not_available, asked.member_id);
    }
    effects out;
    const std::string& id = asked.member_id;
    if (!p.accepts(id)) {
        join_answer full;
        full.error = group_errc::group_max_size_reached;
        out.tell(to, std::move(full));
        p.drop(id, group_errc::unknown_member_id, out);
        p.complete_if_joined(now, out);
        return out;
    }
    if (!p.supports(asked)) return refuse_join(to, group_errc::inconsistent_group_protocol, id);

    if (id.empty()) {
        const std::string new_id = p.new_member_id(asked);
        if (asked.instance) {
            const auto known = p.statics.find(*asked.instance);
            if (known != p.statics.end()) {
                p.replace_static(std::string(known->second), new_id, to, asked, now, out);
            } else {
                p.add(new_id, to, asked, now, out);
            }
        } else if (asked.member_id_required) {
            // Whoever never comes back leaves an id behind, not a member that all wait for.
            const unix_ms until = now + asked.session_timeout_ms;
            p.pending[new_id] = until;
            p.due(until);
            join_answer told;
            told.error = group_errc::member_id_required;
            told.member_id = new_id;
            out.tell(to, std::move(told));
        } else {
            p.add(new_id, to, asked, now, out);
        }
        return out;
    }
    if (p.pending.contains(id)) {
        if (asked.instance) return refuse_join(to, group_errc::unknown_member_id, id);
        p.add(id, to, asked, now, out);
        return out;
    }
    if (const std::error_code why = p.check_member(id, asked.instance)) return refuse_join(to, why, id);

    classic_member& member = *p.find(id);
    const bool same = member.protocols == asked.protocols;
    const bool settled = p.state == group_state::completing_rebalance ||
                         (p.state == group_state::stable && !p.is_leader(id));
    if (settled && same) {
        // Its answer got lost, or it only asks again: the generation stands. A leader's JoinGroup in a stable group,
        // on the other hand, is how it says that the assignment has to be made anew.
        out.tell(to, p.current_join(member));
        return out;
    }
    p.update(member, to, asked, out);
    p.rebalance_or_complete(now, out);
    return out;
}

effects classic_group::sync(token to, const sync_request& asked, unix_ms now) {
    parts& p = *parts_;
    std::error_code why;
    if (p.state == group_state::dead) {
        why = group_errc::coordinator_not_available;
    } else if (p.members.empty()) {
        why = group_errc::unknown_member_id;
    } else {
        why = p.check_member(asked.member_id, asked.instance);
    }
    if (!why && asked.generation != p.generation) why = group_errc::illegal_generation;
    if (!why && (contradicts(asked.protocol_type, p.protocol_type) || contradicts(asked.protocol_name, p.protocol))) {
        why = group_errc::inconsistent_group_protocol;
    }
    if (!why && p.state == group_state::preparing_rebalance) why = group_errc::rebalance_in_progress;
    if (why) return only(to, sync_answer{why, {}, {}, {}});

    effects out;
    classic_member& member = *p.find(asked.member_id);
    p.unsynced.erase(asked.member_id);
    if (p.state == group_state::stable) {
        out.tell(to, sync_answer{{}, p.protocol_type, p.protocol, member.assignment});
        return out;
    }
    p.answer_sync(member, {group_errc::rebalance_in_progress, {}, {}, {}}, out);
    member.syncing = to;
    if (p.is_leader(asked.member_id)) p.finish_sync(asked, now, out);
    return out;
}

effects classic_group::heartbeat(token to, const heartbeat_request& asked, unix_ms now) {
    parts& p = *parts_;
    if (p.state == group_state::dead) return only(to, heartbeat_answer{group_errc::coordinator_not_available});
    std::error_code why = p.check_member(asked.member_id, asked.instance);
    if (!why && asked.generation != p.generation) why = group_errc::illegal_generation;
    if (why) return only(to, heartbeat_answer{why});
    p.alive(*p.find(asked.member_id), now);
    if (p.state == group_state::preparing_rebalance) why = group_errc::rebalance_in_progress;
    return only(to, heartbeat_answer{why});
}

effects classic_group::leave(token to, const leave_request& asked, unix_ms now) {
    parts& p = *parts_;
    if (p.state == group_state::dead) return only(to, leave_answer{group_errc::coordinator_not_available, {}});
    effects out;
    leave_answer told;
    bool any = false;
    for (const leaving_member& who : asked.members) {
        std::error_code why;
        std::string id = who.member_id;
        if (id.empty()) {
            // An administrator takes a static member out.
            const auto known = who.instance ? p.statics.find(*who.instance) : p.statics.end();
            if (known != p.statics.end()) {
                id = known->second;
            } else {
                why = group_errc::unknown_member_id;
            }
        } else if (!p.pending.contains(id)) {
            why = p.check_member(id, who.instance);
        }
        if (!why) {
            p.drop(id, group_errc::unknown_member_id, out);
            any = true;
        }
        told.members.push_back({who.member_id, who.instance, why});
    }
    if (any) p.removed_members(now, out);
    out.tell(to, std::move(told));
    return out;
}

effects classic_group::consumer_heartbeat(token to, const consumer_heartbeat_request& asked, unix_ms now) {
    parts& p = *parts_;
    effects out;
    if (asked.member_epoch == 0 && p.state != group_state::dead && p.with.consumer.convert != nullptr) {
        std::unique_ptr<machine> next = p.with.consumer.convert(*this, p.with, now, out);
        if (next != nullptr) {
            effects first = next->consumer_heartbeat(to, asked, now);
            std::move(first.changes.begin(), first.changes.end(), std::back_inserter(out.changes));
            std::move(first.answers.begin(), first.answers.end(), std::back_inserter(out.answers));
            out.interests_changed = true;
            out.next = first.next != nullptr ? std::move(first.next) : std::move(next);
            return out;
        }
    }
    consumer_heartbeat_answer told;
    told.error = group_errc::group_id_not_found;
    told.message = "Group " + p.name + " is not a consumer group.";
    out.tell(to, std::move(told));
    return out;
}

effects classic_group::tick(unix_ms now) {
    parts& p = *parts_;
    effects out;
    if (now < p.next) return out;
    if (p.join_due <= now) {
        if (p.initial) {
            p.end_initial_delay(now, out);
        } else {
            p.complete_join(now, out);
        }
    }
    if (p.sync_due <= now) p.end_sync(now, out);
    std::vector<std::string> gone;
    for (const auto& [id, until] : p.pending) {
        if (until <= now) gone.push_back(id);
    }
    for (const std::string& id : gone) p.drop(id, group_errc::unknown_member_id, out);
    if (!gone.empty()) p.complete_if_joined(now, out);
    gone.clear();
    for (auto& [id, member] : p.members) {
        if (member.deadline > now) continue;
        // Who waits for the others is alive; its time begins anew with its answer. Except new members, which
        // cannot heartbeat.
        if (!member.fresh && (member.joining != 0 || member.syncing != 0)) {
            member.deadline = never;
        } else {
            gone.push_back(id);
        }
    }
    for (const std::string& id : gone) {
        p.drop(id, group_errc::unknown_member_id, out);
        p.removed_members(now, out);
    }
    p.find_next();
    return out;
}

std::optional<unix_ms> classic_group::wake() const {
    if (parts_->next == never) return std::nullopt;
    return parts_->next;
}

std::error_code classic_group::check_commit(const offset_claim& who, unix_ms now) {
    parts& p = *parts_;
    if (p.state == group_state::dead) return group_errc::coordinator_not_available;
    if (who.generation < 0 && p.state == group_state::empty) return {};
    if (who.generation < 0 && who.member_id.empty() && !who.instance) {
        // Someone from outside the group: only while nobody is in it.
        return group_errc::unknown_member_id;
    }
    if (const std::error_code why = p.check_member(who.member_id, who.instance)) return why;
    if (who.generation != p.generation) return group_errc::illegal_generation;
    if (p.state == group_state::completing_rebalance) return group_errc::rebalance_in_progress;
    p.alive(*p.find(who.member_id), now);
    return {};
}

std::error_code classic_group::check_fetch(const offset_claim&) const { return {}; }

std::error_code classic_group::check_offset_delete() const {
    const parts& p = *parts_;
    if (p.state == group_state::dead) return group_errc::group_id_not_found;
    if (p.state != group_state::empty && p.protocol_type != consumer_protocol_type) {
        return group_errc::non_empty_group;
    }
    return {};
}

bool classic_group::subscribed(std::string_view topic) const {
    const parts& p = *parts_;
    return p.topics && p.topics->contains(std::string(topic));
}

offset_hold classic_group::hold() const {
    const parts& p = *parts_;
    offset_hold hold;
    if (p.state == group_state::empty || p.state == group_state::dead) {
        if (p.protocol_type) hold.since = p.since;
    } else if (p.topics) {
        // While it rebalances, the topics of the generation before stand for those to come.
        hold.topics.assign(p.topics->begin(), p.topics->end());
    } else {
        hold.every_topic = true;
    }
    return hold;
}

group_view classic_group::view() const {
    const parts& p = *parts_;
    group_view view;
    view.type = group_type::classic;
    view.state = p.state;
    view.protocol_type = p.protocol_type.value_or("");
    view.epoch = p.generation;
    const bool stable = p.state == group_state::stable;
    if (stable) view.protocol = p.protocol.value_or("");
    for (const auto& [id, member] : p.members) {
        member_view& shown = view.members.emplace_back();
        shown.member_id = id;
        shown.instance = member.instance;
        shown.client = member.client;
        shown.epoch = p.generation;
        if (!stable) continue;
        shown.metadata = member.metadata(view.protocol);
        shown.assignment = member.assignment;
    }
    return view;
}

std::error_code classic_group::remove(effects& out) {
    parts& p = *parts_;
    if (p.state == group_state::dead) return group_errc::group_id_not_found;
    if (p.state != group_state::empty) return group_errc::non_empty_group;
    p.pending.clear();
    out.changes.push_back(group_table::removal(classic_kind, p.name, {}));
    p.go(group_state::dead);
    p.find_next();
    return {};
}

bool classic_group::idle() const {
    const parts& p = *parts_;
    return p.state == group_state::dead || (p.state == group_state::empty && p.pending.empty());
}

std::unique_ptr<classic_group> classic_group::load(std::string name, const context& with,
                                                   std::span<const group_record> records, unix_ms now) {
    if (records.size() != 1 || records.front().kind != classic_kind) return nullptr;
    const auto record = read_classic_record(records.front().value);
    if (!record) return nullptr;
    auto group = std::make_unique<classic_group>(std::move(name), with);
    parts& p = *group->parts_;
    p.generation = record->generation;
    p.protocol_type = record->protocol_type;
    p.protocol = record->protocol;
    p.leader = record->leader;
    p.since = record->since;
    p.stored = true;
    for (const auto& stored : record->members) {
        const auto [place, fresh] = p.members.try_emplace(stored.id);
        if (!fresh) continue;  // counted twice, its protocols would be no one's
        classic_member& member = place->second;
        member.id = stored.id;
        member.instance = stored.instance;
        member.client = stored.client;
        member.session_timeout_ms = stored.session_timeout_ms;
        member.rebalance_timeout_ms = stored.rebalance_timeout_ms;
        member.protocols = stored.protocols;
        member.assignment = stored.assignment;
        if (member.instance) p.statics[*member.instance] = member.id;
        p.index(member, true);
        p.alive(member, now);
    }
    if (!p.members.empty()) {
        p.go(group_state::stable);
        if (!p.leader || !p.members.contains(*p.leader)) p.leader = p.members.begin()->first;
    }
    p.read_topics();
    return group;
}

std::unique_ptr<classic_group> classic_group::resume(std::string name, const context& with,
                                                     classic_group_state from, bool rebalance, unix_ms now,
                                                     effects& out) {
    auto group = std::make_unique<classic_group>(std::move(name), with);
    parts& p = *group->parts_;
    p.generation = from.generation;
    p.protocol_type = std::move(from.protocol_type);
    p.protocol = std::move(from.protocol);
    for (classic_member_state& given : from.members) {
        classic_member& member = p.members[given.member_id];
        member.id = given.member_id;
        member.instance = std::move(given.instance);
        member.client = std::move(given.client);
        member.session_timeout_ms = given.session_timeout_ms;
        member.rebalance_timeout_ms = given.rebalance_timeout_ms;
        member.protocols = std::move(given.protocols);
        member.assignment = std::move(given.assignment);
        member.joining = given.joining;
        member.syncing = given.syncing;
        if (member.joining != 0) ++p.joining;
        if (member.instance) p.statics[*member.instance] = member.id;
        p.index(member, true);
        p.alive(member, now);
    }
    p.leader = std::move(from.leader);
    if (p.members.empty()) {
        p.leader.reset();
        p.since = now;
    } else {
        if (!p.leader || !p.members.contains(*p.leader)) p.leader = p.members.begin()->first;
        p.go(group_state::stable);
    }
    p.read_topics();
    p.store(out);
    for (auto& [id, member] : p.members) {
        p.answer_sync(member, {{}, p.protocol_type, p.protocol, member.assignment}, out);
    }
    if (rebalance && !p.members.empty()) p.prepare(now, out);
    return group;
}

classic_group_state classic_group::export_state() const {
    const parts& p = *parts_;
    classic_group_state all;
    all.generation = p.generation;
    all.protocol_type = p.protocol_type.value_or("");
    all.protocol = p.protocol;
    all.leader = p.leader.value_or("");
    all.state = p.state;
    for (const auto& [id, member] : p.members) {
        all.members.push_back({id, member.instance, member.client, member.session_timeout_ms,
                               member.rebalance_timeout_ms, member.protocols, member.assignment, member.joining,
                               member.syncing});
    }
    return all;
}

}  // namespace imago::broker::groups
