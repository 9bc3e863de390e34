// Groups under chaos. Members of both protocols come, go, pause and lose answers; topics come, grow and go;
// the server dies with any number of steps not yet durable, and starts from what is. Requests reach the group
// twice or late. The seed of a failure is printed; IMAGO_GROUP_SEED runs that one alone.
//
// At every moment:
// - no partition is consumed by two members of the group. (One that the group has fenced and that does not
// know it yet is
//   no member: its commits are refused.)
// - the epoch of a member of the consumer protocol never goes back
// - every request is answered once at most, and only with what is durable
// When everything has been quiet for a while:
// - no member is stuck: each has its place, and what it consumes is what the group says
// - every partition of every subscribed topic is consumed by one member, which subscribes to it
// - members of equal subscriptions are balanced (consumer protocol, uniform)
// - nothing moves any more
#include "broker/groups/classic_group.h"
#include "model_member.h"

#include <cstdlib>
#include <iostream>
#include <set>

using namespace imago;
using namespace imago::broker::groups;
using imago::test::consumer_model::group_world;
using imago::test::consumer_model::model_member;

namespace {

partition_set to_set(const std::vector<topic_partitions>& list) {
    partition_set set;
    for (const auto& topic : list) {
        for (const auto p : topic.partitions) set.push_back({topic.topic, p});
    }
    sort_unique(set);
    return set;
}

class simulation {
public:
    struct plan {
        std::uint32_t seed = 1;
        bool classic_members = false;
        bool crashes = true;
        bool mixed_topics = false;
        std::size_t steps = 1500;
    };

    explicit simulation(plan p) : plan_(p), random_(p.seed) {
        const char* const names[] = {"a", "b", "c"};
        for (const auto* name : names) w_.topics.put(name, 1 + chance(7));
        cooperative_ = chance(2) == 0;
        w_.with.options.consumer_assignors =
            chance(4) == 0 ? std::vector<std::string>{"range"} : std::vector<std::string>{"uniform", "range"};
        uniform_ = w_.with.options.consumer_assignors.front() == "uniform";
    }

    void run() {
        for (std::size_t i = 0; i < plan_.steps; ++i) {
            w_.now += static_cast<unix_ms>(chance(1500));
            disturb();
            turn();
        }
        calm_ = true;
        for (auto& m : members_) m.paused = 0;
        for (int i = 0; i < 800; ++i) {
            w_.now += static_cast<unix_ms>(200 + chance(600));
            turn();
        }
        check_quiet();
        const auto before = owners();
        for (int i = 0; i < 100; ++i) {
            w_.now += static_cast<unix_ms>(200 + chance(600));
            turn();
        }
        check_quiet();
        REQUIRE(owners() == before);
    }

    std::size_t conversions = 0;
    std::size_t crashes = 0;
    std::size_t handed_over = 0;

private:
    std::int32_t chance(std::int32_t below) {
        return static_cast<std::int32_t>(random_() % static_cast<std::uint32_t>(below));
    }
    bool unlucky() { return !calm_ && chance(12) == 0; }

    // ---- the world ----
    void disturb() {
        const auto what = chance(100);
        if (what < 6 && live() < 7) {
            come();
        } else if (what < 9 && live() > 1) {
            if (auto* m = any()) leave(*m);
        } else if (what < 12) {
            if (auto* m = any()) m->paused = w_.now + chance(chance(3) == 0 ? 120'000 : 15'000);
        } else if (what < 14) {
            change_topics();
        } else if (what < 16 && plan_.crashes) {
            ++crashes;
            w_.crash();
            waiting_.clear();
            late_.clear();
            for (model_member& m : members_) m.server_died = m.waiting != 0;
        }
    }

    void come() {
        model_member m;
        m.name = "m" + std::to_string(++names_);
        m.topics = {"a", "b"};
        if (plan_.mixed_topics) {
            if (chance(2) == 0) m.topics.pop_back();
            if (chance(3) == 0) m.topics.emplace_back("c");
        }
        if (plan_.classic_members && chance(2) == 0) {
            m.speaks = cooperative_ ? model_member::protocol::cooperative : model_member::protocol::eager;
            m.epoch = -1;
        } else {
            m.id = m.name;
            m.terse = chance(2) == 0;
            if (plan_.mixed_topics && chance(5) == 0) m.regex = "[bc]";
        }
        if (chance(4) == 0) m.instance = "i" + std::to_string(chance(3));
        if (!m.instance.empty()) {
            for (const auto& other : members_) {
                if (!other.gone && other.instance == m.instance) return;
            }
        }
        m.acts = w_.now;
        members_.push_back(std::move(m));
    }

    void leave(model_member& m) {
        m.gone = true;
        m.waiting = 0;
        // A static member goes for a while, or for good; some just die.
        const bool dies = chance(4) == 0;
        m.owned.clear();
        if (dies || m.id.empty()) return;
        if (m.classic()) {
            if (!m.instance.empty()) return;
            leave_request asked;
            asked.members.push_back({m.id, {}});
            w_.run(w_.group->leave(w_.next_token(), asked, w_.now));
        } else {
            consumer_heartbeat_request asked;
            asked.member_id = m.id;
            if (!m.instance.empty()) asked.instance = m.instance;
            asked.member_epoch = m.instance.empty() || chance(2) == 0 ? -1 : -2;
            w_.run(w_.group->consumer_heartbeat(w_.next_token(), asked, w_.now));
        }
        note_type();
    }

    void change_topics() {
        const char* const names[] = {"a", "b", "c"};
        const std::string name = names[chance(3)];
        const auto fact = w_.topics.by_name(name);
        if (!fact) {
            w_.topics.put(name, 1 + chance(6));
            made_[w_.topics.by_name(name)->id] = w_.now;
        } else if (chance(4) == 0) {
            w_.topics.erase(name);
        } else {
            w_.topics.put(name, fact->partitions + 1 + chance(2));
        }
        w_.run(w_.group->topics_changed({name}, w_.now));
        note_type();
    }

    void turn() {
        if (const auto at = w_.group->wake(); at && *at <= w_.now) {
            w_.run(w_.group->tick(w_.now));
            note_type();
        }
        deliver_late();
        auto durable = calm_ ? w_.pending.size() : static_cast<std::size_t>(chance(4));
        while (durable-- > 0 && !w_.pending.empty()) settle();
        const std::size_t count = members_.size();
        for (std::size_t i = 0; i < count; ++i) act(members_[i]);
        if (calm_) {
            while (!w_.pending.empty()) settle();
        }
    }

    void note_type() {
        const bool classic = w_.group->type() == group_type::classic;
        if (classic != was_classic_) ++conversions;
        was_classic_ = classic;
    }

    void settle() {
        for (auto& [to, what] : w_.settle()) {
            REQUIRE(answered_.insert(to).second);
            const auto found = waiting_.find(to);
            if (found == waiting_.end()) continue;
            model_member& m = members_[found->second];
            waiting_.erase(found);
            if (m.waiting != to || m.gone || m.paused > w_.now || unlucky()) continue;  // it hears nothing
            m.waiting = 0;
            trace(m.name, " hears ", std::visit([](auto& one) { return one.error.message(); }, what));
            heard_ = to;
            std::visit([&](auto& one) { hear(m, one); }, what);
            trace(m.name, " owns", text_of(m.owned));
        }
    }

    // ---- members ----
    void act(model_member& m) {
        if (m.gone || m.paused > w_.now) return;
        if (m.told && m.obeys <= w_.now) obey(m);
        if (m.waiting != 0) {
            if (w_.now < m.gives_up) return;
            trace(m.name, " heard nothing");
            m.waiting = 0;  // the connection is lost: it begins again
            m.whole = !(std::exchange(m.server_died, false) && m.terse);
            if (m.classic() && m.sync) {
                m.sync.reset();
                m.rejoin = true;
            }
        }
        if (m.acts > w_.now) return;
        m.acts = w_.now + 3000 + chance(1000);
        m.classic() ? ask_classic(m) : ask_consumer(m);
    }

    void ask_consumer(model_member& m) {
        consumer_heartbeat_request asked;
        asked.member_id = m.id;
        asked.member_epoch = m.epoch;
        if (!m.instance.empty()) asked.instance = m.instance;
        if (m.whole || m.epoch == 0) {
            asked.rebalance_timeout_ms = 30'000;
            asked.topics = m.topics;
            if (!m.regex.empty()) asked.topic_regex = m.regex;
        }
        if (m.epoch == 0) m.owned.clear(), m.told.reset();
        // What it is about to take counts too: the protocol has no way to tell a member that does not know
        // yet that something was taken from it from one that has given it up.
        if (m.whole || m.report || m.epoch == 0)
            asked.owned = to_list(m.told ? together(m.owned, *m.told) : m.owned);
        send(m, [asked](machine& group, token to, unix_ms now) {
            return group.consumer_heartbeat(to, asked, now);
        });
    }

    void ask_classic(model_member& m) {
        if (m.sync) {
            return send(m, [this, asked = *m.sync](machine& group, token to, unix_ms now) {
                synced_[to] = now;
                return group.sync(to, asked, now);
            });
        }
        if (m.rejoin) {
            if (m.speaks == model_member::protocol::eager) m.owned.clear();
            m.told.reset();
            join_request asked;
            asked.member_id = m.id;
            if (!m.instance.empty()) asked.instance = m.instance;
            asked.session_timeout_ms = 30'000;
            asked.rebalance_timeout_ms = 40'000;
            asked.protocol_type = "consumer";
            classic_subscription s;
            s.topics = m.topics;
            if (m.speaks == model_member::protocol::cooperative) s.owned_partitions = by_name(m.owned);
            asked.protocols = {
                {cooperative_ ? "cooperative-sticky" : "range", w_.codec.write_subscription(s)}};
            asked.client.id = m.name;
            asked.member_id_required = true;
            return send(
                m, [asked](machine& group, token to, unix_ms now) { return group.join(to, asked, now); },
                60'000);
        }
        heartbeat_request asked;
        asked.member_id = m.id;
        if (!m.instance.empty()) asked.instance = m.instance;
        asked.generation = m.epoch;
        send(m, [asked](machine& group, token to, unix_ms now) { return group.heartbeat(to, asked, now); });
    }

    /// What happens, for whoever looks for the reason of a failure (IMAGO_GROUP_TRACE).
    template <class... Part>
    void trace(const Part&... parts) const {
        static const bool wanted = std::getenv("IMAGO_GROUP_TRACE") != nullptr;
        if (!wanted) return;
        std::cerr << w_.now << ' ';
        (std::cerr << ... << parts) << "  [" << broker::groups::name_of(w_.group->type()) << ' '
                                    << broker::groups::name_of(w_.group->state()) << ' '
                                    << w_.group->view().epoch << "]\n";
    }
    [[nodiscard]] std::string text_of(const partition_set& set) const {
        std::string text;
        for (const auto& where : set) text += ' ' + name_of(where.topic) + std::to_string(where.partition);
        return text;
    }

    template <class Call>
    void send(model_member& m, Call call, unix_ms patience = 5000) {
        trace(m.name, " asks: epoch ", m.epoch, m.rejoin && m.classic() ? " join" : "", m.sync ? " sync" : "",
              " owns", text_of(m.owned));
        const auto to = w_.next_token();
        m.waiting = to;
        m.gives_up = w_.now + patience;
        if (unlucky()) {  // lost on the way there
            m.gives_up = w_.now + 2000;
            return;
        }
        waiting_[to] = static_cast<std::size_t>(&m - members_.data());
        const bool twice = unlucky();
        if (!calm_ && chance(15) == 0 && patience == 5000) {
            late_.push_back({w_.now + chance(4000),
                             [call, to](machine& group, unix_ms now) { return call(group, to, now); }});
        } else {
            w_.run(call(*w_.group, to, w_.now));
            note_type();
        }
        if (twice && patience == 5000 && late_.empty()) {  // and once more, right behind
            w_.run(call(*w_.group, w_.next_token(), w_.now));
            note_type();
        }
    }

    void deliver_late() {
        for (std::size_t i = 0; i < late_.size();) {
            if (late_[i].at > w_.now) {
                ++i;
                continue;
            }
            auto call = std::move(late_[i].call);
            late_.erase(late_.begin() + static_cast<std::ptrdiff_t>(i));
            w_.run(call(*w_.group, w_.now));
            note_type();
        }
    }

    void raise(model_member& m, std::int32_t epoch) {
        m.epoch = epoch;
        if (m.classic()) return;  // what a classic group was about to agree upon may be lost in a crash
        auto& highest = highest_[m.id];
        REQUIRE(epoch >= highest);
        highest = epoch;
    }

    void hear(model_member& m, const consumer_heartbeat_answer& answer) {
        if (answer.error == group_errc::unknown_member_id ||
            answer.error == group_errc::fenced_member_epoch ||
            answer.error == group_errc::group_id_not_found) {
            ++m.fenced;
            m.lose_everything();
            m.acts = w_.now;
            return;
        }
        if (answer.error == group_errc::fenced_instance_id) {  // another one has taken its place
            m.gone = true;
            m.owned.clear();
            return;
        }
        if (answer.error == group_errc::unreleased_instance_id) return;
        INFO(answer.message);
        REQUIRE_FALSE(answer.error);
        REQUIRE(answer.member_id == m.id);
        raise(m, answer.member_epoch);
        m.report = m.whole = false;
        if (answer.assignment) tell(m, to_set(*answer.assignment));
    }

    void tell(model_member& m, partition_set assignment) {
        m.told = std::move(assignment);
        m.obeys = w_.now + (calm_ ? 0 : chance(3) == 0 ? chance(40'000) : 0);
        if (m.obeys <= w_.now) obey(m);
    }

    void obey(model_member& m) {
        const auto more = without(*m.told, m.owned);
        const bool less = !without(m.owned, *m.told).empty();
        for (const auto& where : more) {
            // Of a topic that is gone: classic members tell what they have by names, and it has none; nobody reads it.
            if (!w_.topics.by_id(where.topic)) continue;
            if (contains(m.mistaken, where)) continue;
            for (const auto& other : members_) {
                if (contains(other.mistaken, where)) continue;
                if (&other == &m || !contains(other.owned, where) || !is_member(other)) continue;
                INFO("partition " << where.partition << " of " << name_of(where.topic) << ": " << m.name
                                  << " at " << m.epoch << " takes what " << other.name << " at "
                                  << other.epoch << " has");
                if (is_member(m)) FAIL("two owners");
            }
        }
        if (less) ++handed_over;
        if (!more.empty() || less) m.report = true;
        m.owned = std::move(*m.told);
        m.told.reset();
        if (m.speaks == model_member::protocol::cooperative && less) m.rejoin = true;
        if (m.report) m.acts = std::min(m.acts, w_.now + 200);
    }

    void hear(model_member& m, const join_answer& answer) {
        m.acts = w_.now;
        if (answer.error == group_errc::member_id_required) {
            m.id = answer.member_id;
            return;
        }
        if (answer.error == group_errc::rebalance_in_progress) {
            m.acts = w_.now + 500;
            return;
        }
        if (answer.error == group_errc::unknown_member_id) {
            m.id.clear();
            m.lose_everything();
            return;
        }
        if (answer.error == group_errc::fenced_instance_id) {
            m.gone = true;
            m.owned.clear();
            return;
        }
        REQUIRE_FALSE(answer.error);
        if (m.id.empty() || m.instance.empty() == false) m.id = answer.member_id;
        REQUIRE(m.id == answer.member_id);
        raise(m, answer.generation);
        m.rejoin = false;
        sync_request sync;
        sync.member_id = m.id;
        if (!m.instance.empty()) sync.instance = m.instance;
        sync.generation = answer.generation;
        sync.protocol_type = answer.protocol_type;
        sync.protocol_name = answer.protocol_name;
        if (answer.leader == m.id && !answer.members.empty()) lead(answer, sync);
        m.sync = std::move(sync);
    }

    /// What a leader does: round robin; of a cooperative group only what its owner has given up.
    void lead(const join_answer& answer, sync_request& sync) {
        std::map<std::string, std::vector<std::string>> takers;
        std::map<topic_partition, std::string> claimed;
        for (const auto& member : answer.members) {
            const auto s = w_.codec.read_subscription(member.metadata);
            REQUIRE(s);
            for (const auto& topic : s->topics) takers[topic].push_back(member.member_id);
            for (const auto& topic : s->owned_partitions) {
                const auto fact = w_.topics.by_name(topic.topic);
                if (!fact) continue;
                for (const auto p : topic.partitions) claimed[{fact->id, p}] = member.member_id;
            }
        }
        std::map<std::string, partition_set> given;
        for (const auto& [topic, who] : takers) {
            const auto fact = w_.topics.by_name(topic);
            if (!fact) continue;
            for (std::int32_t p = 0; p < fact->partitions; ++p) {
                const auto& taker = who[static_cast<std::size_t>(p) % who.size()];
                const auto owner = claimed.find({fact->id, p});
                if (cooperative_ && owner != claimed.end() && owner->second != taker) continue;
                given[taker].push_back({fact->id, p});
            }
        }
        for (const auto& member : answer.members) {
            auto& set = given[member.member_id];
            sort_unique(set);
            sync.assignments.emplace_back(member.member_id, w_.codec.write_assignment({0, by_name(set), {}}));
        }
    }

    void hear(model_member& m, const sync_answer& answer) {
        m.sync.reset();
        if (answer.error == group_errc::rebalance_in_progress) {
            m.rejoin = true;
            m.acts = w_.now;
            return;
        }
        if (answer.error == group_errc::fenced_instance_id) {  // by a join that came late, as to a join of its own
            m.gone = true;
            m.owned.clear();
            return;
        }
        if (answer.error == group_errc::unknown_member_id || answer.error == group_errc::illegal_generation ||
            answer.error == group_errc::inconsistent_group_protocol) {
            if (answer.error == group_errc::unknown_member_id) m.id.clear();
            m.lose_everything();
            m.acts = w_.now;
            return;
        }
        REQUIRE_FALSE(answer.error);
        partition_set mine;
        if (const auto a = w_.codec.read_assignment(answer.assignment)) {
            for (const auto& topic : a->partitions) {
                const auto fact = w_.topics.by_name(topic.topic);
                if (!fact) continue;
                for (const auto p : topic.partitions) mine.push_back({fact->id, p});
            }
        }
        sort_unique(mine);
        // Names are all that the answer has. Where a topic was deleted and made anew since the group gave it, the member
        // takes the new one for its own until it joins again, as it is told to. The group goes by ids and cannot see it.
        m.mistaken = mine;
        std::erase_if(m.mistaken, [&](const topic_partition& where) {
            const auto made = made_.find(where.topic);
            return made == made_.end() || made->second <= synced_.at(heard_);
        });
        m.told = std::move(mine);
        obey(m);
    }

    void hear(model_member& m, const heartbeat_answer& answer) {
        if (answer.error == group_errc::rebalance_in_progress) {
            m.rejoin = true;
            m.acts = w_.now + chance(500);
        } else if (answer.error) {
            if (answer.error == group_errc::unknown_member_id) m.id.clear();
            m.lose_everything();
            m.acts = w_.now;
        }
    }
    void hear(model_member&, const leave_answer&) {}

    // ---- looking ----
    std::size_t live() const {
        return static_cast<std::size_t>(
            std::count_if(members_.begin(), members_.end(), [](const auto& m) { return !m.gone; }));
    }
    model_member* any() {
        std::vector<model_member*> all;
        for (auto& m : members_) {
            if (!m.gone) all.push_back(&m);
        }
        return all.empty() ? nullptr
                           : all[static_cast<std::size_t>(chance(static_cast<std::int32_t>(all.size())))];
    }
    /// The group knows it as the one that it takes itself for.
    bool is_member(const model_member& m) const {
        for (const auto& one : w_.group->view().members) {
            if (one.member_id == m.id) return true;
        }
        return false;
    }
    std::string name_of(const uuid& id) const {
        const auto fact = w_.topics.by_id(id);
        return fact ? fact->name : "(gone)";
    }
    std::vector<classic_subscription::owned> by_name(const partition_set& set) const {
        std::vector<classic_subscription::owned> list;
        for (const auto& topic : to_list(set)) {
            if (const auto fact = w_.topics.by_id(topic.topic))
                list.push_back({fact->name, topic.partitions});
        }
        return list;
    }
    std::map<topic_partition, std::string> owners() const {
        std::map<topic_partition, std::string> all;
        for (const auto& m : members_) {
            for (const auto& where : m.owned) all[where] = m.name;
        }
        return all;
    }

    void check_quiet() {
        const auto view = w_.group->view();
        INFO("group is " << broker::groups::name_of(view.type) << ", "
                         << broker::groups::name_of(view.state));
        std::set<topic_partition> wanted;
        std::map<topic_partition, std::string> had;
        std::size_t here = 0;
        for (const auto& m : members_) {
            if (m.gone) continue;
            ++here;
            INFO("member " << m.name << " id " << m.id << " epoch " << m.epoch << " owns " << m.owned.size());
            REQUIRE(is_member(m));
            auto topics = m.topics;
            if (!m.regex.empty()) topics.insert(topics.end(), {"b", "c"});
            for (const auto& name : topics) {
                const auto fact = w_.topics.by_name(name);
                if (!fact) continue;
                for (std::int32_t p = 0; p < fact->partitions; ++p) wanted.insert({fact->id, p});
            }
            for (const auto& where : m.owned) {
                const auto topic = name_of(where.topic);
                if (m.classic() && topic == "(gone)") continue;
                REQUIRE(std::find(topics.begin(), topics.end(), topic) != topics.end());
                REQUIRE(had.emplace(where, m.name).second);
            }
        }
        if (here == 0) return;
        REQUIRE(view.members.size() == here);
        REQUIRE(view.state == group_state::stable);
        // Who is in a classic group learns of new partitions by itself, and joins again: not of this test.
        if (view.type == group_type::classic) return;
        REQUIRE(had.size() == wanted.size());
        for (const auto& one : view.members) {
            const auto m = std::find_if(members_.begin(), members_.end(),
                                        [&](const auto& c) { return !c.gone && c.id == one.member_id; });
            REQUIRE(m != members_.end());
            REQUIRE(m->owned == to_set(one.current));
            REQUIRE(one.epoch == view.epoch);
        }
        if (!plan_.mixed_topics && uniform_) {
            std::size_t least = SIZE_MAX;
            std::size_t most = 0;
            for (const auto& one : view.members) {
                least = std::min(least, to_set(one.current).size());
                most = std::max(most, to_set(one.current).size());
            }
            REQUIRE(most - least <= 1);
        }
    }

    struct late_request {
        unix_ms at = 0;
        std::function<effects(machine&, unix_ms)> call;
    };

    const plan plan_;
    std::mt19937 random_;
    group_world w_;
    std::vector<model_member> members_ = [] {
        std::vector<model_member> list;
        list.reserve(4096);
        return list;
    }();
    std::map<token, std::size_t> waiting_;
    std::set<token> answered_;
    std::map<uuid, unix_ms> made_;     ///< topics that came later than the group
    std::map<token, unix_ms> synced_;  ///< when the group was asked
    token heard_ = 0;                  ///< the answer that is being heard
    std::vector<late_request> late_;
    std::map<std::string, std::int32_t> highest_;
    int names_ = 0;
    bool calm_ = false;
    bool cooperative_ = false;
    bool uniform_ = true;
    bool was_classic_ = false;
};

void simulate(simulation::plan plan, std::uint32_t count) {
    std::uint32_t first = 1;
    if (const char* one = std::getenv("IMAGO_GROUP_SEED")) {
        first = static_cast<std::uint32_t>(std::atoi(one));
        count = 1;
    } else if (const char* many = std::getenv("IMAGO_GROUP_SEEDS")) {
        count = static_cast<std::uint32_t>(std::atoi(many));
    }
    std::size_t conversions = 0;
    std::size_t handed_over = 0;
    for (std::uint32_t seed = first; seed < first + count; ++seed) {
        INFO("seed " << seed);
        plan.seed = seed;
        simulation one(plan);
        one.run();
        conversions += one.conversions;
        handed_over += one.handed_over;
    }
    REQUIRE(handed_over > 0);  // else nothing was tested
    if (plan.classic_members && count > 1) REQUIRE(conversions > 0);
}

}  // namespace

TEST_CASE("simulation: members of the consumer protocol", "[groups][consumer][simulation]") {
    simulate({.crashes = false}, 30);
}
TEST_CASE("simulation: members of the consumer protocol, crashes", "[groups][consumer][simulation]") {
    simulate({}, 30);
}
TEST_CASE("simulation: members that subscribe to different topics and by expression, crashes",
          "[groups][consumer][simulation]") {
    simulate({.mixed_topics = true}, 30);
}
TEST_CASE("simulation: members of both protocols, migration back and forth",
          "[groups][consumer][simulation]") {
    simulate({.classic_members = true, .crashes = false}, 40);
}
TEST_CASE("simulation: members of both protocols, migration and crashes", "[groups][consumer][simulation]") {
    simulate({.classic_members = true}, 40);
}
