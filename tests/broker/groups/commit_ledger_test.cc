// The order of commits: what the coordinator makes of late ones, and that the simulations' book-keeping finds what is wrong.
#include "commit_ledger.h"

#include "classic_script.h"
#include "group_world.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

using namespace imago;
using namespace imago::test;

namespace {

const std::string group_name = "g";

/// A server with the topic "t" of one queue; requests come to it one after the other.
struct one_queue {
    one_queue() : world(1, {{"group.initial.rebalance.delay.ms", "0"}}, with_codec()) {
        world.calm = true;
        broker::new_topic wanted;
        wanted.name = "t";
        wanted.partitions = 1;
        world.server().topic_work.create({wanted}, false, world.now, [&](auto made) { topic = made.at(0).topic; });
        world.run(world.now + 100);
        REQUIRE(topic != nullptr);
    }
    static broker::service_options with_codec() {
        static const text_codec codec;
        broker::service_options options;
        options.subscriptions = &codec;
        return options;
    }

    template <class Answer, class Ask>
    std::optional<Answer> ask(Ask what) {
        const auto told = std::make_shared<std::optional<Answer>>();
        world.call<Answer>(std::move(what), [told](Answer answer) { *told = std::move(answer); }, false);
        world.run(world.now + 100);
        return *told;
    }
    std::optional<groups::join_answer> join(const std::string& member) {
        groups::join_request asked = classic_script::join_of(member);
        asked.session_timeout_ms = 10'000;
        return ask<groups::join_answer>([asked](broker::service& server, unix_ms now, auto done) {
            server.group_work.join(group_name, asked, now, done);
        });
    }
    std::error_code sync(const std::string& member, std::int32_t generation, const std::string& owner) {
        groups::sync_request asked;
        asked.member_id = member;
        asked.generation = generation;
        asked.assignments = {{owner, "0"}};
        const auto told = ask<groups::sync_answer>([asked](broker::service& server, unix_ms now, auto done) {
            server.group_work.sync(group_name, asked, now, done);
        });
        REQUIRE(told);
        return told->error;
    }
    /// What is wrong with the answer, as the ledger sees it, goes to `problems`.
    std::error_code commit(const commit_ledger::author& who, std::int64_t offset) {
        const std::uint64_t place = ledger.came();
        using outcomes = std::vector<std::error_code>;
        const auto told = ask<outcomes>([=, this](broker::service& server, unix_ms now, auto done) {
            std::vector<broker::offset_commit> commits;
            commits.push_back({topic, 0, {offset}, -1, ""});
            const groups::offset_claim claim{who.member_id, {}, who.generation, true};
            server.group_work.commit(group_name, claim, std::move(commits), -1, now, now, done);
        });
        REQUIRE(told);
        REQUIRE(told->size() == 1);
        if (!told->front()) problems += ledger.acknowledged(place, 0, offset, who);
        return told->front();
    }
    [[nodiscard]] std::int64_t stored() {
        const auto found = world.tables().offsets.find(group_name, {topic->id, 0}, world.now);
        return found ? found->offset.value : 0;
    }

    group_world world;
    broker::topic_ptr topic;
    commit_ledger ledger;
    std::string problems;
};

const commit_ledger::author ann{"ann", 3};
const commit_ledger::author ben{"ben", 3};

}  // namespace

TEST_CASE("commits of a member count in the order in which they come, also one that its later ones had overtaken",
          "[groups]") {
    one_queue s;
    const auto first = s.join("");
    REQUIRE(first);
    const commit_ledger::author a{first->member_id, first->generation};
    REQUIRE_FALSE(s.sync(a.member_id, a.generation, a.member_id));
    CHECK_FALSE(s.commit(a, 36));
    CHECK_FALSE(s.commit(a, 37));
    CHECK_FALSE(s.commit(a, 38));
    // The request was under way when the member was told to join again, and had its generation back.
    CHECK_FALSE(s.commit(a, 35));
    CHECK(s.stored() == 35);
    CHECK(s.ledger.problem_with(0, s.stored()) == "");
    CHECK(s.problems == "");

    s.world.restart();
    CHECK(s.stored() == 35);

    // Who has the queue next goes on from there; from then on nothing of the member before is let in.
    REQUIRE_FALSE(s.join(""));
    const auto again = s.join(a.member_id);
    REQUIRE(again);
    REQUIRE(again->generation == a.generation + 1);
    REQUIRE(again->members.size() == 2);
    const auto& list = again->members;
    const commit_ledger::author b{list[list[0].member_id == a.member_id ? 1 : 0].member_id, again->generation};
    REQUIRE_FALSE(s.sync(a.member_id, b.generation, b.member_id));
    CHECK_FALSE(s.commit(b, 36));
    CHECK(s.commit(a, 39) == group_errc::illegal_generation);
    CHECK(s.stored() == 36);
    CHECK(s.ledger.problem_with(0, s.stored()) == "");
    CHECK(s.problems == "");
}

TEST_CASE("the ledger of commits finds one that is lost, stored though it was refused, or taken back by another member",
          "[groups][simulation]") {
    commit_ledger ledger;
    CHECK(ledger.problem_with(1, 0) == "");
    CHECK(ledger.problem_with(1, 7) != "");  // of nobody
    CHECK(ledger.acknowledged(ledger.came(), 1, 7, ann) == "");
    CHECK(ledger.problem_with(1, 7) == "");
    CHECK(ledger.problem_with(1, 6) != "");  // lost
    CHECK(ledger.problem_with(1, 0) != "");
    CHECK(ledger.problem_with(1, 8) != "");  // one that was refused
    CHECK(ledger.problem_with(2, 0) == "");

    const std::uint64_t earlier = ledger.came();
    CHECK(ledger.acknowledged(ledger.came(), 1, 9, ann) == "");
    CHECK(ledger.acknowledged(earlier, 1, 8, ann) == "");  // told late: it came before
    CHECK(ledger.problem_with(1, 9) == "");
    CHECK(ledger.problem_with(1, 8) != "");

    CHECK(ledger.acknowledged(ledger.came(), 1, 8, ann) == "");  // its own, overtaken
    CHECK(ledger.problem_with(1, 8) == "");
    CHECK(ledger.problem_with(1, 9) != "");
    CHECK(ledger.acknowledged(ledger.came(), 1, 8, ben) == "");
    CHECK(ledger.acknowledged(ledger.came(), 1, 7, ann) != "");          // another member's
    CHECK(ledger.acknowledged(ledger.came(), 1, 6, {"ann", 2}) != "");   // another generation's
}
