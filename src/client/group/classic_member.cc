#include "client/group/classic_member.h"

#include <algorithm>

#include "base/check.h"

namespace imago::client {
namespace {

bool same_counts(const partition_counts& a, const partition_counts& b) {
    const auto part_of = [](const partition_counts& one, const partition_counts& other) {
        return std::all_of(one.begin(), one.end(), [&](const auto& each) {
            const auto found = other.find(each.first);
            return (found == other.end() ? 0 : found->second) == each.second;
        });
    };
    return part_of(a, b) && part_of(b, a);
}

}  // namespace

classic_member::classic_member(const group_options& how, const client_options& options) : membership(how, options) {
    for (const std::string& name : how_.assignors) {
        assignors_.push_back(find_assignor(name));
        IMAGO_ASSERT(assignors_.back() != nullptr);
        cooperative_ = cooperative_ && assignors_.back()->cooperative;
    }
}

void classic_member::subscribe(std::vector<std::string> topics, std::string) {
    std::sort(topics.begin(), topics.end());
    topics.erase(std::unique(topics.begin(), topics.end()), topics.end());
    if (topics == topics_ && state_ != state::stopped) return;
    topics_ = std::move(topics);
    if (state_ == state::stopped || state_ == state::stable) rejoin();
    else resubscribed_ = true;  // the round that is under way has the old topics: one more follows
    prepared_ = false;
}

void classic_member::rejoin() {
    state_ = state::unjoined;
    prepared_ = false;
}

// Before a join an eager member lets go of everything, a cooperative one of topics that it no longer wants.
void classic_member::prepare_join() {
    prepared_ = true;
    if (!cooperative_) return tell_revoked(partition_set(owned_));
    partition_set unwanted;
    for (const topic_partition& each : owned_)
        if (!std::binary_search(topics_.begin(), topics_.end(), each.topic)) unwanted.insert(each);
    tell_revoked(unwanted);
}

member_action classic_member::next(steady_time now) {
    using namespace group_action;
    if (ended_) return ended{error_};
    if (leaving_ || (too_silent(now) && !silent_)) {
        if (!member_id_.empty() && how_.instance_id.empty()) {
            leave_under_way_ = true;
            return group_action::leave{member_id_, leaving_ ? "the consumer is closed" : "max_poll_interval passed"};
        }
        left();
        if (ended_) return ended{error_};
    }
    if (silent_ || state_ == state::stopped) return idle{steady_time::max()};
    if (now < retry_at_) return idle{std::min(retry_at_, poll_deadline_)};
    switch (state_) {
        case state::unjoined:
            if (!prepared_) prepare_join();
            if (!revoking()) {
                state_ = state::joining;
                return join_action();
            }
            break;  // while the application lets go, the group must know that we are there
        case state::joining: return join_action();
        case state::counting: return count_partitions{group_topics_};
        case state::syncing: return sync{generation_, member_id_, std::string(chosen_->name), assignments_};
        case state::stable:
            if (leader_ && now >= count_due_) return count_partitions{group_topics_};
            break;
        case state::stopped: break;
    }
    if (!in_group()) return idle{poll_deadline_};
    if (now >= heartbeat_due_) return heartbeat{generation_, member_id_};
    steady_time until = std::min(heartbeat_due_, poll_deadline_);
    if (state_ == state::stable && leader_) until = std::min(until, count_due_);
    return idle{until};
}

member_action classic_member::join_action() {
    resubscribed_ = false;
    group_subscription mine;
    mine.topics = topics_;
    mine.owned = owned_;
    mine.generation = owned_generation_;
    mine.rack = how_.rack;
    group_action::join action;
    action.member_id = member_id_;
    for (const assignor* each : assignors_)
        action.protocols.push_back({std::string(each->name), encode_subscription(mine, each->cooperative)});
    return action;
}

bool classic_member::refused(std::error_code error, steady_time now) {
    if (!error) {
        retry_reset();
        return false;
    }
    if (error == kafka_errc::rebalance_in_progress) {
        rejoin();
    } else if (error == kafka_errc::unknown_member_id || error == kafka_errc::illegal_generation) {
        if (error == kafka_errc::unknown_member_id) member_id_.clear();
        generation_ = owned_generation_ = -1;
        tell_lost();
        rejoin();
        retry_later(now);
    } else if (error == kafka_errc::coordinator_not_available || error == kafka_errc::not_coordinator ||
               error == kafka_errc::coordinator_load_in_progress || error.category() != kafka_category()) {
        coordinator_lost_ = error != kafka_errc::coordinator_load_in_progress;
        retry_later(now);
    } else if (is_retriable(error)) {
        retry_later(now);
    } else {
        end(error);
    }
    return true;
}

void classic_member::joined(const join_answer& answer, steady_time now) {
    if (ended_) return;
    if (answer.error == kafka_errc::member_id_required) {
        member_id_ = answer.member_id;
        return;  // and join again, as that one
    }
    if (answer.error == kafka_errc::rebalance_in_progress) return retry_later(now);
    if (refused(answer.error, now)) return;
    generation_ = answer.generation;
    member_id_ = answer.member_id;
    heartbeat_due_ = now + how_.heartbeat_interval;
    chosen_ = find_assignor(answer.protocol);
    if (chosen_ == nullptr || member_id_.empty()) return end(make_error_code(kafka_errc::inconsistent_group_protocol));
    leader_ = answer.leader == member_id_;
    skip_assignment_ = answer.skip_assignment;
    assignments_.clear();
    members_.clear();
    group_topics_.clear();
    state_ = state::syncing;
    if (!leader_) return;
    for (const join_answer::member& each : answer.members) {
        auto subscription = decode_subscription(each.metadata);
        if (!subscription) return end(make_error_code(kafka_errc::inconsistent_group_protocol));
        group_topics_.insert(group_topics_.end(), subscription->topics.begin(), subscription->topics.end());
        members_.push_back({each.id, each.instance_id, std::move(*subscription)});
    }
    std::sort(group_topics_.begin(), group_topics_.end());
    group_topics_.erase(std::unique(group_topics_.begin(), group_topics_.end()), group_topics_.end());
    state_ = state::counting;
}

void classic_member::counted(const partition_counts& counts, steady_time now) {
    if (ended_) return;
    retry_reset();
    // A topic that is not there yet is worth looking for more often than a change of one that is.
    const bool missing = std::any_of(group_topics_.begin(), group_topics_.end(), [&](const std::string& topic) {
        const auto found = counts.find(topic);
        return found == counts.end() || found->second == 0;
    });
    count_due_ = now + (missing ? std::min(metadata_max_age_, how_.heartbeat_interval) : metadata_max_age_);
    if (state_ == state::stable) {
        if (!same_counts(counts, counts_)) rejoin();
        return;
    }
    if (state_ != state::counting) return;
    counts_ = counts;
    if (!skip_assignment_)
        for (const auto& [id, partitions] : chosen_->assign(members_, counts_))
            assignments_[id] = encode_assignment(partitions);
    state_ = state::syncing;
}

void classic_member::synced(const sync_answer& answer, steady_time now) {
    if (ended_ || refused(answer.error, now)) return;
    const auto assigned = decode_assignment(answer.assignment);
    if (!assigned) return end(assigned.error());
    state_ = state::stable;
    heartbeat_due_ = now + how_.heartbeat_interval;
    owned_generation_ = generation_;
    partition_set gone;
    partition_set added;
    std::set_difference(owned_.begin(), owned_.end(), assigned->begin(), assigned->end(), std::inserter(gone, gone.end()));
    std::set_difference(assigned->begin(), assigned->end(), owned_.begin(), owned_.end(),
                        std::inserter(added, added.end()));
    if (!gone.empty()) {
        tell_revoked(gone);
        rejoin();  // once they are let go, so that others get them
        prepared_ = true;
    }
    if (!added.empty() || !cooperative_) tell_assigned(added);
    if (resubscribed_) rejoin();
}

void classic_member::heartbeat_answered(std::error_code error, steady_time now) {
    if (ended_) return;
    heartbeat_due_ = now + how_.heartbeat_interval;
    if (error == kafka_errc::rebalance_in_progress && state_ == state::unjoined) return;  // known: letting go
    static_cast<void>(refused(error, now));
}

void classic_member::left() {
    leave_under_way_ = false;
    member_id_.clear();
    generation_ = owned_generation_ = -1;
    if (leaving_) return end({});
    // Too long without a pull(): out of the group until there is one.
    tell_lost();
    silent_ = poll_deadline_ != steady_time::max();
    rejoin();
}

void classic_member::failed(std::error_code error, steady_time now) {
    if (ended_) return;
    if (leaving_ || leave_under_way_) return left();
    if (error == kafka_errc::group_authorization_failed || error == kafka_errc::invalid_group_id ||
        error == client_errc::no_common_version || error == client_errc::bad_argument)
        return end(error);
    if (state_ != state::counting) coordinator_lost_ = true;
    if (state_ == state::stable) heartbeat_due_ = now;
    retry_later(now);
}

}  // namespace imago::client
