// Members of the classic protocol in a consumer group. They know no targets: the group says
// REBALANCE_IN_PROGRESS when they must come nearer to theirs, a JoinGroup takes them one step there (their
// own rebalance protocol decides whether they gave up everything, or only what they were asked to), and a
// SyncGroup tells what they have.
#include "broker/groups/classic_group.h"
#include "broker/groups/consumer_group.h"

#include <algorithm>

namespace imago::broker::groups {
namespace {

constexpr std::string_view consumer_type = "consumer";

}  // namespace

/// There is an embedded protocol that this member and every other classic member speak.
bool consumer_group::supports(const std::vector<std::pair<std::string, std::string>>& protocols) const {
    return std::any_of(protocols.begin(), protocols.end(), [&](const auto& mine) {
        return std::all_of(members_.begin(), members_.end(), [&](const auto& entry) {
            const auto& classic = entry.second->classic;
            return !classic || std::any_of(classic->protocols.begin(), classic->protocols.end(),
                                           [&](const auto& theirs) { return theirs.first == mine.first; });
        });
    });
}

partition_set consumer_group::from_names(const std::vector<classic_subscription::owned>& list) const {
    partition_set set;
    for (const auto& topic : list) {
        const auto fact = with_.topics->by_name(topic.topic);
        if (!fact) continue;
        for (const auto partition : topic.partitions) set.push_back({fact->id, partition});
    }
    sort_unique(set);
    return set;
}

std::string consumer_group::encode(const partition_set& set, const consumer_member& member) const {
    classic_assignment made;
    if (member.classic && !member.classic->protocols.empty()) {
        const auto read = with_.codec->read_subscription(member.classic->protocols.front().second);
        if (read) made.version = read->version;
    }
    const uuid* last = nullptr;
    std::optional<topic_fact> fact;
    for (const auto& where : set) {
        if (last == nullptr || *last != where.topic) {
            last = &where.topic;
            fact = with_.topics->by_id(where.topic);
            if (fact) made.partitions.push_back({fact->name, {}});
        }
        if (fact) made.partitions.back().partitions.push_back(where.partition);
    }
    return with_.codec->write_assignment(made);
}

effects consumer_group::join(token to, const join_request& asked, unix_ms now) {
    effects out;
    if (members_.empty()) {  // nothing of this group is left: it may be of either protocol
        become_classic(nullptr, now, out);
        effects joined = out.next->join(to, asked, now);
        std::move(joined.changes.begin(), joined.changes.end(), std::back_inserter(out.changes));
        std::move(joined.answers.begin(), joined.answers.end(), std::back_inserter(out.answers));
        if (joined.next) out.next = std::move(joined.next);
        return finish(std::move(out));
    }
    const auto refuse = [&](group_errc error, std::string member_id) {
        join_answer answer;
        answer.error = error;
        answer.member_id = std::move(member_id);
        out.tell(to, std::move(answer));
        return finish(std::move(out));
    };
    const bool unknown = asked.member_id.empty();
    const std::string id = unknown
                               ? (asked.instance ? *asked.instance : asked.client.id) + "-" + with_.new_id()
                               : asked.member_id;
    consumer_member* member = find(id);
    if (members_.size() >= static_cast<std::size_t>(with_.options.consumer_size_max) && member == nullptr) {
        return refuse(group_errc::group_max_size_reached, asked.member_id);
    }
    if (asked.protocol_type != consumer_type || asked.protocols.empty() || !supports(asked.protocols)) {
        return refuse(group_errc::inconsistent_group_protocol, asked.member_id);
    }
    const auto subscribed = with_.codec->read_subscription(asked.protocols.front().second);
    if (!subscribed) return refuse(group_errc::inconsistent_group_protocol, asked.member_id);
    if (unknown && !asked.instance && asked.member_id_required) {
        return refuse(group_errc::member_id_required, id);
    }
    if (asked.instance) {
        consumer_member* present = find_instance(*asked.instance);
        if (!unknown) {
            if (present == nullptr) return refuse(group_errc::unknown_member_id, asked.member_id);
            if (present->id != id) return refuse(group_errc::fenced_instance_id, asked.member_id);
        } else if (present != nullptr) {
            replace(*present, id, out);
        }
        member = present;
    }
    const bool is_new = member == nullptr;
    const partition_set owned = from_names(subscribed->owned_partitions);
    // It was taken out, and its partitions may be others' by now: it must give up what it says that it has.
    if (is_new && !owned.empty()) return refuse(group_errc::unknown_member_id, asked.member_id);
    if (is_new) member = &add(id);
    news what;
    const std::optional<std::vector<std::string>> topics = subscribed->topics;
    const std::optional<std::string> no_regex = std::string();
    what.instance = &asked.instance;
    what.rack = &subscribed->rack;
    what.rebalance_timeout_ms =
        asked.rebalance_timeout_ms >= 0 ? asked.rebalance_timeout_ms : asked.session_timeout_ms;
    what.topics = &topics;
    what.regex = &no_regex;
    what.client = &asked.client;
    what.classic = consumer_member::classic_side{asked.session_timeout_ms, asked.protocols};
    const bool subscription_changed = update(*member, std::move(what), is_new, out);
    bring_up_to_date(subscription_changed, out);
    step(*member, &owned, now, out);

    join_answer answer;
    answer.generation = member->epoch;
    answer.protocol_type = std::string(consumer_type);
    answer.protocol_name = asked.protocols.front().first;
    answer.member_id = member->id;
    if (only_classic_without(nullptr) && may_become_classic(members_.size())) {
        // It took the place of the last member of the consumer protocol.
        answer.generation = epoch_;
        out.tell(to, std::move(answer));
        become_classic(nullptr, now, out);
        return finish(std::move(out));
    }
    member->join_ends = -1;
    member->sync_ends = now + member->rebalance_timeout_ms;
    restart_session(*member, now);
    out.tell(to, std::move(answer));
    return finish(std::move(out));
}

std::optional<group_errc> consumer_group::validate(std::string_view id, const instance_id& instance,
                                                   consumer_member*& member) const {
    member = instance ? find_instance(*instance) : find(id);
    if (member == nullptr) return group_errc::unknown_member_id;
    if (member->id != id) return group_errc::fenced_instance_id;
    if (!member->classic) return group_errc::unknown_member_id;
    return std::nullopt;
}

effects consumer_group::sync(token to, const sync_request& asked, unix_ms now) {
    effects out;
    sync_answer answer;
    consumer_member* member = nullptr;
    const auto problem = validate(asked.member_id, asked.instance, member);
    if (problem) {
        answer.error = *problem;
    } else if (asked.generation != member->epoch) {
        answer.error = group_errc::illegal_generation;
    } else if ((asked.protocol_type && *asked.protocol_type != consumer_type) ||
               (asked.protocol_name && *asked.protocol_name != member->classic->protocols.front().first)) {
        answer.error = group_errc::inconsistent_group_protocol;
    } else if (epoch_ > member->epoch && member->phase != member_phase::unrevoked) {
        answer.error = group_errc::rebalance_in_progress;
        if (member->join_ends < 0) member->join_ends = now + member->rebalance_timeout_ms;
        watch(*member);
    } else {
        answer.protocol_type = std::string(consumer_type);
        answer.protocol_name = member->classic->protocols.front().first;
        answer.assignment = encode(member->assigned, *member);
        member->sync_ends = -1;
        restart_session(*member, now);
    }
    out.tell(to, std::move(answer));
    return finish(std::move(out));
}

effects consumer_group::heartbeat(token to, const heartbeat_request& asked, unix_ms now) {
    effects out;
    heartbeat_answer answer;
    consumer_member* member = nullptr;
    if (const auto problem = validate(asked.member_id, asked.instance, member)) {
        answer.error = *problem;
    } else if (asked.generation != member->epoch) {
        answer.error = group_errc::illegal_generation;
    } else {
        if (fingerprint_ != subscriptions_.fingerprint()) bring_up_to_date(false, out);
        restart_session(*member, now);
        if (member->epoch < epoch_ || member->phase == member_phase::unrevoked ||
            (member->phase == member_phase::unreleased && !waits_for_others(*member, owners_))) {
            answer.error = group_errc::rebalance_in_progress;
            if (member->join_ends < 0) member->join_ends = now + member->rebalance_timeout_ms;
            watch(*member);
        }
    }
    out.tell(to, std::move(answer));
    return finish(std::move(out));
}

effects consumer_group::leave(token to, const leave_request& asked, unix_ms now) {
    effects out;
    leave_answer answer;
    for (const auto& leaving : asked.members) {
        left_member left{leaving.member_id, leaving.instance, {}};
        consumer_member* member =
            leaving.instance ? find_instance(*leaving.instance) : find(leaving.member_id);
        if (member == nullptr || !member->classic) {
            left.error = group_errc::unknown_member_id;
        } else if (!leaving.member_id.empty() && member->id != leaving.member_id) {
            left.error = group_errc::fenced_instance_id;
        } else {
            left.member_id = member->id;
            expel(*member, now, out);
        }
        answer.members.push_back(std::move(left));
    }
    out.tell(to, std::move(answer));
    return finish(std::move(out));
}

}  // namespace imago::broker::groups
