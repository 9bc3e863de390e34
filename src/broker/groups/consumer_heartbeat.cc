// The one request of the consumer protocol: join, go on, leave.
#include "broker/groups/consumer_group.h"

#include <algorithm>

namespace imago::broker::groups {
namespace {

partition_set to_set(const std::vector<topic_partitions>& list) {
    partition_set set;
    for (const auto& topic : list) {
        for (const auto partition : topic.partitions) set.push_back({topic.topic, partition});
    }
    sort_unique(set);
    return set;
}

}  // namespace

std::vector<topic_partitions> to_list(const partition_set& set) {
    std::vector<topic_partitions> list;
    for (const auto& where : set) {
        if (list.empty() || list.back().topic != where.topic) list.push_back({where.topic, {}});
        list.back().partitions.push_back(where.partition);
    }
    return list;
}

std::optional<consumer_group::refusal> consumer_group::problem_of(
    const consumer_heartbeat_request& asked) const {
    const auto bad = [](std::string message) {
        return refusal{group_errc::invalid_request, std::move(message)};
    };
    if (name_.empty()) return bad("GroupId can't be empty.");
    if (asked.instance && asked.instance->empty()) return bad("InstanceId can't be empty.");
    if (asked.rack && asked.rack->empty()) return bad("RackId can't be empty.");
    const bool joins = asked.member_epoch == 0;
    if (asked.member_id.empty() && (!joins || asked.own_member_id)) return bad("MemberId can't be empty.");
    if (joins) {
        if (asked.rebalance_timeout_ms == -1)
            return bad("RebalanceTimeoutMs must be provided in first request.");
        if (!asked.owned || !asked.owned->empty()) {
            return bad("TopicPartitions must be empty when (re-)joining.");
        }
        if (!asked.topics && !asked.topic_regex) {
            return bad("Either SubscribedTopicNames or SubscribedTopicRegex must be set when (re-)joining.");
        }
    } else if (asked.member_epoch == epoch_away) {
        if (!asked.instance) return bad("InstanceId can't be null.");
    } else if (asked.member_epoch < epoch_leave) {
        return bad("MemberEpoch is invalid.");
    }
    const auto& known = with_.options.consumer_assignors;
    if (asked.assignor && std::find(known.begin(), known.end(), *asked.assignor) == known.end()) {
        std::string names;
        for (const auto& name : known) names += (names.empty() ? "" : ", ") + name;
        return refusal{
            group_errc::unsupported_assignor,
            "ServerAssignor " + *asked.assignor + " is not supported. Supported assignors: " + names + "."};
    }
    return std::nullopt;
}

std::optional<consumer_group::refusal> consumer_group::epoch_problem(const consumer_member& member,
                                                                     std::int32_t epoch,
                                                                     const partition_set* owned) const {
    if (epoch == member.epoch) return std::nullopt;
    // It begins anew, and says that it has nothing.
    if (epoch == 0 && member.epoch > 0) return std::nullopt;
    // The answer that raised its epoch was lost on the way.
    if (epoch < member.epoch && epoch == member.previous_epoch && owned != nullptr &&
        includes(member.assigned, *owned)) {
        return std::nullopt;
    }
    return refusal{group_errc::fenced_member_epoch,
                   "The member's epoch is " + std::to_string(epoch) + ", the group has it at " +
                       std::to_string(member.epoch) +
                       ". The member must give up its partitions and join again."};
}

std::optional<consumer_group::refusal> consumer_group::admit(const consumer_heartbeat_request& asked,
                                                             const std::string& id,
                                                             const partition_set* owned,
                                                             consumer_member*& member, effects& out) {
    const bool joins = asked.member_epoch == 0;
    const auto limit = static_cast<std::size_t>(with_.options.consumer_size_max);
    member = find(id);
    if (members_.size() >= limit && member == nullptr) {
        return refusal{group_errc::group_max_size_reached, "The group has reached its maximum capacity of " +
                                                               std::to_string(limit) + " members."};
    }
    if (!asked.instance) {
        if (member != nullptr) return epoch_problem(*member, asked.member_epoch, owned);
        if (joins) return std::nullopt;
        return refusal{group_errc::unknown_member_id,
                       "Member " + id + " is not a member of group " + name_ + "."};
    }
    consumer_member* present = find_instance(*asked.instance);
    if (joins) {
        if (present == nullptr) return member == nullptr ? std::nullopt : epoch_problem(*member, 0, owned);
        member = present;
        if (present->id == id) {
            return present->epoch == epoch_away ? std::nullopt : epoch_problem(*present, 0, owned);
        }
        if (!present->classic && present->epoch != epoch_away) {
            return refusal{group_errc::unreleased_instance_id,
                           "Instance id " + *asked.instance + " is in use by member " + present->id + "."};
        }
        if (find(id) != nullptr) {  // the id of some other member
            return refusal{group_errc::fenced_instance_id, "Member id " + id + " has another instance id."};
        }
        replace(*present, id, out);
        return std::nullopt;
    }
    if (present == nullptr) {
        return refusal{group_errc::unknown_member_id, "Instance id " + *asked.instance + " is unknown."};
    }
    if (present->id != id) {
        return refusal{group_errc::fenced_instance_id, "Static member " + id + " with instance id " +
                                                           *asked.instance + " was fenced by member " +
                                                           present->id + "."};
    }
    member = present;
    return epoch_problem(*present, asked.member_epoch, owned);
}

effects consumer_group::consumer_heartbeat(token to, const consumer_heartbeat_request& asked, unix_ms now) {
    effects out;
    const auto refuse = [&](refusal why) {
        consumer_heartbeat_answer answer;
        answer.error = why.error;
        answer.message = std::move(why.message);
        out.tell(to, std::move(answer));
        return finish(std::move(out));
    };
    if (auto problem = problem_of(asked)) return refuse(std::move(*problem));
    if (!durable_ && asked.member_epoch != 0) {
        return refuse({group_errc::group_id_not_found, "Group " + name_ + " not found."});
    }
    if (asked.member_epoch < 0) {
        let_go(to, asked, now, out);
        return finish(std::move(out));
    }

    std::optional<partition_set> owned;
    if (asked.owned) owned = to_set(*asked.owned);
    const partition_set* owned_or_null = owned ? &*owned : nullptr;
    news what;
    // Who joins says everything: what is not said does not come from a member whose place it takes.
    const bool joins = asked.member_epoch == 0;
    const std::optional<std::vector<std::string>> no_topics{std::in_place};
    const std::optional<std::string> no_regex{std::in_place};
    what.topics = joins && !asked.topics ? &no_topics : &asked.topics;
    what.regex = joins && !asked.topic_regex ? &no_regex : &asked.topic_regex;
    if (asked.topic_regex && !asked.topic_regex->empty()) {
        std::string problem;
        what.pattern = topic_pattern::make(*asked.topic_regex, problem);
        if (!what.pattern) {
            return refuse({group_errc::invalid_regular_expression,
                           "SubscribedTopicRegex `" + *asked.topic_regex +
                               "` is not a valid regular expression: " + problem + "."});
        }
    }
    const std::string id = asked.member_id.empty() ? with_.new_id() : asked.member_id;
    consumer_member* member = nullptr;
    if (auto problem = admit(asked, id, owned_or_null, member, out)) return refuse(std::move(*problem));

    const bool is_new = member == nullptr;
    if (is_new) member = &add(id);
    what.instance = &asked.instance;
    what.rack = &asked.rack;
    what.rebalance_timeout_ms = asked.rebalance_timeout_ms;
    what.assignor = &asked.assignor;
    what.client = &asked.client;
    const bool subscription_changed = update(*member, std::move(what), is_new, out);
    bring_up_to_date(subscription_changed, out);
    const bool assignment_changed = step(*member, owned_or_null, now, out);
    member->join_ends = member->sync_ends = -1;
    restart_session(*member, now);

    consumer_heartbeat_answer answer;
    answer.member_id = member->id;
    answer.member_epoch = member->epoch;
    answer.heartbeat_interval_ms = with_.options.consumer_heartbeat_interval_ms;
    const bool full = asked.member_epoch == 0 || (asked.rebalance_timeout_ms != -1 && asked.owned &&
                                                  (asked.topics || asked.topic_regex));
    // A client whose answer was lost is to say all of it again (KIP-848), but not each does: who has not given up what it must is
    // told until it has, and each is told once after a restart. To be told what one knows changes nothing.
    const bool may_not_know = member->phase == member_phase::unrevoked || !member->told;
    if (full || assignment_changed || may_not_know) {
        answer.assignment = to_list(member->assigned);
        member->told = true;
    }
    out.tell(to, std::move(answer));
    return finish(std::move(out));
}

void consumer_group::let_go(token to, const consumer_heartbeat_request& asked, unix_ms now, effects& out) {
    consumer_heartbeat_answer answer;
    consumer_member* member = asked.instance ? find_instance(*asked.instance) : find(asked.member_id);
    if (member == nullptr) {
        answer.error = group_errc::unknown_member_id;
        answer.message = asked.instance
                             ? "Instance id " + *asked.instance + " is unknown."
                             : "Member " + asked.member_id + " is not a member of group " + name_ + ".";
    } else if (member->id != asked.member_id) {
        answer.error = group_errc::fenced_instance_id;
        answer.message = "Static member " + asked.member_id + " with instance id " + *asked.instance +
                         " was fenced by member " + member->id + ".";
    } else if (asked.member_epoch == epoch_away) {
        // Its partitions stay its own until its session ends; what it was giving up it has given up by
        // leaving.
        const partition_set held = together(member->assigned, member->revoking);
        member->epoch = epoch_away;
        member->revoking.clear();
        member->rebalance_ends = -1;
        owners_.moved(*member, held);
        save_current(*member, out);
        answer.member_id = member->id;
        answer.member_epoch = epoch_away;
    } else {
        answer.member_id = asked.member_id;
        answer.member_epoch = asked.member_epoch;
        fence(*member, now, out);
    }
    out.tell(to, std::move(answer));
}

}  // namespace imago::broker::groups
