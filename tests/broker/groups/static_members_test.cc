#include "classic_script.h"

using namespace imago;
using namespace imago::test;

namespace {

groups::join_request static_join(std::string instance, std::string member = "", bool skip = true) {
    auto asked = classic_script::join_of(std::move(member));
    asked.instance = std::move(instance);
    asked.member_id_required = true;  // does not apply to them
    asked.can_skip_assignment = skip;
    return asked;
}

/// Leader i1 and follower i2.
struct static_pair : classic_script {
    static_pair() {
        a = joined(join(static_join("i1"))).member_id;
        sync(a, 1, {{a, "all"}}, "i1");
        const auto second = join(static_join("i2"));
        join(static_join("i1", a));
        b = joined(second).member_id;
        const auto waits = sync(b, 2, {}, "i2");
        sync(a, 2, {{a, "1"}, {b, "2"}}, "i1");
        CHECK(synced(waits).assignment == "2");
        CHECK(group->state() == group_state::stable);
    }
    std::string a;
    std::string b;
};

}  // namespace

TEST_CASE("a static member is let in at once and named after its instance", "[groups]") {
    classic_script s;
    const auto told = s.joined(s.join(static_join("i1")));
    CHECK_FALSE(told.error);
    CHECK(told.member_id == "i1-1");
    CHECK(told.members.at(0).instance == "i1");
}

TEST_CASE("a static member that comes back takes its place without a rebalance", "[groups]") {
    static_pair s;
    const std::size_t before = s.changes;
    const auto told = s.joined(s.join(static_join("i2")));
    CHECK_FALSE(told.error);
    CHECK(told.generation == 2);
    CHECK(told.member_id != s.b);
    CHECK(told.leader == s.a);
    CHECK_FALSE(told.skip_assignment);
    CHECK(s.changes == before + 1);  // its new id is durable
    CHECK(s.group->state() == group_state::stable);
    CHECK(s.synced(s.sync(told.member_id, 2, {}, "i2")).assignment == "2");
    CHECK_FALSE(s.heartbeat(s.a, 2, "i1"));
    s.restart();
    CHECK_FALSE(s.heartbeat(told.member_id, 2, "i2"));
    CHECK(s.heartbeat(s.b, 2, "i2") == group_errc::fenced_instance_id);
}

TEST_CASE("the one before it is fenced", "[groups]") {
    static_pair s;
    const auto told = s.joined(s.join(static_join("i2")));
    CHECK(s.heartbeat(s.b, 2, "i2") == group_errc::fenced_instance_id);
    CHECK(s.commit(s.b, 2, "i2") == group_errc::fenced_instance_id);
    CHECK(s.synced(s.sync(s.b, 2, {}, "i2")).error == group_errc::fenced_instance_id);
    CHECK(s.joined(s.join(static_join("i2", s.b))).error == group_errc::fenced_instance_id);
    CHECK(s.leave({{s.b, "i2"}}).members.at(0).error == group_errc::fenced_instance_id);
    CHECK(s.heartbeat(s.b, 2) == group_errc::unknown_member_id);
    CHECK(s.heartbeat(s.b, 2, "i3") == group_errc::unknown_member_id);
    CHECK_FALSE(s.commit(told.member_id, 2, "i2"));
}

TEST_CASE("a leader that comes back skips the assignment if it can", "[groups]") {
    static_pair s;
    const auto told = s.joined(s.join(static_join("i1")));
    CHECK(told.leader == told.member_id);
    CHECK(told.skip_assignment);
    CHECK(told.members.size() == 2);
    CHECK(s.synced(s.sync(told.member_id, 2, {}, "i1")).assignment == "1");

    static_pair old;
    const auto before = old.joined(old.join(static_join("i1", "", false)));
    CHECK(before.leader == old.a);  // it must not take itself for the leader
    CHECK(before.members.empty());
    CHECK_FALSE(before.skip_assignment);
}

TEST_CASE("a static member that comes back with other protocols begins a rebalance", "[groups]") {
    static_pair s;
    auto both = static_join("i1", s.a);
    both.protocols = {{"range", "t"}, {"sticky", "t"}};
    s.join(both);
    both = static_join("i2", s.b);
    both.protocols = {{"range", "t"}, {"sticky", "t"}};
    s.join(both);
    CHECK(s.group->state() == group_state::completing_rebalance);
    s.sync(s.a, 3, {}, "i1");
    s.sync(s.b, 3, {}, "i2");
    auto other = static_join("i2");
    other.protocols = {{"sticky", "t"}};
    s.join(other);
    CHECK(s.group->state() == group_state::preparing_rebalance);
}

TEST_CASE("a static member that comes back while the leader assigns begins a new round", "[groups]") {
    static_pair s;
    s.join(static_join("i1", s.a));
    s.join(static_join("i2", s.b));
    const auto waits = s.sync(s.b, 3, {}, "i2");
    const auto rejoining = s.join(static_join("i2"));
    CHECK(s.synced(waits).error == group_errc::fenced_instance_id);
    CHECK(s.group->state() == group_state::preparing_rebalance);
    s.join(static_join("i1", s.a));
    CHECK(s.joined(rejoining).generation == 4);
}

TEST_CASE("a waiting JoinGroup of the one before is fenced too", "[groups]") {
    static_pair s;
    const auto old = s.join(static_join("i1", s.a));  // leader: a new round
    CHECK_FALSE(s.answered(old));
    const auto fresh = s.join(static_join("i1"));
    CHECK(s.joined(old).error == group_errc::fenced_instance_id);
    s.join(static_join("i2", s.b));
    CHECK(s.joined(fresh).generation == 3);
}

TEST_CASE("static members are away for as long as their session, and a rebalance keeps their place", "[groups]") {
    static_pair s;
    const auto rejoining = s.join(static_join("i1", s.a));
    // i2 does not rejoin, but its session is kept alive: it stays with an assignment.
    for (int i = 0; i < 10; ++i) {
        s.wait(500);
        if (i < 9) CHECK(s.heartbeat(s.b, 2, "i2") == group_errc::rebalance_in_progress);
    }
    const auto told = s.joined(rejoining);
    CHECK(told.generation == 3);
    CHECK(told.members.size() == 2);
}

TEST_CASE("an administrator takes a static member out by its instance", "[groups]") {
    static_pair s;
    const auto told = s.leave({{"", "i2"}});
    CHECK_FALSE(told.members.at(0).error);
    CHECK(s.group->state() == group_state::preparing_rebalance);
    CHECK(s.heartbeat(s.b, 2, "i2") == group_errc::unknown_member_id);
}
