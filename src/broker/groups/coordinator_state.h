// Private parts of group_coordinator, shared by its source files.
//
//   group_coordinator.cc    requests: find the group, feed it, carry out what it says
//   coordinator_state.cc    groups come into memory and leave it; deadlines; what others hand over
//   coordinator_offsets.cc  offsets, administration
//
// Locks, in the order in which they may be taken: a stripe (the groups of some names), then one of: an
// outbox, the deadlines, the errands, the interests. None of the latter is held while another is taken.
#pragma once

#include "broker/groups/errors.h"
#include "broker/groups/group_coordinator.h"
#include "broker/groups/outbox.h"

#include <array>
#include <map>
#include <mutex>
#include <queue>
#include <set>
#include <unordered_map>

namespace imago::broker::groups {

/// A group in memory.
struct resident {
    explicit resident(std::string group) : name(std::move(group)) {}

    const std::string name;
    std::unique_ptr<machine> group;
    std::shared_ptr<outbox> out;
    /// Requests that the machine has not answered. The pointer is null when it never will.
    std::unordered_map<token, std::function<void(answer*)>> waiting;
    unix_ms seen = 0;                ///< the latest time that anybody told
    unix_ms now = 0;                 ///< the time of the last step, by the group's own clock; it never goes back
    unix_ms behind = 0;              ///< so much that clock is behind: it stood still
    std::atomic<bool> stalled = false;  ///< it stands still
    unix_ms stalled_step = 0;        ///< when the step was given out that the clock waits for
    unix_ms went_on = 0;             ///< when the clock went on last
    unix_ms armed = INT64_MAX;       ///< the earliest of its entries among the deadlines
    std::atomic<bool> idle = false;  ///< may leave memory once its outbox is empty
    expiry_hold hold;
    group_interests interests;
};
using resident_ptr = std::shared_ptr<resident>;

struct group_coordinator::state {
    state(store::store& store, const group_table& table, group_offsets& offsets, offset_commits& commits,
          context with)
        : store_(store), table_(table), offsets_(offsets), commits_(commits), with_(std::move(with)) {}

    static constexpr unix_ms never = INT64_MAX;
    /// A write that takes longer holds its group's clock.
    static constexpr unix_ms usual_write_ms = 1000;

    struct stripe {
        mutable std::mutex mutex;
        std::unordered_map<std::string, resident_ptr> groups;
    };
    struct deadline {
        unix_ms at = 0;
        std::weak_ptr<resident> group;
        std::string empty;  ///< instead: the name of an empty group without offsets
        bool operator>(const deadline& other) const { return at > other.at; }
    };

    // ---- groups in memory; all with the stripe locked ----
    [[nodiscard]] stripe& stripe_of(std::string_view name) {
        return stripes_[std::hash<std::string_view>{}(name) % stripes_.size()];
    }
    /// There is something of this group: members, a record or offsets.
    [[nodiscard]] bool known(const stripe& of, const std::string& name) const;
    [[nodiscard]] std::unique_ptr<machine> load(const std::string& name, unix_ms now) const;
    /// In memory from now on; made from its records, or new with the machine that `make` gives (classic
    /// without).
    resident& bring(stripe& of, const std::string& name, unix_ms now, bool consumer = false);
    void mend(resident& group, unix_ms now);
    /// Changes go out, answers wait for them; `group` may have left memory after this.
    void carry_out(stripe& of, resident& group, effects step, std::vector<outbox::answer_function> more = {});
    void drop_if_idle(stripe& of, resident& group);
    void learn(resident& group);
    void note_interests(resident& group, group_interests interests);
    void look_again(std::vector<std::string> topics);
    void arm(resident& group);
    /// Time goes on for the group, unless a write of its own takes long: then its members wait for us, and their
    /// deadlines wait too. The clock stands from when the write was given out until it is done.
    void advance(resident& group, unix_ms now);

    // ---- deadlines and errands ----
    void add_deadline(deadline what);
    void errand(std::string group);
    void ring(unix_ms at);
    void look_at(const std::string& name, unix_ms now);
    /// An empty group without offsets is forgotten some time after the last member left.
    void forget_if_empty(const std::string& name, unix_ms now);
    void tell_topics(const std::vector<std::string>& names, unix_ms now);

    template <class Answer>
    struct waiter {
        std::function<void(answer*)> give;
        ticket card;
    };
    template <class Answer>
    [[nodiscard]] static waiter<Answer> make_waiter(answer_to<Answer> done) {
        auto settled = std::make_shared<std::atomic<bool>>(false);
        return {[settled, done = std::move(done)](answer* what) {
                    if (settled->exchange(true)) return;
                    Answer* mine = what != nullptr ? std::get_if<Answer>(what) : nullptr;
                    if (mine != nullptr) return done(std::move(*mine));
                    Answer none;
                    none.error = group_errc::coordinator_not_available;
                    done(std::move(none));
                },
                ticket(settled)};
    }
    /// Feeds the group with `step(machine, token)`. A group that nobody knows and that must not come about by
    /// this: `unknown` is the answer.
    template <class Answer, class Step>
    ticket feed(const std::string& name, bool create, bool consumer, std::error_code unknown, unix_ms now,
                answer_to<Answer> done, Step step) {
        waiter<Answer> made = make_waiter<Answer>(std::move(done));
        stripe& of = stripe_of(name);
        std::lock_guard lock(of.mutex);
        if (name.empty()) unknown = group_errc::invalid_group_id;
        if (name.empty() || (!create && !known(of, name))) {
            Answer refused;
            refused.error = unknown;
            answer told(std::move(refused));
            made.give(&told);
            return made.card;
        }
        resident& group = bring(of, name, now, consumer);
        const token mine = next_token_.fetch_add(1, std::memory_order_relaxed);
        group.waiting.emplace(mine, std::move(made.give));
        carry_out(of, group, step(*group.group, mine, group.now));
        return made.card;
    }

    store::store& store_;
    const group_table& table_;
    group_offsets& offsets_;
    offset_commits& commits_;
    const context with_;
    std::atomic<token> next_token_{1};
    std::array<stripe, 64> stripes_;

    std::mutex deadlines_mutex_;
    std::priority_queue<deadline, std::vector<deadline>, std::greater<>> deadlines_;
    alarm* bell_ = nullptr;
    unix_ms bell_at_ = never;

    std::mutex errands_mutex_;
    std::vector<std::string> errands_;
    std::vector<std::string> topics_;

    std::mutex interests_mutex_;
    std::map<std::string, std::set<std::string>, std::less<>> by_topic_;
    std::set<std::string> every_topic_;
};

}  // namespace imago::broker::groups
