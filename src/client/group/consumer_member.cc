#include "client/group/consumer_member.h"

#include <algorithm>

namespace imago::client {
namespace {

constexpr std::int32_t leave_epoch = -1;
constexpr std::int32_t leave_for_a_while_epoch = -2;  // static: the place is kept

}  // namespace

consumer_member::consumer_member(const group_options& how, const client_options& options, std::string member_id)
    : membership(how, options), own_id_(std::move(member_id)) {}

void consumer_member::subscribe(std::vector<std::string> topics, std::string pattern) {
    std::sort(topics.begin(), topics.end());
    topics.erase(std::unique(topics.begin(), topics.end()), topics.end());
    if (subscribed_ && topics == topics_ && pattern == pattern_) return;
    topics_ = std::move(topics);
    pattern_ = std::move(pattern);
    subscribed_ = subscription_due_ = true;
}

member_action consumer_member::next(steady_time now) {
    using namespace group_action;
    if (ended_) return ended{error_};
    if (leaving_ || (too_silent(now) && !silent_)) {
        if (in_group()) {
            leave_under_way_ = true;
            consumer_heartbeat action;
            action.member_id = own_id_;
            action.epoch = how_.instance_id.empty() ? leave_epoch : leave_for_a_while_epoch;
            return action;
        }
        left();
        if (ended_) return ended{error_};
    }
    if (silent_ || !subscribed_) return idle{steady_time::max()};
    if (now < retry_at_) return idle{std::min(retry_at_, poll_deadline_)};
    if (now >= naming_due_) return name_topics{nameless()};
    if (!in_group() || full_due_ || subscription_due_ || (owned_due_ && !revoking()) || now >= heartbeat_due_)
        return heartbeat_action();
    return idle{std::min({heartbeat_due_, poll_deadline_, naming_due_})};
}

member_action consumer_member::heartbeat_action() {
    group_action::consumer_heartbeat action;
    action.member_id = own_id_;
    action.epoch = std::max(generation_, 0);
    action.full = !in_group() || full_due_;
    if (action.full || subscription_due_) {
        action.topics = topics_;  // none with a pattern
        action.pattern = pattern_;
    }
    if (!in_group()) action.owned.emplace();  // who joins owns nothing
    else if (action.full || owned_due_) action.owned = owned_by_id();
    subscription_due_ = false;  // said again if this fails
    owned_due_ = false;
    return action;
}

std::map<uuid, std::vector<std::int32_t>> consumer_member::owned_by_id() const {
    std::map<std::string, uuid> ids;
    for (const auto& [id, name] : names_) ids[name] = id;
    std::map<uuid, std::vector<std::int32_t>> owned;
    for (const topic_partition& each : owned_) {
        const auto id = ids.find(each.topic);
        if (id != ids.end()) owned[id->second].push_back(each.partition);
    }
    return owned;
}

std::vector<uuid> consumer_member::nameless() const {
    std::vector<uuid> ids;
    for (const auto& [id, partitions] : target_)
        if (names_.count(id) == 0) ids.push_back(id);
    return ids;
}

void consumer_member::consumer_heartbeat_answered(const consumer_heartbeat_answer& answer, steady_time now) {
    if (ended_) return;
    if (leave_under_way_) return left();
    const std::error_code error = answer.error;
    heartbeat_due_ = now + interval_;
    if (error == kafka_errc::unknown_member_id || error == kafka_errc::fenced_member_epoch) return fenced(now);
    if (error == kafka_errc::coordinator_load_in_progress || error == kafka_errc::unreleased_instance_id) {
        full_due_ = true;
        return retry_later(now);
    }
    if (error && (error == kafka_errc::not_coordinator || error == kafka_errc::coordinator_not_available ||
                  error.category() != kafka_category())) {
        full_due_ = coordinator_lost_ = true;
        return retry_later(now);
    }
    if (error) {
        if (!is_retriable(error)) return end(error);
        full_due_ = true;
        return retry_later(now);
    }
    retry_reset();
    full_due_ = false;
    if (!answer.member_id.empty()) own_id_ = answer.member_id;
    member_id_ = own_id_;
    generation_ = answer.epoch;
    if (answer.interval.count() > 0) interval_ = answer.interval;
    heartbeat_due_ = now + interval_;
    if (!answer.assignment) return;
    target_ = *answer.assignment;
    target_new_ = true;
    // Ids whose topic is no longer ours may come back with another meaning: forget them.
    std::erase_if(names_, [&](const auto& each) {
        return target_.count(each.first) == 0 && std::none_of(owned_.begin(), owned_.end(), [&](const topic_partition& o) {
                   return o.topic == each.second;
               });
    });
    if (nameless().empty()) reconcile();
    else naming_due_ = now;
}

void consumer_member::named(const std::map<uuid, std::string>& names, steady_time now) {
    if (ended_) return;
    retry_reset();
    for (const auto& [id, name] : names) names_[id] = name;
    // A topic that the servers do not know yet will be known soon, or is gone: then the assignment changes.
    naming_due_ = nameless().empty() ? steady_time::max() : now + std::max(retry_backoff_, milliseconds(1000));
    reconcile();
}

// Lets go of what is not in the target, and, when nothing is left to let go of, takes what is.
void consumer_member::reconcile() {
    partition_set wanted;
    for (const auto& [id, partitions] : target_) {
        const auto name = names_.find(id);
        if (name == names_.end()) continue;
        for (const std::int32_t each : partitions) wanted.insert({name->second, each});
    }
    partition_set gone;
    std::set_difference(owned_.begin(), owned_.end(), wanted.begin(), wanted.end(), std::inserter(gone, gone.end()));
    tell_revoked(gone);
    if (revoking()) return;
    partition_set added;
    std::set_difference(wanted.begin(), wanted.end(), owned_.begin(), owned_.end(), std::inserter(added, added.end()));
    if (!added.empty()) tell_assigned(added);
    if (target_new_ || !added.empty()) owned_due_ = true;  // the server hears that this is done
    target_new_ = false;
}

void consumer_member::revocation_done() {
    owned_due_ = true;
    reconcile();
}

void consumer_member::fenced(steady_time now) {
    tell_lost();
    generation_ = -1;
    member_id_.clear();
    target_.clear();
    target_new_ = owned_due_ = false;
    naming_due_ = steady_time::max();
    full_due_ = true;
    retry_later(now);
}

void consumer_member::left() {
    leave_under_way_ = false;
    generation_ = -1;
    member_id_.clear();
    if (leaving_) return end({});
    tell_lost();
    silent_ = poll_deadline_ != steady_time::max();
    target_.clear();
    target_new_ = owned_due_ = false;
    naming_due_ = steady_time::max();
    full_due_ = true;
}

void consumer_member::failed(std::error_code error, steady_time now) {
    if (ended_) return;
    if (leaving_ || leave_under_way_) return left();
    if (error == kafka_errc::group_authorization_failed || error == kafka_errc::invalid_group_id ||
        error == client_errc::no_common_version || error == client_errc::bad_argument)
        return end(error);
    if (naming_due_ > now) full_due_ = coordinator_lost_ = true;
    retry_later(now);
}

}  // namespace imago::client
