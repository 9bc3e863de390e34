#include "classic_script.h"

using namespace imago;
using namespace imago::test;

TEST_CASE("a single member joins, leads, syncs and is stable", "[groups]") {
    classic_script s;
    const std::string a = s.enter(s.join_of(""));
    CHECK(a == "c-1");
    CHECK(s.group->state() == group_state::empty);
    const auto joined = s.joined(s.join(a));
    CHECK_FALSE(joined.error);
    CHECK(joined.generation == 1);
    CHECK(joined.leader == a);
    CHECK(joined.member_id == a);
    CHECK(joined.protocol_type == "consumer");
    CHECK(joined.protocol_name == "range");
    REQUIRE(joined.members.size() == 1);
    CHECK(joined.members[0].metadata == "t");
    CHECK(s.group->state() == group_state::completing_rebalance);
    CHECK(s.changes == 0);  // nothing is durable before the sync
    const auto synced = s.synced(s.sync(a, 1, {{a, "x"}}));
    CHECK_FALSE(synced.error);
    CHECK(synced.assignment == "x");
    CHECK(synced.protocol_name == "range");
    CHECK(s.changes == 1);
    CHECK(s.group->state() == group_state::stable);
    CHECK_FALSE(s.heartbeat(a, 1));
}

TEST_CASE("clients that cannot do the round for a member id are let in at once", "[groups]") {
    classic_script s;
    const auto told = s.joined(s.join(""));
    CHECK_FALSE(told.error);
    CHECK(told.member_id == "c-1");
    CHECK(told.generation == 1);
}

TEST_CASE("an empty group waits for others, longer when some come, never beyond the rebalance timeout", "[groups]") {
    auto options = classic_script::default_options();
    options.initial_rebalance_delay_ms = 3000;
    classic_script s(options);
    const auto first = s.join("");
    s.wait(2000);
    const auto second = s.join("");
    s.wait(999);
    CHECK_FALSE(s.answered(first));
    s.wait(1);  // 3000: prolonged by what is left of 5000
    CHECK_FALSE(s.answered(first));
    s.wait(1999);
    CHECK_FALSE(s.answered(first));
    s.wait(1);
    CHECK(s.joined(first).generation == 1);
    CHECK(s.joined(second).generation == 1);
    CHECK(s.joined(first).members.size() == 2);
    CHECK(s.joined(second).members.empty());
}

TEST_CASE("a join makes the others rejoin, and all get the new generation together", "[groups]") {
    classic_script s;
    const auto [a, b] = s.stable_pair();
    const std::string c = s.enter(s.join_of(""));
    CHECK(s.group->state() == group_state::stable);  // an id alone disturbs nobody
    const auto joining = s.join(c);
    CHECK(s.group->state() == group_state::preparing_rebalance);
    CHECK(s.heartbeat(a, 2) == group_errc::rebalance_in_progress);
    CHECK(s.heartbeat(b, 2) == group_errc::rebalance_in_progress);
    CHECK_FALSE(s.commit(a, 2));  // what was consumed may still be committed
    CHECK(s.synced(s.sync(a, 2)).error == group_errc::rebalance_in_progress);
    s.join(a);
    CHECK_FALSE(s.answered(joining));
    s.join(b);
    CHECK(s.joined(joining).generation == 3);
    CHECK(s.joined(joining).leader == a);
}

TEST_CASE("members that do not rejoin in time are out", "[groups]") {
    classic_script s;
    const auto [a, b] = s.stable_pair();
    const auto rejoining = s.join(a);
    for (int i = 0; i < 9; ++i) {  // b heartbeats, but does not join
        s.wait(500);
        CHECK(s.heartbeat(b, 2) == group_errc::rebalance_in_progress);
    }
    CHECK_FALSE(s.answered(rejoining));
    s.wait(500);
    const auto told = s.joined(rejoining);
    CHECK(told.generation == 3);
    CHECK(told.members.size() == 1);
    CHECK(s.heartbeat(b, 2) == group_errc::unknown_member_id);
}

TEST_CASE("a leader that does not rejoin is replaced by a member that did", "[groups]") {
    classic_script s;
    const auto [a, b] = s.stable_pair();
    auto changed = s.join_of(b, "t,u");
    const auto rejoining = s.join(changed);
    s.wait(5000);
    CHECK(s.joined(rejoining).leader == b);
}

TEST_CASE("a silent member is taken out when its session ends", "[groups]") {
    classic_script s;
    const auto [a, b] = s.stable_pair();
    s.wait(600);
    CHECK_FALSE(s.heartbeat(a, 2));
    s.wait(399);
    CHECK_FALSE(s.heartbeat(a, 2));
    s.wait(1);
    CHECK(s.heartbeat(a, 2) == group_errc::rebalance_in_progress);
    CHECK(s.heartbeat(b, 2) == group_errc::unknown_member_id);
    const auto again = s.joined(s.join(a));
    CHECK(again.generation == 3);
    CHECK(again.members.size() == 1);
}

TEST_CASE("an id that was given out and never used is forgotten", "[groups]") {
    classic_script s;
    const std::string a = s.enter(s.join_of(""));
    const std::string b = s.enter(s.join_of(""));
    CHECK_FALSE(s.group->idle());
    s.wait(1000);
    CHECK(s.group->idle());
    CHECK(s.joined(s.join(a)).error == group_errc::unknown_member_id);
}

TEST_CASE("a rebalance waits for members that were given their id", "[groups]") {
    classic_script s;
    const auto [a, b] = s.stable_pair();
    const std::string c = s.enter(s.join_of(""));
    const auto leading = s.join(a);
    const auto following = s.join(b);
    CHECK_FALSE(s.answered(leading));
    s.join(c);
    CHECK(s.joined(leading).members.size() == 3);
    CHECK(s.joined(following).generation == 3);
}

TEST_CASE("a new member whose client is gone does not stay for ever", "[groups]") {
    auto options = classic_script::default_options();
    options.new_member_join_timeout_ms = 2000;
    classic_script s(options);
    const auto [a, b] = s.stable_pair();
    auto patient = s.join_of("");
    const auto lost = s.join(patient);
    for (int i = 0; i < 4; ++i) {
        s.wait(500);
        s.heartbeat(a, 2);
        s.heartbeat(b, 2);
    }
    CHECK(s.joined(lost).error == group_errc::unknown_member_id);
}

TEST_CASE("members that join and never sync are taken out", "[groups]") {
    classic_script s;
    const auto [a, b] = s.stable_pair();
    s.join(a);
    s.join(b);
    const auto waits = s.sync(b, 3);
    for (int i = 0; i < 10; ++i) {  // a lives, but its assignment never comes
        s.wait(500);
        if (i < 9) CHECK_FALSE(s.heartbeat(a, 3));
    }
    CHECK(s.synced(waits).error == group_errc::rebalance_in_progress);
    CHECK(s.heartbeat(a, 3) == group_errc::unknown_member_id);
    CHECK(s.joined(s.join(b)).leader == b);
}

TEST_CASE("a follower that did not sync is taken out though the group is stable", "[groups]") {
    classic_script s;
    const auto [a, b] = s.stable_pair();
    s.join(a);
    s.join(b);
    s.sync(a, 3, {{a, "1"}, {b, "2"}});
    CHECK(s.group->state() == group_state::stable);
    for (int i = 0; i < 10; ++i) {
        s.wait(500);
        if (i < 9) CHECK_FALSE(s.heartbeat(b, 3));
        if (i < 9) CHECK_FALSE(s.heartbeat(a, 3));
    }
    CHECK(s.heartbeat(b, 3) == group_errc::unknown_member_id);
    CHECK(s.heartbeat(a, 3) == group_errc::rebalance_in_progress);
}

TEST_CASE("a request that comes twice is answered twice, and changes nothing", "[groups]") {
    classic_script s;
    const auto [a, b] = s.stable_pair();
    const auto one = s.join(a);
    const auto two = s.join(a);
    CHECK(s.joined(one).error == group_errc::rebalance_in_progress);  // the second takes its place
    CHECK_FALSE(s.answered(two));
    s.join(b);
    CHECK(s.joined(two).generation == 3);
    // The answer got lost: the same request again finds the same generation.
    const auto late = s.joined(s.join(a));
    CHECK(late.generation == 3);
    CHECK(late.members.size() == 2);
    CHECK(s.joined(s.join(b)).members.empty());
    const auto waits = s.sync(b, 3);
    const auto again = s.sync(b, 3);
    CHECK(s.synced(waits).error == group_errc::rebalance_in_progress);
    s.sync(a, 3, {{b, "y"}});
    CHECK(s.synced(again).assignment == "y");
    CHECK(s.synced(s.sync(b, 3)).assignment == "y");
    CHECK(s.synced(s.sync(a, 3, {{b, "other"}})).assignment.empty());  // settled already
    CHECK(s.synced(s.sync(b, 3)).assignment == "y");
    // A follower that joins without a change hears what is; the leader asks for a new round.
    CHECK(s.joined(s.join(b)).generation == 3);
    CHECK(s.group->state() == group_state::stable);
    s.join(a);
    CHECK(s.group->state() == group_state::preparing_rebalance);
}

TEST_CASE("a change of a member's metadata while the leader assigns begins a new round", "[groups]") {
    classic_script s;
    const auto [a, b] = s.stable_pair();
    s.join(a);
    s.join(b);
    const auto waits = s.sync(a, 2);  // an old generation
    CHECK(s.synced(waits).error == group_errc::illegal_generation);
    auto changed = s.join_of(b, "u");
    const auto following = s.sync(b, 3);
    const auto rejoining = s.join(changed);
    CHECK(s.synced(following).error == group_errc::rebalance_in_progress);
    CHECK(s.group->state() == group_state::preparing_rebalance);
    s.join(a);
    CHECK(s.joined(rejoining).generation == 4);
}

TEST_CASE("wrong member, generation and protocol have each their error", "[groups]") {
    classic_script s;
    CHECK(s.heartbeat("x", 0) == group_errc::unknown_member_id);
    CHECK(s.synced(s.sync("x", 0)).error == group_errc::unknown_member_id);
    CHECK(s.joined(s.join("x")).error == group_errc::unknown_member_id);
    const auto [a, b] = s.stable_pair();
    CHECK(s.heartbeat(a, 1) == group_errc::illegal_generation);
    CHECK(s.heartbeat("x", 2) == group_errc::unknown_member_id);
    CHECK(s.synced(s.sync(a, 3)).error == group_errc::illegal_generation);
    CHECK(s.synced(s.sync("x", 2)).error == group_errc::unknown_member_id);
    groups::sync_request other{a, {}, 2, "connect", "range", {}};
    s.take(s.group->sync(1000, other, s.now));
    CHECK(s.synced(1000).error == group_errc::inconsistent_group_protocol);
    other.protocol_type = "consumer";
    other.protocol_name = "sticky";
    s.take(s.group->sync(1001, other, s.now));
    CHECK(s.synced(1001).error == group_errc::inconsistent_group_protocol);

    auto connect = s.join_of("");
    connect.protocol_type = "connect";
    CHECK(s.joined(s.join(connect)).error == group_errc::inconsistent_group_protocol);
    auto sticky = s.join_of("");
    sticky.protocols = {{"sticky", "t"}};
    CHECK(s.joined(s.join(sticky)).error == group_errc::inconsistent_group_protocol);
    auto hasty = s.join_of("");
    hasty.session_timeout_ms = 99;
    CHECK(s.joined(s.join(hasty)).error == group_errc::invalid_session_timeout);
    hasty.session_timeout_ms = 1'800'001;
    CHECK(s.joined(s.join(hasty)).error == group_errc::invalid_session_timeout);
    classic_script empty;
    auto nothing = s.join_of("");
    nothing.protocols.clear();
    CHECK(empty.joined(empty.join(nothing)).error == group_errc::inconsistent_group_protocol);
}

TEST_CASE("any protocol type is a group", "[groups]") {
    classic_script s;
    auto worker = s.join_of("");
    worker.protocol_type = "connect";
    worker.protocols = {{"sessioned", "?"}};
    const auto told = s.joined(s.join(worker));
    CHECK(told.protocol_type == "connect");
    s.sync(told.member_id, 1, {{told.member_id, "?"}});
    CHECK(s.group->state() == group_state::stable);
    CHECK(s.group->check_offset_delete() == group_errc::non_empty_group);
    CHECK(s.group->hold().every_topic);
}

TEST_CASE("the protocol with most votes among those that all know is chosen", "[groups]") {
    auto options = classic_script::default_options();
    options.initial_rebalance_delay_ms = 10;
    classic_script s(options);
    auto asked = s.join_of("");
    asked.protocols = {{"only-mine", "x"}, {"a", "x"}, {"b", "x"}};
    const auto first = s.join(asked);
    asked.protocols = {{"b", "x"}, {"a", "x"}};
    const auto second = s.join(asked);
    const auto third = s.join(asked);
    s.wait(5000);
    CHECK(s.joined(first).protocol_name == "b");
    CHECK(s.joined(second).protocol_name == "b");
    CHECK(s.joined(third).protocol_name == "b");
}

TEST_CASE("members leave, one or many, by member or instance id", "[groups]") {
    classic_script s;
    const auto [a, b] = s.stable_pair();
    const std::string waiting = s.enter(s.join_of(""));
    const auto told = s.leave({{b, {}}, {"x", {}}, {waiting, {}}, {"", "nobody"}});
    REQUIRE(told.members.size() == 4);
    CHECK_FALSE(told.members[0].error);
    CHECK(told.members[1].error == group_errc::unknown_member_id);
    CHECK_FALSE(told.members[2].error);
    CHECK(told.members[3].error == group_errc::unknown_member_id);
    CHECK(s.group->state() == group_state::preparing_rebalance);
    CHECK(s.joined(s.join(a)).generation == 3);
    s.sync(a, 3);
    const std::size_t before = s.changes;
    s.leave({{a, {}}});
    CHECK(s.group->state() == group_state::empty);
    CHECK(s.changes == before + 1);
    CHECK(s.group->idle());
    CHECK(s.group->hold().since == s.now);
    s.restart();
    CHECK(s.group->state() == group_state::empty);
    CHECK(s.group->view().epoch == 4);
    CHECK(s.group->protocol_type() == "consumer");
}

TEST_CASE("a full group takes nobody else", "[groups]") {
    auto options = classic_script::default_options();
    options.size_max = 2;
    classic_script s(options);
    const auto [a, b] = s.stable_pair();
    const auto third = s.joined(s.join(""));
    CHECK(third.error == group_errc::group_max_size_reached);
    CHECK(third.member_id.empty());
    CHECK(s.group->state() == group_state::stable);
    s.join(a);
    CHECK(s.group->state() == group_state::preparing_rebalance);
    const auto rejoining = s.join(b);
    CHECK(s.joined(rejoining).generation == 3);
}

TEST_CASE("offsets are taken from members of this generation only", "[groups]") {
    classic_script s;
    CHECK_FALSE(s.commit("", -1));  // nobody is in the group
    CHECK_FALSE(s.commit("x", -1));
    CHECK(s.commit("x", 1) == group_errc::unknown_member_id);
    const auto [a, b] = s.stable_pair();
    CHECK_FALSE(s.commit(a, 2));
    CHECK(s.commit(a, 1) == group_errc::illegal_generation);
    CHECK(s.commit("x", 2) == group_errc::unknown_member_id);
    CHECK(s.commit("", -1) == group_errc::unknown_member_id);
    s.join(a);
    s.join(b);
    CHECK(s.commit(a, 2) == group_errc::illegal_generation);
    CHECK(s.commit(a, 3) == group_errc::rebalance_in_progress);
}

TEST_CASE("a commit shows that the member lives", "[groups]") {
    classic_script s;
    const auto [a, b] = s.stable_pair();
    for (int i = 0; i < 4; ++i) {
        s.wait(900);
        CHECK_FALSE(s.commit(a, 2));
        CHECK_FALSE(s.commit(b, 2));
    }
}

TEST_CASE("what a group consumes is not deleted and does not expire", "[groups]") {
    classic_script s;
    const auto told = s.joined(s.join(s.join_of("", "t,u")));
    s.sync(told.member_id, 1);
    CHECK(s.group->subscribed("t"));
    CHECK(s.group->subscribed("u"));
    CHECK_FALSE(s.group->subscribed("v"));
    CHECK_FALSE(s.group->check_offset_delete());
    CHECK(s.group->hold().topics == std::vector<std::string>{"t", "u"});
    groups::effects none;
    CHECK(s.group->remove(none) == group_errc::non_empty_group);
    s.leave({{told.member_id, {}}});
    CHECK_FALSE(s.group->subscribed("t"));
    groups::effects gone;
    CHECK_FALSE(s.group->remove(gone));
    s.take(std::move(gone));
    CHECK(s.group->state() == group_state::dead);
    CHECK_FALSE(s.table.has("g"));
    CHECK(s.joined(s.join("")).error == group_errc::coordinator_not_available);
    CHECK(s.heartbeat("x", 1) == group_errc::coordinator_not_available);
}

TEST_CASE("after a crash the members go on without a rebalance", "[groups]") {
    classic_script s;
    const auto [a, b] = s.stable_pair();
    s.restart();
    CHECK(s.group->state() == group_state::stable);
    CHECK_FALSE(s.heartbeat(a, 2));
    CHECK_FALSE(s.commit(b, 2));
    CHECK(s.synced(s.sync(b, 2)).assignment == "2");
    CHECK(s.joined(s.join(b)).generation == 2);  // nothing changed for it
    const auto view = s.group->view();
    CHECK(view.protocol == "range");
    REQUIRE(view.members.size() == 2);
    CHECK(view.members[0].client.host == "/host");
    CHECK(view.members[0].assignment == "1");
    // Those that did not survive the crash themselves are found out.
    s.wait(999);
    CHECK_FALSE(s.heartbeat(a, 2));
    s.wait(1);
    CHECK(s.heartbeat(b, 2) == group_errc::unknown_member_id);
}

TEST_CASE("a crash in the middle of a rebalance goes back to what was durable", "[groups]") {
    classic_script s;
    const auto [a, b] = s.stable_pair();
    const std::string c = s.enter(s.join_of(""));
    s.join(c);
    s.join(a);
    s.join(b);
    CHECK(s.group->view().epoch == 3);
    s.restart();
    CHECK(s.heartbeat(a, 3) == group_errc::illegal_generation);
    CHECK(s.heartbeat(c, 3) == group_errc::unknown_member_id);
    CHECK_FALSE(s.heartbeat(b, 2));
}

TEST_CASE("a view shows members always, what they were given only while it holds", "[groups]") {
    classic_script s;
    const auto [a, b] = s.stable_pair();
    CHECK(s.group->view().members.at(0).metadata == "t");
    s.join(a);
    const auto view = s.group->view();
    CHECK(view.state == group_state::preparing_rebalance);
    CHECK(view.members.size() == 2);
    CHECK(view.members[0].metadata.empty());
    CHECK(view.protocol.empty());
    CHECK(name_of(view.state) == "PreparingRebalance");
}
