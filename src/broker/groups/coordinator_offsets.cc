#include "broker/groups/coordinator_state.h"

#include "broker/groups/classic_record.h"

#include <algorithm>
#include <map>

namespace imago::broker::groups {

void group_coordinator::commit(std::string group, const offset_claim& who, std::vector<offset_commit> commits,
                               std::int64_t retention_ms, unix_ms now, unix_ms wall,
                               offset_commits::done_function done) {
    state& s = *state_;
    state::stripe& of = s.stripe_of(group);
    std::lock_guard lock(of.mutex);
    std::error_code why;
    if (group.empty() && (who.generation >= 0 || !who.member_id.empty())) {
        why = group_errc::invalid_group_id;
    } else if (of.groups.contains(group) || s.table_.has(group)) {
        resident& found = s.bring(of, group, now);
        why = found.group->check_commit(who, found.now);
        const bool missed = !why && !found.hold.every_topic &&
                            std::any_of(commits.begin(), commits.end(), [&](const offset_commit& one) {
                                return one.topic != nullptr && !found.hold.topics.contains(one.topic->id) &&
                                       found.group->subscribed(one.topic->name);
                            });
        effects none;
        none.interests_changed = missed;  // a topic of this name is new: its offsets are held too
        s.carry_out(of, found, std::move(none));
    } else if (who.generation >= 0) {
        if (s.offsets_.has(group)) {
            why = group_errc::unknown_member_id;
        } else {
            why = who.knows_epochs ? group_errc::group_id_not_found : group_errc::illegal_generation;
        }
    }
    if (why) return done(std::vector<std::error_code>(commits.size(), why));
    // With the lock held: no later generation can be durable before this commit.
    s.commits_.commit(std::move(group), std::move(commits), retention_ms, wall, std::move(done));
}

std::error_code group_coordinator::check_fetch(std::string_view group, const offset_claim& who) const {
    state& s = *state_;
    const std::string name(group);
    state::stripe& of = s.stripe_of(name);
    std::lock_guard lock(of.mutex);
    if (const auto found = of.groups.find(name); found != of.groups.end()) {
        return found->second->group->check_fetch(who);
    }
    const std::unique_ptr<machine> loaded = s.load(name, 0);
    return loaded != nullptr ? loaded->check_fetch(who) : std::error_code{};
}

void group_coordinator::delete_offsets(std::string group, std::vector<offset_reference> which, unix_ms now,
                                       std::function<void(std::error_code, std::vector<std::error_code>)> done) {
    state& s = *state_;
    state::stripe& of = s.stripe_of(group);
    std::lock_guard lock(of.mutex);
    if (group.empty()) return done(group_errc::invalid_group_id, {});
    if (!s.known(of, group)) return done(group_errc::group_id_not_found, {});
    resident& found = s.bring(of, group, now);
    found.idle = found.group->idle();
    const std::error_code why = found.group->check_offset_delete();
    std::vector<std::error_code> outcomes(which.size());
    std::vector<offset_reference> free;
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < which.size(); ++i) {
        if (which[i].topic != nullptr && found.group->subscribed(which[i].topic->name)) {
            outcomes[i] = group_errc::group_subscribed_to_topic;
        } else {
            places.push_back(i);
            free.push_back(which[i]);
        }
    }
    s.drop_if_idle(of, found);
    if (why) return done(why, {});
    s.commits_.remove(group, std::move(free),
                      [outcomes = std::move(outcomes), places = std::move(places),
                       done = std::move(done)](std::vector<std::error_code> errors) mutable {
                          for (std::size_t i = 0; i < places.size(); ++i) outcomes[places[i]] = errors[i];
                          done({}, std::move(outcomes));
                      });
}

void group_coordinator::describe(std::string group, unix_ms now,
                                 std::function<void(std::error_code, group_view)> done) {
    state& s = *state_;
    state::stripe& of = s.stripe_of(group);
    std::lock_guard lock(of.mutex);
    if (group.empty() || !s.known(of, group)) return done(group_errc::group_id_not_found, {});
    resident& found = s.bring(of, group, now);
    group_view view = found.group->view();
    if (view.state == group_state::dead) return done(group_errc::group_id_not_found, {});
    std::vector<outbox::answer_function> answer;
    answer.emplace_back([done = std::move(done), view = std::move(view)](bool failed) mutable {
        if (failed) return done(group_errc::coordinator_not_available, {});
        done({}, std::move(view));
    });
    s.carry_out(of, found, {}, std::move(answer));
}

std::vector<listed_group> group_coordinator::list(unix_ms) const {
    state& s = *state_;
    std::map<std::string, listed_group> all;
    for (const state::stripe& of : s.stripes_) {
        std::lock_guard lock(of.mutex);
        for (const auto& [name, group] : of.groups) {
            if (group->group->state() == group_state::dead) continue;
            all[name] = {name, group->group->type(), group->group->state(), group->group->protocol_type()};
        }
    }
    s.table_.each([&](const std::string& name, const group_record& first) {
        const auto [place, fresh] = all.try_emplace(name);
        if (!fresh) return;
        // Not in memory: nobody is in it.
        place->second = {name, group_type::consumer, group_state::empty, "consumer"};
        if (first.kind != classic_kind) return;
        place->second.type = group_type::classic;
        if (const auto record = read_classic_record(first.value)) place->second.protocol_type = record->protocol_type;
    });
    for (const std::string& name : s.offsets_.groups()) {
        all.try_emplace(name, listed_group{name, group_type::classic, group_state::empty, ""});
    }
    std::vector<listed_group> list;
    list.reserve(all.size());
    for (auto& [name, group] : all) list.push_back(std::move(group));
    return list;
}

void group_coordinator::remove(std::string group, unix_ms now, std::function<void(std::error_code)> done) {
    state& s = *state_;
    state::stripe& of = s.stripe_of(group);
    std::lock_guard lock(of.mutex);
    if (group.empty()) return done(group_errc::invalid_group_id);
    if (!s.known(of, group)) return done(group_errc::group_id_not_found);
    resident& found = s.bring(of, group, now);
    effects step;
    if (const std::error_code why = found.group->remove(step)) {
        std::vector<outbox::answer_function> refused;
        refused.emplace_back([done = std::move(done), why](bool) { done(why); });
        return s.carry_out(of, found, {}, std::move(refused));
    }
    for (const group_offsets::position& where : s.offsets_.positions_of(group)) {
        step.changes.push_back(group_offsets::removal(group, where));
    }
    found.hold = {};
    s.offsets_.set_hold(group, {});
    std::vector<outbox::answer_function> removed;
    removed.emplace_back([done = std::move(done)](bool failed) {
        done(failed ? make_error_code(group_errc::coordinator_not_available) : std::error_code{});
    });
    s.carry_out(of, found, std::move(step), std::move(removed));
}

}  // namespace imago::broker::groups
