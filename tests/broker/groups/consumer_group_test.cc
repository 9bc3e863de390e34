// The consumer protocol by script: each rule, each error.
#include "consumer_fixture.h"

using namespace imago;
using namespace imago::broker::groups;
using imago::test::consumer_model::group_world;

namespace {

using part_list = std::vector<topic_partitions>;

std::size_t count(const std::optional<part_list>& list) {
    REQUIRE(list);
    std::size_t all = 0;
    for (const auto& topic : *list) all += topic.partitions.size();
    return all;
}

struct two_topics : group_world {
    two_topics() {
        topics.put("a", 4);
        topics.put("b", 2);
    }
    uuid id(const std::string& name) const { return topics.by_name(name)->id; }
    member_view member(const std::string& name) const {
        for (auto& one : group->view().members) {
            if (one.member_id == name) return one;
        }
        FAIL("no member " << name);
        return {};
    }
};

}  // namespace

TEST_CASE_METHOD(two_topics, "the first member gets everything at once", "[groups][consumer]") {
    const auto answer = join("m1", {"a", "b"});
    CHECK_FALSE(answer.error);
    CHECK(answer.member_id == "m1");
    CHECK(answer.member_epoch == 1);
    CHECK(answer.heartbeat_interval_ms == 5000);
    CHECK(count(answer.assignment) == 6);
    CHECK(group->state() == group_state::stable);
    CHECK(group->view().epoch == 1);
    CHECK(group->view().assignment_epoch == 1);
    CHECK(group->view().protocol == "uniform");

    SECTION("a heartbeat without news gets none") {
        const auto next = beat("m1", 1);
        CHECK(next.member_epoch == 1);
        CHECK_FALSE(next.assignment);
    }
    SECTION("one that says all is told all") {
        consumer_heartbeat_request full;
        full.member_id = "m1";
        full.member_epoch = 1;
        full.rebalance_timeout_ms = 60'000;
        full.topics = {"a", "b"};
        full.owned = answer.assignment;
        CHECK(count(beat(full).assignment) == 6);
    }
    SECTION("a steady heartbeat writes nothing") {
        run(group->consumer_heartbeat(
            next_token(),
            [] {
                consumer_heartbeat_request asked;
                asked.member_id = "m1";
                asked.member_epoch = 1;
                return asked;
            }(),
            now));
        CHECK(pending.back().changes.empty());
    }
}

TEST_CASE_METHOD(two_topics, "a second member gets partitions only when the first has given them up",
                 "[groups][consumer]") {
    const auto all = *join("m1", {"a", "b"}).assignment;
    const auto second = join("m2", {"a", "b"});
    CHECK(second.member_epoch == 2);
    CHECK(count(second.assignment) == 0);
    CHECK(group->state() == group_state::reconciling);

    const auto told = beat("m1", 1);
    CHECK(told.member_epoch == 1);  // until it has given up
    CHECK(count(told.assignment) == 3);
    CHECK_FALSE(beat("m2", 2).assignment);

    SECTION("it says nothing of what it owns: it still has it, and is told again, for the first answer may be lost") {
        const auto again = beat("m1", 1);
        CHECK(again.member_epoch == 1);
        CHECK(again.assignment == told.assignment);
        CHECK_FALSE(beat("m2", 2).assignment);
    }
    SECTION("it still owns them") {
        CHECK(beat_owning("m1", 1, all).member_epoch == 1);
        CHECK_FALSE(beat("m2", 2).assignment);
    }
    SECTION("it gave them up") {
        const auto moved = beat_owning("m1", 1, *told.assignment);
        CHECK(moved.member_epoch == 2);
        CHECK_FALSE(moved.assignment);
        CHECK(count(beat("m2", 2).assignment) == 3);
        CHECK(group->state() == group_state::stable);
    }
    SECTION("it does not give them up in time: it is fenced") {
        for (int i = 0; i < 5; ++i) {  // both stay alive
            pass(10'000);
            beat("m2", 2);
            beat("m1", 1);
        }
        pass(10'000);
        CHECK(beat("m1", 1).error == group_errc::unknown_member_id);
        const auto rest = beat("m2", 2);
        CHECK(rest.member_epoch == 3);
        CHECK(count(rest.assignment) == 6);
    }
}

TEST_CASE_METHOD(two_topics, "after a restart each member is told once what it has, for the answer that said so may be lost",
                 "[groups][consumer]") {
    join("m1", {"a", "b"});
    join("m2", {"a", "b"});
    const auto told = beat("m1", 1);
    REQUIRE(count(told.assignment) == 3);
    crash();
    SECTION("who must give up is told until it has") {
        CHECK(beat("m1", 1).assignment == told.assignment);
        CHECK(beat("m1", 1).assignment == told.assignment);
        CHECK(beat_owning("m1", 1, *told.assignment).member_epoch == 2);
        CHECK_FALSE(beat("m1", 2).assignment);
        CHECK(count(beat("m2", 2).assignment) == 3);
    }
    SECTION("who has nothing to do is told once") {
        CHECK(count(beat("m2", 2).assignment) == 0);
        CHECK_FALSE(beat("m2", 2).assignment);
        beat_owning("m1", 1, *told.assignment);
        CHECK(count(beat("m2", 2).assignment) == 3);
        crash();
        CHECK(count(beat("m2", 2).assignment) == 3);
        CHECK_FALSE(beat("m2", 2).assignment);
    }
}

TEST_CASE_METHOD(two_topics, "requests that are wrong are refused, and change nothing",
                 "[groups][consumer]") {
    join("m1", {"a"});
    consumer_heartbeat_request asked;
    asked.member_id = "m2";
    asked.rebalance_timeout_ms = 1000;
    asked.topics = {"a"};
    asked.owned.emplace();
    const auto refused = [&](group_errc error) {
        const auto answer = beat(asked);
        CHECK(answer.error == error);
        CHECK_FALSE(answer.message.empty());
        CHECK(group->view().members.size() == 1);
        CHECK(group->view().epoch == 1);
    };
    SECTION("no member id in version 1") { asked.member_id.clear(), refused(group_errc::invalid_request); }
    SECTION("empty instance id") { asked.instance = "", refused(group_errc::invalid_request); }
    SECTION("empty rack") { asked.rack = "", refused(group_errc::invalid_request); }
    SECTION("no rebalance timeout") { asked.rebalance_timeout_ms = -1, refused(group_errc::invalid_request); }
    SECTION("no topics") { asked.topics.reset(), refused(group_errc::invalid_request); }
    SECTION("owned not said") { asked.owned.reset(), refused(group_errc::invalid_request); }
    SECTION("owns something already") {
        asked.owned = {{id("a"), {0}}}, refused(group_errc::invalid_request);
    }
    SECTION("epoch -3") { asked.member_epoch = -3, refused(group_errc::invalid_request); }
    SECTION("-2 without instance") { asked.member_epoch = -2, refused(group_errc::invalid_request); }
    SECTION("assignor") { asked.assignor = "sticky", refused(group_errc::unsupported_assignor); }
    SECTION("regular expression") {
        asked.topic_regex = "a(", refused(group_errc::invalid_regular_expression);
    }
    SECTION("unknown member") { asked.member_epoch = 1, refused(group_errc::unknown_member_id); }
    SECTION("unknown member leaves") { asked.member_epoch = -1, refused(group_errc::unknown_member_id); }
    SECTION("unknown instance") {
        asked.member_epoch = 1;
        asked.instance = "i";
        refused(group_errc::unknown_member_id);
    }
    SECTION("group is full") {
        with.options.consumer_size_max = 1;
        refused(group_errc::group_max_size_reached);
    }
}

TEST_CASE_METHOD(two_topics, "version 0 lets the group make the member id", "[groups][consumer]") {
    consumer_heartbeat_request asked;
    asked.own_member_id = false;
    asked.rebalance_timeout_ms = 1000;
    asked.topics = {"a"};
    asked.owned.emplace();
    const auto answer = beat(asked);
    CHECK(answer.member_id == "id1");
    CHECK(beat("id1", 1).member_epoch == 1);
}

TEST_CASE_METHOD(two_topics, "a group that never was is not found", "[groups][consumer]") {
    CHECK(beat("m1", 1).error == group_errc::group_id_not_found);
    CHECK(beat("m1", -1).error == group_errc::group_id_not_found);
}

TEST_CASE_METHOD(two_topics, "epochs fence, but a lost answer does not", "[groups][consumer]") {
    const auto all = *join("m1", {"a", "b"}).assignment;
    join("m2", {"a", "b"});
    const auto told = beat("m1", 1);
    CHECK(beat_owning("m1", 1, *told.assignment).member_epoch == 2);  // say this answer was lost
    CHECK(beat("m1", 3).error == group_errc::fenced_member_epoch);
    CHECK(beat("m1", 1).error == group_errc::fenced_member_epoch);  // does not say what it owns
    CHECK(beat_owning("m1", 1, all).error == group_errc::fenced_member_epoch);
    const auto again = beat_owning("m1", 1, *told.assignment);
    CHECK_FALSE(again.error);
    CHECK(again.member_epoch == 2);

    // It was fenced and begins anew under its id: it has its place and its partitions.
    const auto anew = join("m1", {"a", "b"});
    CHECK_FALSE(anew.error);
    CHECK(anew.member_epoch == 2);
    CHECK(count(anew.assignment) == 3);
}

TEST_CASE_METHOD(two_topics, "a member that leaves frees its partitions for the next heartbeat",
                 "[groups][consumer]") {
    join("m1", {"a", "b"});
    join("m2", {"a", "b"});
    const auto left = beat("m1", -1);
    CHECK_FALSE(left.error);
    CHECK(left.member_epoch == -1);
    CHECK(group->state() == group_state::assigning);
    const auto rest = beat("m2", 2);
    CHECK(rest.member_epoch == 3);
    CHECK(count(rest.assignment) == 6);
    beat("m2", -1);
    CHECK(group->state() == group_state::empty);
    CHECK(group->idle());
    CHECK(join("m3", {"a"}).member_epoch == 5);  // epochs go on
}

TEST_CASE_METHOD(two_topics, "a member without heartbeats is fenced after the session timeout",
                 "[groups][consumer]") {
    join("m1", {"a", "b"});
    pass(30'000);
    CHECK_FALSE(beat("m1", 1).error);
    pass(44'999);
    CHECK_FALSE(beat("m1", 1).error);
    pass(45'000);
    CHECK(group->state() == group_state::empty);
    CHECK(beat("m1", 1).error == group_errc::unknown_member_id);
    CHECK_FALSE(group->wake());
}

TEST_CASE_METHOD(two_topics, "a static member is away for a while and comes back under another id",
                 "[groups][consumer]") {
    const auto mine = *join("m1", {"a"}, "i1").assignment;
    join("m2", {"a"}, "i2");
    CHECK(join("m3", {"a"}, "i1").error == group_errc::unreleased_instance_id);
    consumer_heartbeat_request away;
    away.member_id = "m1";
    away.instance = "i1";
    away.member_epoch = -2;
    const auto left = beat(away);
    CHECK_FALSE(left.error);
    CHECK(left.member_epoch == -2);
    CHECK(group->view().members.size() == 2);
    CHECK(beat("m1", 1).error == group_errc::fenced_member_epoch);

    SECTION("it comes back") {
        const auto back = join("m3", {"a"}, "i1");
        CHECK_FALSE(back.error);
        CHECK(back.member_epoch == 2);
        CHECK(count(back.assignment) == 2);  // of its target
        CHECK(group->view().epoch == 2);     // nothing changed for the others
        away.member_id = "m1";
        away.member_epoch = 2;
        CHECK(beat(away).error == group_errc::fenced_instance_id);
        away.member_epoch = -1;
        CHECK(beat(away).error == group_errc::fenced_instance_id);
    }
    SECTION("it does not") {
        pass(44'000);
        beat("m2", 2);
        pass(2'000);
        CHECK(group->view().members.size() == 1);
        CHECK(count(beat("m2", 2).assignment) == 4);
    }
    SECTION("and a crash in between changes nothing") {
        crash();
        CHECK(join("m3", {"a"}, "i1").member_epoch == 2);
    }
}

TEST_CASE_METHOD(two_topics, "topics that come, grow and go are met by the next heartbeat",
                 "[groups][consumer]") {
    CHECK(count(join("m1", {"a", "c"}).assignment) == 4);
    topics.put("b", 5);
    topic_changed("b");  // not subscribed
    CHECK(beat("m1", 1).member_epoch == 1);
    topics.put("c", 2);
    topic_changed("c");
    const auto came = beat("m1", 1);
    CHECK(came.member_epoch == 2);
    CHECK(count(came.assignment) == 6);
    topics.put("a", 5);
    topic_changed("a");
    const auto grown = beat("m1", 2);
    CHECK(grown.member_epoch == 3);
    CHECK(count(grown.assignment) == 7);
    const uuid gone = id("c");
    topics.erase("c");
    topic_changed("c");
    const auto shrunk = beat("m1", 3);
    CHECK(shrunk.member_epoch == 3);
    CHECK(count(shrunk.assignment) == 5);
    CHECK(beat_owning("m1", 3, *shrunk.assignment).member_epoch == 4);
    topics.put("c", 2);  // another topic under the same name
    topic_changed("c");
    const auto again = beat("m1", 4);
    CHECK(again.member_epoch == 5);
    CHECK(id("c") != gone);
}

TEST_CASE_METHOD(two_topics, "a topic that changed while the server was down is met too",
                 "[groups][consumer]") {
    join("m1", {"a"});
    topics.put("a", 6);
    crash();
    const auto answer = beat("m1", 1);
    CHECK(answer.member_epoch == 2);
    CHECK(count(answer.assignment) == 6);
}

TEST_CASE_METHOD(two_topics, "a regular expression follows the topics", "[groups][consumer]") {
    consumer_heartbeat_request asked;
    asked.member_id = "m1";
    asked.rebalance_timeout_ms = 1000;
    asked.topics = {"b"};
    asked.topic_regex = "orders-.*";
    asked.owned.emplace();
    topics.put("orders-1", 1);
    topics.put("my-orders-1", 1);
    CHECK(count(beat(asked).assignment) == 3);
    CHECK(group->interests().every_topic);
    topics.put("orders-2", 3);
    topic_changed("orders-2");
    CHECK(count(beat("m1", 1).assignment) == 6);
    crash();
    CHECK(count(beat("m1", 2).assignment) == 6);  // said once more after a restart
    CHECK_FALSE(beat("m1", 2).assignment);
    topics.erase("orders-1");
    topic_changed("orders-1");
    const auto shrunk = beat("m1", 2);
    CHECK(count(shrunk.assignment) == 5);
    CHECK(group->subscribed("orders-2"));
    CHECK_FALSE(group->subscribed("orders-1"));
    // An empty one takes the expression back.
    consumer_heartbeat_request plain;
    plain.member_id = "m1";
    plain.member_epoch = 2;
    plain.topic_regex = "";
    plain.owned = shrunk.assignment;
    CHECK(count(beat(plain).assignment) == 2);
    CHECK_FALSE(group->interests().every_topic);
}

TEST_CASE_METHOD(two_topics, "the assignor is the one that most members ask for", "[groups][consumer]") {
    consumer_heartbeat_request asked;
    asked.rebalance_timeout_ms = 1000;
    asked.topics = {"a"};
    asked.owned.emplace();
    for (const char* name : {"m1", "m2", "m3"}) {
        asked.member_id = name;
        asked.assignor = name == std::string("m1") ? "uniform" : "range";
        beat(asked);
    }
    CHECK(group->view().protocol == "range");
}

TEST_CASE_METHOD(two_topics, "commits are accepted from members at their epoch", "[groups][consumer]") {
    offset_claim nobody;
    CHECK_FALSE(group->check_commit(nobody, now));  // an empty group takes those of no member
    CHECK_FALSE(group->check_fetch(nobody));
    join("m1", {"a"});
    CHECK(group->check_commit(nobody, now) == group_errc::unknown_member_id);
    CHECK_FALSE(group->check_fetch(nobody));
    offset_claim who{"m1", {}, 1, true};
    CHECK_FALSE(group->check_commit(who, now));
    CHECK_FALSE(group->check_fetch(who));
    who.generation = 0;
    CHECK(group->check_commit(who, now) == group_errc::stale_member_epoch);
    CHECK(group->check_fetch(who) == group_errc::stale_member_epoch);
    who.generation = 1;
    who.knows_epochs = false;
    CHECK(group->check_commit(who, now) == group_errc::unsupported_version);
    CHECK(group->hold().topics == std::vector<std::string>{"a"});
}

TEST_CASE_METHOD(two_topics, "only an empty group can be removed, and nothing of it stays",
                 "[groups][consumer]") {
    join("m1", {"a"});
    effects out;
    CHECK(group->remove(out) == group_errc::non_empty_group);
    beat("m1", -1);
    CHECK(table.has("g"));
    CHECK_FALSE(group->remove(out));
    run(std::move(out));
    settle_all();
    CHECK_FALSE(table.has("g"));
}

TEST_CASE_METHOD(two_topics, "members go on where they were after a crash", "[groups][consumer]") {
    join("m1", {"a", "b"});
    join("m2", {"a", "b"});
    const auto told = beat("m1", 1);
    crash();
    CHECK(beat("m2", 2).member_epoch == 2);
    CHECK(beat("m1", 1).member_epoch == 1);
    crash();
    CHECK(beat_owning("m1", 1, *told.assignment).member_epoch == 2);
    crash();
    CHECK(count(beat("m2", 2).assignment) == 3);
    CHECK(member("m2").current == member("m2").target);
    pass(46'000);
    CHECK(group->state() == group_state::empty);  // sessions began anew, and ended
}

TEST_CASE_METHOD(two_topics, "a member that leaves a mixed group for the second time is awaited once", "[groups][consumer]") {
    join_request classic;
    classic.session_timeout_ms = 30'000;
    classic.rebalance_timeout_ms = 30'000;
    classic.protocol_type = "consumer";
    classic.protocols = {{"range", codec.write_subscription({.topics = {"a"}})}};
    const auto join_classic = [&] {
        return ask<join_answer>([&](token to) { return group->join(to, classic, now); });
    };
    join("m1", {"a"});
    const auto first = join_classic();
    REQUIRE_FALSE(first.error);
    classic.member_id = first.member_id;
    for (int round = 0; round < 2; ++round) {
        // The group goes on as a classic one. Its rebalance is not durable, so the record awaits the member that left.
        CHECK_FALSE(beat("m1", -1).error);
        CHECK(group->type() == group_type::classic);
        crash();
        CHECK(group->view().members.size() == 2);
        if (round == 0) {
            CHECK_FALSE(join("m1", {"a"}).error);
            CHECK(group->type() == group_type::consumer);
        }
    }
    const auto to = next_token();
    auto step = group->join(to, classic, now);  // refused if the one that left counted twice
    CHECK(step.answers.empty());
    run(std::move(step));
    pass(31'000);
    CHECK(group->view().members.size() == 1);
    CHECK(group->view().members[0].member_id == first.member_id);
}
