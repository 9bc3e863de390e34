// A seeded simulation of a classic group: clients that behave like consumers join, leave, pause, crash, lose and repeat
// requests, while the server is killed and writes fail. Always:
//
//   owners     within one generation no queue is given to two members (a static member that comes back is the same)
//   offsets    what was acknowledged as committed is never lost, and goes back only by a request of the same member in
//              the same generation that its own later ones had overtaken (commit_ledger.h)
//   handed out what a member is told of its generation is what the leader gave it, however often it asks
//   fencing    a commit is accepted only from a member of the generation that was handed out last
//   answers    each request is answered at most once
// and when it has been quiet for a while:
//   progress   each client that lives is in the one stable group, all queues are given, each to one client, as the
//              leader assigned them; the server owes nobody an answer
//
// IMAGO_GROUP_SEED=n runs that seed alone, IMAGO_GROUP_SEEDS=n so many of them. A failure prints its seed;
// IMAGO_GROUP_TRACE=1 tells what happens.
#include "classic_script.h"
#include "commit_ledger.h"
#include "group_world.h"

#include <cstdlib>
#include <iostream>
#include <set>

using namespace imago;
using namespace imago::test;

namespace {

constexpr std::int32_t partition_count = 12;
const std::string group_name = "g";

/// What all clients together have seen; the invariants are checked here.
struct observer {
    explicit observer(group_world& world) : world(world) {}

    group_world& world;
    broker::topic_ptr topic;
    std::map<std::pair<std::int32_t, std::int32_t>, std::string> owners;  ///< generation, queue -> who
    std::map<std::pair<std::int32_t, std::string>, std::string> told;  ///< generation, who -> assignment
    commit_ledger ledger;
    std::int32_t handed_out = 0;  ///< the latest generation of which an assignment was seen
    std::size_t commits = 0;
    std::size_t refused = 0;
    std::size_t generations = 0;

    template <class... Part>
    void trace(const Part&... parts) const {
        static const bool wanted = std::getenv("IMAGO_GROUP_TRACE") != nullptr;
        if (!wanted) return;
        std::cerr << world.now << ' ';
        (std::cerr << ... << parts) << '\n';
    }
    void given(std::int32_t generation, std::int32_t queue, const std::string& who) {
        const auto [place, fresh] = owners.try_emplace({generation, queue}, who);
        INFO("generation " << generation << " queue " << queue << ": " << place->second << " and " << who);
        REQUIRE(place->second == who);
    }
    [[nodiscard]] std::int64_t stored(std::int32_t queue) {
        const auto found = world.tables().offsets.find(group_name, {topic->id, queue}, world.now);
        return found ? found->offset.value : 0;
    }
    void check_offsets() {
        for (std::int32_t queue = 0; queue < partition_count; ++queue) {
            REQUIRE(ledger.problem_with(queue, stored(queue)) == "");
        }
    }
};

class client {
public:
    client(observer& all, int number, groups::instance_id instance, bool rounds)
        : all_(all), number_(number), instance_(std::move(instance)), rounds_(rounds) {
        join();
    }

    [[nodiscard]] bool alive() const { return alive_; }
    [[nodiscard]] bool settled() const { return alive_ && state_ == state::stable; }
    [[nodiscard]] std::int32_t generation() const { return generation_; }
    [[nodiscard]] const std::set<std::int32_t>& queues() const { return queues_; }
    [[nodiscard]] const std::string& member_id() const { return member_; }
    [[nodiscard]] const std::string& assignment() const { return assignment_; }

    void crash() {
        alive_ = false;
        ++turn_;
    }
    /// Nothing is done or heard for a while; then everything at once.
    void pause(std::int64_t ms) { paused_until_ = std::max(paused_until_, all_.world.now + ms); }
    void leave() {
        if (!alive_) return;
        const std::string id = member_;
        crash();
        if (id.empty() || instance_) return;  // static members go without a word
        all_.world.call<groups::leave_answer>(
            [id](broker::service& server, unix_ms now, auto done) {
                server.group_work.leave(group_name, {{{id, {}}}}, now, done);
            },
            [](groups::leave_answer) {}, true);
    }
    void change_subscription() { topics_ = topics_ == "t" ? "t,u" : "t"; }

private:
    enum class state { joining, syncing, stable };

    /// Calls `what` unless the client has turned to something else by then; later if it is paused.
    template <class Answer>
    std::function<void(Answer)> mine(std::function<void(Answer)> what) {
        const int turn = turn_;
        return [this, turn, what](Answer answer) {
            if (turn != turn_) return;
            if (all_.world.now < paused_until_) {
                return all_.world.at(paused_until_, [this, turn, what, answer] {
                    if (turn == turn_) what(answer);
                });
            }
            what(std::move(answer));
        };
    }
    void later(std::int64_t ms, std::function<void()> what) {
        const int turn = turn_;
        all_.world.after(ms, [this, turn, ms, what] {
            if (turn != turn_) return;
            if (all_.world.now < paused_until_) return all_.world.at(paused_until_, [this, turn, what] {
                if (turn == turn_) what();
            });
            what();
        });
    }
    void forget_member() {
        if (!instance_) ++lives_;
        member_.clear();
        generation_ = -1;
    }

    void join() {
        ++turn_;
        all_.trace(name(), " joins as ", member_, ", its generation is ", generation_);
        state_ = state::joining;
        queues_.clear();
        groups::join_request asked = classic_script::join_of(member_, topics_);
        asked.instance = instance_;
        asked.session_timeout_ms = 2000;
        asked.rebalance_timeout_ms = 4000;
        asked.client.id = "c" + std::to_string(number_);
        asked.member_id_required = rounds_;
        asked.can_skip_assignment = rounds_;
        if (number_ % 3 != 0) asked.protocols.emplace_back("sticky", topics_);
        all_.world.call<groups::join_answer>(
            [asked](broker::service& server, unix_ms now, auto done) {
                server.group_work.join(group_name, asked, now, done);
            },
            mine<groups::join_answer>([this](groups::join_answer answer) { joined(std::move(answer)); }), true);
        later(9000, [this] { join(); });  // the request or its answer is lost
    }

    void joined(groups::join_answer answer) {
        if (answer.error) {
            if (answer.error == group_errc::member_id_required) {
                member_ = answer.member_id;
                return join();
            }
            if (answer.error == group_errc::unknown_member_id || answer.error == group_errc::illegal_generation) {
                forget_member();
            } else if (answer.error == group_errc::fenced_instance_id) {
                return crash();
            } else {
                INFO(answer.error.message());
                REQUIRE((answer.error == group_errc::rebalance_in_progress ||
                         answer.error == group_errc::coordinator_not_available));
            }
            return later(all_.world.pick(1, 100), [this] { join(); });
        }
        ++turn_;
        all_.trace(name(), " is ", answer.member_id, " in generation ", answer.generation);
        member_ = answer.member_id;
        generation_ = answer.generation;
        state_ = state::syncing;
        groups::sync_request asked;
        asked.member_id = member_;
        asked.instance = instance_;
        asked.generation = generation_;
        asked.protocol_type = answer.protocol_type;
        asked.protocol_name = answer.protocol_name;
        if (answer.leader == member_ && !answer.skip_assignment && !answer.members.empty()) {
            ++all_.generations;
            std::vector<std::string> lists(answer.members.size());
            for (std::int32_t queue = 0; queue < partition_count; ++queue) {
                lists[static_cast<std::size_t>(queue) % lists.size()] += std::to_string(queue) + " ";
            }
            for (std::size_t i = 0; i < lists.size(); ++i) {
                asked.assignments.emplace_back(answer.members[i].member_id, lists[i]);
            }
        }
        all_.world.call<groups::sync_answer>(
            [asked](broker::service& server, unix_ms now, auto done) {
                server.group_work.sync(group_name, asked, now, done);
            },
            mine<groups::sync_answer>([this](groups::sync_answer told) { synced(std::move(told)); }), true);
        later(6000, [this] { join(); });
        heartbeat_later();
    }

    void synced(groups::sync_answer answer) {
        if (answer.error) return trouble(answer.error);
        ++turn_;
        state_ = state::stable;
        all_.trace(name(), " in generation ", generation_, " has ", answer.assignment);
        assignment_ = answer.assignment;
        queues_.clear();
        for (std::size_t at = 0; at < answer.assignment.size();) {
            const std::size_t end = answer.assignment.find(' ', at);
            queues_.insert(std::stoi(answer.assignment.substr(at, end - at)));
            at = end + 1;
        }
        for (const std::int32_t queue : queues_) all_.given(generation_, queue, name());
        REQUIRE(all_.told.try_emplace({generation_, name()}, answer.assignment).first->second == answer.assignment);
        all_.handed_out = std::max(all_.handed_out, generation_);
        heartbeat_later();
        commit_later();
    }

    void heartbeat_later() {
        later(300, [this] {
            const groups::heartbeat_request asked{member_, instance_, generation_};
            all_.world.call<groups::heartbeat_answer>(
                [asked](broker::service& server, unix_ms now, auto done) {
                    server.group_work.heartbeat(group_name, asked, now, done);
                },
                mine<groups::heartbeat_answer>([this](groups::heartbeat_answer told) {
                    if (told.error) trouble(told.error);
                }),
                true);
            heartbeat_later();
        });
    }

    void commit_later() {
        if (queues_.empty()) return;
        later(all_.world.calm ? 5000 : all_.world.pick(50, 600), [this] { commit(); });
    }

    /// Reads where the group is and goes on from there, as a consumer does that was given a queue.
    void commit() {
        std::vector<std::pair<std::int32_t, std::int64_t>> next;
        for (const std::int32_t queue : queues_) next.emplace_back(queue, all_.stored(queue) + 1);
        std::string text = name() + " in generation " + std::to_string(generation_) + ":";
        for (const auto& [queue, offset] : next) text += " " + std::to_string(queue) + "=" + std::to_string(offset);
        all_.trace("commit sent, ", text);
        const groups::offset_claim who{member_, instance_, generation_, true};
        const broker::topic_ptr topic = all_.topic;
        observer& all = all_;
        const std::int32_t generation = generation_;
        using outcomes = std::vector<std::error_code>;
        group_world* world = &all_.world;
        auto handed_out = std::make_shared<std::int32_t>(0);
        all_.world.call<outcomes>(
            [=, &all](broker::service& server, unix_ms now, std::function<void(outcomes)> done) {
                *handed_out = all.handed_out;
                const std::uint64_t place = all.ledger.came();
                all.trace("commit came, ", text);
                const int asked_in = world->incarnation();
                std::vector<broker::offset_commit> commits;
                for (const auto& [queue, offset] : next) commits.push_back({topic, queue, {offset}, -1, ""});
                server.group_work.commit(group_name, who, std::move(commits), -1, now, now,
                                         [=, &all](outcomes told) {
                                             if (asked_in != world->incarnation()) return;
                                             all.trace("commit ", told[0] ? told[0].message() : "accepted", ", ",
                                                       text);
                                             // At the server's side: accepted and durable, whoever hears of it.
                                             for (std::size_t i = 0; i < told.size(); ++i) {
                                                 if (told[i]) continue;
                                                 INFO("generation " << generation << ", handed out " << *handed_out);
                                                 REQUIRE(generation >= *handed_out);
                                                 const auto& [queue, offset] = next[i];
                                                 REQUIRE(all.ledger.acknowledged(place, queue, offset,
                                                                                 {who.member_id, generation}) == "");
                                             }
                                             done(std::move(told));
                                         });
            },
            mine<outcomes>([this](outcomes told) {
                ++answered_;
                ++(told.front() ? all_.refused : all_.commits);
                const std::error_code why = told.front();
                all_.check_offsets();
                if (why && why != store::make_error_code(store::store_errc::no_space)) return trouble(why);
                commit_later();
            }),
            false);
        // Unanswered: who knows what became of it. A consumer would try again; this one begins anew.
        later(4000, [this, before = answered_] {
            if (answered_ == before) join();
        });
    }

    void trouble(std::error_code why) {
        all_.trace(name(), " is told: ", why.message());
        if (why == group_errc::fenced_instance_id) return crash();
        if (why == group_errc::unknown_member_id || why == group_errc::illegal_generation) {
            forget_member();
        } else {
            INFO(why.message());
            REQUIRE((why == group_errc::rebalance_in_progress || why == group_errc::coordinator_not_available));
        }
        join();
    }

    [[nodiscard]] std::string name() const {
        return instance_ ? *instance_ : std::to_string(number_) + "/" + std::to_string(lives_);
    }

    observer& all_;
    const int number_;
    const groups::instance_id instance_;
    const bool rounds_;
    std::string topics_ = "t";
    std::string member_;
    std::int32_t generation_ = -1;
    std::set<std::int32_t> queues_;
    std::string assignment_;
    state state_ = state::joining;
    bool alive_ = true;
    int turn_ = 0;
    int answered_ = 0;  ///< commits
    int lives_ = 0;
    unix_ms paused_until_ = 0;
};

struct totals {
    std::size_t commits = 0;
    std::size_t refused = 0;
    std::size_t generations = 0;
    std::size_t restarts = 0;
};

void simulate(std::uint64_t seed, totals& sum) {
    static const text_codec codec;
    broker::service_options service;
    service.subscriptions = &codec;
    group_world world(seed,
                      {{"group.initial.rebalance.delay.ms", seed % 2 == 0 ? "0" : "500"},
                       {"group.min.session.timeout.ms", "100"}},
                      service);
    observer all(world);
    broker::new_topic wanted;
    wanted.name = "t";
    wanted.partitions = partition_count;
    world.server().topic_work.create({wanted}, false, world.now, [&](auto made) { all.topic = made.at(0).topic; });
    world.calm = true;
    world.run(world.now + 1000);
    world.calm = false;
    REQUIRE(all.topic != nullptr);

    std::vector<std::unique_ptr<client>> clients;
    int numbers = 0;
    const auto start = [&](groups::instance_id instance) {
        ++numbers;
        clients.push_back(std::make_unique<client>(all, numbers, std::move(instance), numbers % 5 != 0));
    };
    const auto living = [&] {
        std::vector<client*> list;
        for (const auto& one : clients) {
            if (one->alive()) list.push_back(one.get());
        }
        return list;
    };
    for (int i = world.pick(1, 4); i > 0; --i) {
        start(i == 1 ? groups::instance_id("s" + std::to_string(i)) : std::nullopt);
    }

    for (int step = 0; step < 40; ++step) {
        world.run(world.now + world.pick(20, 2500));
        const auto list = living();
        client* one = list.empty() ? nullptr : list[static_cast<std::size_t>(world.pick(0, static_cast<int>(list.size()) - 1))];
        switch (world.pick(0, 9)) {
            case 0:
            case 1:
                if (list.size() < 8) start({});
                break;
            case 2:
                // A static member; maybe one that seems to be there still.
                if (list.size() < 8) start("s" + std::to_string(world.pick(1, 3)));
                break;
            case 3:
            case 4:
                if (one != nullptr && list.size() > 1) one->leave();
                break;
            case 5:
                if (one != nullptr && list.size() > 1) one->crash();
                break;
            case 6:
            case 7:
                if (one != nullptr) one->pause(world.pick(100, 6000));
                break;
            case 8:
                world.restart();
                all.trace("the server was killed");
                ++sum.restarts;
                all.check_offsets();
                break;
            default:
                if (one != nullptr) one->change_subscription();
                break;
        }
    }

    world.calm = true;
    if (seed % 4 == 0) {
        world.run(world.now + 100'000);
        world.restart();  // everybody goes on where it was
    }
    world.run(world.now + 400'000);  // beyond every timeout, that of lost new members too
    std::map<std::int32_t, int> given;
    std::int32_t generation = 0;
    for (client* one : living()) {
        REQUIRE(one->settled());
        if (generation == 0) generation = one->generation();
        CHECK(one->generation() == generation);
        for (const std::int32_t queue : one->queues()) ++given[queue];
    }
    if (!living().empty()) {
        CHECK(given.size() == partition_count);
        for (const auto& [queue, count] : given) CHECK(count == 1);
        const auto list = world.server().group_work.list(world.now);
        REQUIRE(list.size() == 1);
        CHECK(list[0].state == group_state::stable);
        const auto shown = std::make_shared<std::map<std::string, std::string>>();
        world.server().group_work.describe(group_name, world.now, [shown](std::error_code, groups::group_view view) {
            for (const auto& member : view.members) (*shown)[member.member_id] = member.assignment;
        });
        CHECK(shown->size() == living().size());
        for (client* one : living()) CHECK((*shown)[one->member_id()] == one->assignment());
    }
    all.check_offsets();
    CHECK(world.owed() <= static_cast<int>(living().size()));  // heartbeats and commits that are on their way
    sum.commits += all.commits;
    sum.refused += all.refused;
    sum.generations += all.generations;
}

}  // namespace

TEST_CASE("a classic group keeps its promises through joins, losses, pauses, kills and failed writes",
          "[groups][simulation]") {
    const char* one = std::getenv("IMAGO_GROUP_SEED");
    const char* many = std::getenv("IMAGO_GROUP_SEEDS");
    const std::uint64_t first = one != nullptr ? std::strtoull(one, nullptr, 10) : 1;
    const std::uint64_t count = one != nullptr ? 1 : many != nullptr ? std::strtoull(many, nullptr, 10) : 40;
    totals sum;
    for (std::uint64_t seed = first; seed < first + count; ++seed) {
        INFO("IMAGO_GROUP_SEED=" << seed);
        simulate(seed, sum);
    }
    // It did what it is for.
    CHECK(sum.commits > count * 20);
    CHECK(sum.generations > count * 5);
    WARN(count << " seeds: " << sum.generations << " rounds, " << sum.commits << " commits, " << sum.refused
               << " refused, " << sum.restarts << " kills");
}
