#include "broker/groups/coordinator_state.h"

#include "broker/groups/classic_group.h"
#include "broker/groups/classic_record.h"

#include <algorithm>

namespace imago::broker::groups {

bool group_coordinator::state::known(const stripe& of, const std::string& name) const {
    return of.groups.contains(name) || table_.has(name) || offsets_.has(name);
}

std::unique_ptr<machine> group_coordinator::state::load(const std::string& name, unix_ms now) const {
    const std::vector<group_record> records = table_.records_of(name);
    if (records.empty()) return nullptr;
    std::unique_ptr<machine> made;
    if (records.front().kind == classic_kind) {
        made = classic_group::load(name, with_, records, now);
    } else if (with_.consumer.load != nullptr) {
        made = with_.consumer.load(name, with_, records, now);
    }
    if (made == nullptr && with_.log) {
        with_.log("group " + name + ": its records do not make up a group; it starts anew");
    }
    return made;
}

resident& group_coordinator::state::bring(stripe& of, const std::string& name, unix_ms now, bool consumer) {
    resident_ptr& place = of.groups[name];
    if (place == nullptr) {
        place = std::make_shared<resident>(name);
        place->out = std::make_shared<outbox>(store_, [this, weak = std::weak_ptr<resident>(place)] {
            const resident_ptr group = weak.lock();
            if (group == nullptr) return;
            const bool leaves = group->idle && group->out->empty();
            if (leaves || group->stalled || group->out->failed()) errand(group->name);
        });
    }
    resident& group = *place;
    advance(group, now);
    if (group.group != nullptr && group.out->failed()) mend(group, group.now);
    if (group.group != nullptr) return group;
    group.group = load(name, group.now);
    if (group.group == nullptr && consumer && with_.consumer.make != nullptr) {
        group.group = with_.consumer.make(name, with_);
    }
    if (group.group == nullptr) group.group = std::make_unique<classic_group>(name, with_);
    learn(group);
    return group;
}

void group_coordinator::state::mend(resident& group, unix_ms now) {
    for (auto& [mine, give] : group.waiting) give(nullptr);
    group.waiting.clear();
    group.out->mend();
    group.group = load(group.name, now);
    if (group.group == nullptr) group.group = std::make_unique<classic_group>(group.name, with_);
    learn(group);
    arm(group);
}

void group_coordinator::state::carry_out(stripe& of, resident& group, effects step,
                                         std::vector<outbox::answer_function> more) {
    if (step.next != nullptr) group.group = std::move(step.next);
    std::vector<outbox::answer_function> answers;
    answers.reserve(step.answers.size() + more.size());
    for (auto& [to, what] : step.answers) {
        const auto found = group.waiting.find(to);
        if (found == group.waiting.end()) continue;
        answers.emplace_back([give = std::move(found->second), told = std::move(what)](bool failed) mutable {
            give(failed ? nullptr : &told);
        });
        group.waiting.erase(found);
    }
    std::move(more.begin(), more.end(), std::back_inserter(answers));
    if (step.interests_changed) learn(group);
    group.idle = group.group->idle();
    group.out->push(std::move(step.changes), std::move(answers), group.seen);
    arm(group);
    drop_if_idle(of, group);
}

void group_coordinator::state::drop_if_idle(stripe& of, resident& group) {
    if (!group.idle || !group.waiting.empty() || group.out->failed() || !group.out->empty()) return;
    if (!group.interests.topics.empty() || group.interests.every_topic) {
        group.group = std::make_unique<classic_group>(group.name, with_);
        const expiry_hold kept = group.hold;
        learn(group);  // interested in nothing
        offsets_.set_hold(group.name, kept);
    }
    of.groups.erase(std::string(group.name));
}

void group_coordinator::state::learn(resident& group) {
    const offset_hold wanted = group.group->hold();
    expiry_hold hold{wanted.every_topic, {}, wanted.since};
    for (const std::string& name : wanted.topics) {
        if (const auto topic = with_.topics->by_name(name)) hold.topics.insert(topic->id);
    }
    if (hold != group.hold) {
        group.hold = hold;
        offsets_.set_hold(group.name, std::move(hold));
    }
    group_interests interests = group.group->interests();
    if (interests.every_topic == group.interests.every_topic && interests.topics == group.interests.topics)
        return;
    // A topic that came after the group looked for it and before it is noted here was told to nobody: look
    // once more.
    std::vector<std::string> again = interests.topics;
    if (interests.every_topic && !group.interests.every_topic) {
        with_.topics->each([&again](const topic_fact& topic) { again.push_back(topic.name); });
    }
    note_interests(group, std::move(interests));
    look_again(std::move(again));
}

void group_coordinator::state::look_again(std::vector<std::string> topics) {
    if (topics.empty()) return;
    {
        std::lock_guard lock(errands_mutex_);
        std::move(topics.begin(), topics.end(), std::back_inserter(topics_));
    }
    std::lock_guard lock(deadlines_mutex_);
    ring(0);
}

void group_coordinator::state::note_interests(resident& group, group_interests interests) {
    std::lock_guard lock(interests_mutex_);
    for (const std::string& topic : group.interests.topics) {
        const auto found = by_topic_.find(topic);
        if (found == by_topic_.end()) continue;
        found->second.erase(group.name);
        if (found->second.empty()) by_topic_.erase(found);
    }
    for (const std::string& topic : interests.topics) by_topic_[topic].insert(group.name);
    if (interests.every_topic) {
        every_topic_.insert(group.name);
    } else {
        every_topic_.erase(group.name);
    }
    group.interests = std::move(interests);
}

void group_coordinator::state::arm(resident& group) {
    if (group.stalled) return;
    unix_ms at = never;
    if (const auto wake = group.group->wake()) at = *wake + group.behind;
    // Is the write still under way when it should have been done? Only looked at if there is something to miss.
    if (const auto oldest = group.out->oldest(); oldest && at != never) {
        at = std::min(at, std::max(*oldest, group.went_on) + usual_write_ms + 1);
    }
    if (at >= group.armed) return;
    // A later entry that is left behind finds that it is not the one that counts.
    group.armed = at;
    const auto& groups = stripe_of(group.name).groups;
    const auto found = groups.find(group.name);
    if (found != groups.end()) add_deadline({at, found->second, {}});
}

void group_coordinator::state::advance(resident& group, unix_ms now) {
    group.seen = std::max(group.seen, now);
    const auto began = [&group](unix_ms given_out) { return std::max(given_out, group.went_on); };
    if (const auto oldest = group.out->oldest(); !group.stalled && oldest) {
        if (group.seen - began(*oldest) > usual_write_ms) {
            group.stalled_step = *oldest;
            group.stalled = true;  // from here on the write that ends it sends for us
        }
    }
    if (group.stalled) {
        const auto oldest = group.out->oldest();
        if (oldest && *oldest <= group.stalled_step) return;
        group.behind += group.seen - began(group.stalled_step);
        group.went_on = group.seen;
        group.stalled = false;
        if (group.group != nullptr) arm(group);
    }
    group.now = std::max(group.now, group.seen - group.behind);
}

void group_coordinator::state::add_deadline(deadline what) {
    const unix_ms at = what.at;
    std::lock_guard lock(deadlines_mutex_);
    deadlines_.push(std::move(what));
    ring(at);
}

void group_coordinator::state::ring(unix_ms at) {
    if (bell_ == nullptr || at >= bell_at_) return;
    bell_at_ = at;
    bell_->set(at);
}

void group_coordinator::state::errand(std::string group) {
    {
        std::lock_guard lock(errands_mutex_);
        errands_.push_back(std::move(group));
    }
    std::lock_guard lock(deadlines_mutex_);
    ring(0);
}

void group_coordinator::state::look_at(const std::string& name, unix_ms now) {
    {
        stripe& of = stripe_of(name);
        std::lock_guard lock(of.mutex);
        const auto found = of.groups.find(name);
        if (found != of.groups.end()) {
            const resident_ptr group = found->second;
            advance(*group, now);
            if (group->out->failed()) {
                mend(*group, group->now);
                group->idle = group->group->idle();
            }
            drop_if_idle(of, *group);
        }
    }
    forget_if_empty(name, now);
}

void group_coordinator::state::forget_if_empty(const std::string& name, unix_ms now) {
    stripe& of = stripe_of(name);
    std::lock_guard lock(of.mutex);
    if (!table_.has(name) || offsets_.has(name)) return;
    if (const auto found = of.groups.find(name); found != of.groups.end() && !found->second->idle) return;
    resident& group = bring(of, name, now);
    group.idle = group.group->idle();
    if (group.group->state() != group_state::empty || !group.idle) return;
    const unix_ms since = group.group->hold().since;
    if (since > group.seen - with_.options.empty_group_ms) {
        add_deadline({since + with_.options.empty_group_ms, {}, name});
        return drop_if_idle(of, group);
    }
    effects step;
    if (!group.group->remove(step)) {
        group.hold = {};
        offsets_.set_hold(name, {});
    }
    carry_out(of, group, std::move(step));
}

void group_coordinator::state::tell_topics(const std::vector<std::string>& names, unix_ms now) {
    std::map<std::string, std::vector<std::string>> told;
    {
        std::lock_guard lock(interests_mutex_);
        for (const std::string& topic : names) {
            for (const std::string& group : every_topic_) told[group].push_back(topic);
            const auto found = by_topic_.find(topic);
            if (found == by_topic_.end()) continue;
            for (const std::string& group : found->second) {
                std::vector<std::string>& list = told[group];
                if (list.empty() || list.back() != topic) list.push_back(topic);
            }
        }
    }
    for (const auto& [name, topics] : told) {
        stripe& of = stripe_of(name);
        std::lock_guard lock(of.mutex);
        if (!of.groups.contains(name)) continue;
        resident& group = bring(of, name, now);
        carry_out(of, group, group.group->topics_changed(topics, group.now));
    }
}

void group_coordinator::start(alarm& bell, unix_ms now) {
    state& s = *state_;
    std::vector<std::string> live;
    std::vector<std::pair<std::string, unix_ms>> empty;
    s.table_.each([&](const std::string& name, const group_record& first) {
        if (first.kind == classic_kind) {
            const auto record = read_classic_record(first.value);
            if (record && record->members.empty()) return void(empty.emplace_back(name, record->since));
        }
        live.push_back(name);
    });
    for (const auto& [name, since] : empty) {
        s.offsets_.set_hold(name, {false, {}, since});
        if (!s.offsets_.has(name)) s.add_deadline({since + s.with_.options.empty_group_ms, {}, name});
    }
    for (const std::string& name : live) {
        state::stripe& of = s.stripe_of(name);
        std::lock_guard lock(of.mutex);
        resident& group = s.bring(of, name, now);
        const bool idle = group.group->idle();
        const unix_ms since = group.group->hold().since;
        s.carry_out(of, group, {});
        if (idle && !s.offsets_.has(name)) s.add_deadline({since + s.with_.options.empty_group_ms, {}, name});
    }
    s.offsets_.on_group_gone = [&s](const std::string& group) { s.errand(group); };
    std::lock_guard lock(s.deadlines_mutex_);
    s.bell_ = &bell;
    if (!s.deadlines_.empty()) s.ring(s.deadlines_.top().at);
}

void group_coordinator::tick(unix_ms now) {
    state& s = *state_;
    std::vector<std::string> errands;
    std::vector<std::string> topics;
    {
        std::lock_guard lock(s.deadlines_mutex_);
        s.bell_at_ = state::never;
    }
    {
        std::lock_guard lock(s.errands_mutex_);
        errands.swap(s.errands_);
        topics.swap(s.topics_);
    }
    for (const std::string& name : errands) s.look_at(name, now);
    if (!topics.empty()) s.tell_topics(topics, now);
    for (;;) {
        state::deadline due;
        {
            std::lock_guard lock(s.deadlines_mutex_);
            if (s.deadlines_.empty()) return;
            if (s.deadlines_.top().at > now) return s.ring(s.deadlines_.top().at);
            due = s.deadlines_.top();
            s.deadlines_.pop();
        }
        if (!due.empty.empty()) {
            s.forget_if_empty(due.empty, now);
            continue;
        }
        const resident_ptr group = due.group.lock();
        if (group == nullptr) continue;
        state::stripe& of = s.stripe_of(group->name);
        std::lock_guard lock(of.mutex);
        if (group->armed != due.at) continue;
        group->armed = state::never;
        const auto found = of.groups.find(group->name);
        if (found == of.groups.end() || found->second != group) continue;
        s.bring(of, group->name, now);
        if (group->stalled) continue;  // armed again when it goes on
        s.carry_out(of, *group, group->group->tick(group->now));
    }
}

}  // namespace imago::broker::groups
