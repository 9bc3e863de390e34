#include "client/group/classic_member.h"

#include "support/catch.h"

using namespace imago;
using namespace imago::client;
using namespace std::chrono_literals;

namespace {

partition_set of(std::initializer_list<std::int32_t> partitions) {
    partition_set made;
    for (const std::int32_t each : partitions) made.insert({"t", each});
    return made;
}

group_options options(std::vector<std::string> assignors, std::string instance = {}) {
    group_options how;
    how.group = "g";
    how.assignors = std::move(assignors);
    how.instance_id = std::move(instance);
    how.heartbeat_interval = 3s;
    how.max_poll_interval = 60s;
    return how;
}

/// A member and the script of what happens to it.
struct script {
    classic_member member;
    steady_time now{1000s};

    explicit script(group_options how) : member(how, client_options{}) { member.subscribe({"t"}, {}); }

    template <class Action>
    Action expect() {
        member_action action = member.next(now);
        auto* got = std::get_if<Action>(&action);
        INFO("action " << action.index());
        REQUIRE(got != nullptr);
        return std::move(*got);
    }
    void idle_for(steady_time::duration time) { CHECK(expect<group_action::idle>().until == now + time); }
    void told(rebalance change, const partition_set& partitions) {
        const auto event = member.take_event();
        REQUIRE(event);
        CHECK(event->change == change);
        CHECK(event->partitions == partitions);
    }
    void told_nothing() { CHECK(!member.has_event()); }
    /// Joins as a follower.
    void join(std::int32_t generation, const char* protocol = "cooperative-sticky") {
        expect<group_action::join>();
        join_answer answer;
        answer.generation = generation;
        answer.member_id = "me";
        answer.leader = "another";
        answer.protocol = protocol;
        member.joined(answer, now);
    }
    void sync(const partition_set& assigned) {
        const auto action = expect<group_action::sync>();
        CHECK(action.member_id == "me");
        CHECK(action.assignments.empty());
        sync_answer answer;
        answer.assignment = encode_assignment(assigned);
        member.synced(answer, now);
    }
    void heartbeat(std::error_code error = {}) {
        now += 3s;
        expect<group_action::heartbeat>();
        member.heartbeat_answered(error, now);
    }
    void fail_join(std::error_code error) {
        expect<group_action::join>();
        join_answer answer;
        answer.error = error;
        member.joined(answer, now);
    }
    void fail_sync(std::error_code error) {
        expect<group_action::sync>();
        sync_answer answer;
        answer.error = error;
        member.synced(answer, now);
    }
};

group_subscription said(const group_action::join& action, std::size_t protocol = 0) {
    return decode_subscription(action.protocols.at(protocol).metadata).value();
}

}  // namespace

TEST_CASE("a member that must have an id joins again with the one it is given", "[client]") {
    script s(options({"range"}));
    CHECK(s.expect<group_action::join>().member_id.empty());
    join_answer answer;
    answer.error = kafka_errc::member_id_required;
    answer.member_id = "given";
    s.member.joined(answer, s.now);
    CHECK(s.expect<group_action::join>().member_id == "given");
}

TEST_CASE("the leader counts the partitions and assigns for all", "[client]") {
    script s(options({"range"}));
    const auto sent = s.expect<group_action::join>();
    join_answer answer;
    answer.generation = 1;
    answer.member_id = answer.leader = "me";
    answer.protocol = "range";
    answer.members.push_back({"me", {}, sent.protocols[0].metadata});
    group_subscription other;
    other.topics = {"t", "u"};
    answer.members.push_back({"other", {}, encode_subscription(other, false)});
    s.member.joined(answer, s.now);
    CHECK(s.expect<group_action::count_partitions>().topics == std::vector<std::string>{"t", "u"});
    s.member.failed(make_error_code(client_errc::connection_lost), s.now);
    s.idle_for(100ms);
    s.now += 100ms;
    s.expect<group_action::count_partitions>();
    s.member.counted({{"t", 4}, {"u", 1}}, s.now);
    const auto sync = s.expect<group_action::sync>();
    CHECK(decode_assignment(sync.assignments.at("me")).value() == of({0, 1}));
    CHECK(decode_assignment(sync.assignments.at("other")).value().size() == 3);
    sync_answer mine;
    mine.assignment = sync.assignments.at("me");
    s.member.synced(mine, s.now);
    s.told(rebalance::assigned, of({0, 1}));

    SECTION("and joins again when a topic has grown") {
        for (int i = 0; i < 99; ++i) s.heartbeat();
        s.now += 3s;
        s.expect<group_action::count_partitions>();  // five minutes later
        s.member.counted({{"t", 4}, {"u", 1}}, s.now);
        s.expect<group_action::heartbeat>();
        s.member.heartbeat_answered({}, s.now);
        for (int i = 0; i < 99; ++i) s.heartbeat();
        s.now += 3s;
        s.expect<group_action::count_partitions>();
        s.member.counted({{"t", 5}, {"u", 1}}, s.now);
        s.expect<group_action::heartbeat>();  // eager: what it has must be given up first
        s.member.heartbeat_answered({}, s.now);
        s.told(rebalance::revoked, of({0, 1}));
        s.member.given_up();
        s.expect<group_action::join>();
    }
}

TEST_CASE("an eager member gives up everything before it joins, and heartbeats meanwhile", "[client]") {
    script s(options({"cooperative-sticky", "range"}));  // eager, for not all of them are cooperative
    s.join(1, "range");
    s.sync(of({0, 1}));
    s.told(rebalance::assigned, of({0, 1}));
    s.idle_for(3s);
    s.heartbeat(kafka_errc::rebalance_in_progress);
    s.idle_for(3s);
    s.told(rebalance::revoked, of({0, 1}));
    s.heartbeat(kafka_errc::rebalance_in_progress);
    CHECK(s.member.owned() == of({0, 1}));
    s.member.given_up();
    const auto again = s.expect<group_action::join>();
    CHECK(again.member_id == "me");
    CHECK(said(again).owned.empty());
    s.told_nothing();
}

TEST_CASE("a cooperative member keeps what stays through a rebalance", "[client]") {
    script s(options({"cooperative-sticky"}));
    s.join(1);
    s.sync(of({0, 1, 2, 3}));
    s.told(rebalance::assigned, of({0, 1, 2, 3}));
    s.heartbeat(kafka_errc::rebalance_in_progress);
    s.told_nothing();
    const auto sent = said(s.expect<group_action::join>());
    CHECK(sent.owned == of({0, 1, 2, 3}));
    CHECK(sent.generation == 1);
    s.join(2);
    s.sync(of({2, 3}));
    s.told(rebalance::revoked, of({0, 1}));
    CHECK(s.member.owned() == of({0, 1, 2, 3}));
    s.idle_for(3s);  // until the application has let go
    s.heartbeat();
    s.member.given_up();
    CHECK(s.member.owned() == of({2, 3}));
    const auto next = said(s.expect<group_action::join>());  // so that others get them
    CHECK(next.owned == of({2, 3}));
    CHECK(next.generation == 2);
    s.join(3);
    s.sync(of({2, 3}));
    s.told_nothing();
}

TEST_CASE("what was assigned and not yet told is taken back without a word", "[client]") {
    script s(options({"cooperative-sticky"}));
    s.join(1);
    s.sync(of({0, 1}));
    s.heartbeat(kafka_errc::rebalance_in_progress);
    s.join(2);
    s.sync(of({1}));
    CHECK(s.member.owned() == of({1}));
    s.join(3);
    s.sync(of({1}));
    s.told(rebalance::assigned, of({1}));
    s.told_nothing();
}

TEST_CASE("a member that the group does not know any more loses all and joins as a new one", "[client]") {
    script s(options({"cooperative-sticky"}));
    s.join(1);
    s.sync(of({0}));
    s.told(rebalance::assigned, of({0}));
    const bool by_id = GENERATE(true, false);
    s.heartbeat(by_id ? kafka_errc::unknown_member_id : kafka_errc::illegal_generation);
    s.told(rebalance::lost, of({0}));
    CHECK(s.member.owned().empty());
    CHECK(s.member.generation() == -1);
    s.idle_for(100ms);
    s.now += 100ms;
    const auto again = s.expect<group_action::join>();
    CHECK(again.member_id == (by_id ? "" : "me"));
    CHECK(said(again).generation == -1);
}

TEST_CASE("losing everything settles what was revoked and what was not told", "[client]") {
    script s(options({"cooperative-sticky"}));
    s.join(1);
    s.sync(of({0, 1}));
    s.told(rebalance::assigned, of({0, 1}));
    s.heartbeat(kafka_errc::rebalance_in_progress);
    s.join(2);
    s.sync(of({1, 2}));
    s.told(rebalance::revoked, of({0}));
    s.heartbeat(kafka_errc::unknown_member_id);
    s.told(rebalance::lost, of({1}));  // 0 was told as going, 2 was never told
    s.told_nothing();
    s.member.given_up();  // too late to matter
    CHECK(s.member.owned().empty());
}

TEST_CASE("errors that pass are tried again at each step, with a growing pause", "[client]") {
    const auto error = GENERATE(make_error_code(kafka_errc::coordinator_not_available),
                                make_error_code(kafka_errc::not_coordinator),
                                make_error_code(kafka_errc::coordinator_load_in_progress));
    const bool elsewhere = error != kafka_errc::coordinator_load_in_progress;
    script s(options({"range"}));
    s.fail_join(error);
    CHECK(s.member.take_coordinator_lost() == elsewhere);
    s.idle_for(100ms);
    s.now += 100ms;
    s.fail_join(error);
    s.idle_for(200ms);
    s.now += 200ms;
    s.join(1, "range");
    s.fail_sync(error);
    s.idle_for(100ms);
    s.now += 100ms;
    s.sync(of({0}));
    s.told(rebalance::assigned, of({0}));
    s.heartbeat(error);
    s.idle_for(100ms);
    s.now += 3s;
    s.expect<group_action::heartbeat>();
    CHECK(s.member.owned() == of({0}));  // nothing is lost by that
}

TEST_CASE("an answer that never comes is asked for again at each step", "[client]") {
    const std::error_code lost = make_error_code(client_errc::connection_lost);
    script s(options({"range"}));
    s.expect<group_action::join>();
    s.member.failed(lost, s.now);
    CHECK(s.member.take_coordinator_lost());
    CHECK(!s.member.take_coordinator_lost());
    s.now += 100ms;
    s.join(1, "range");
    s.expect<group_action::sync>();
    s.member.failed(lost, s.now);
    s.now += 100ms;
    s.sync(of({0}));
    s.now += 3s;
    s.expect<group_action::heartbeat>();
    s.member.failed(lost, s.now);
    s.idle_for(100ms);
    s.now += 100ms;
    s.expect<group_action::heartbeat>();
    s.member.heartbeat_answered({}, s.now);
    CHECK(s.member.owned() == of({0}));
}

TEST_CASE("a rebalance that overtakes a sync means joining again", "[client]") {
    script s(options({"range"}));
    s.join(1, "range");
    s.fail_sync(kafka_errc::rebalance_in_progress);
    s.join(2, "range");
    s.fail_sync(kafka_errc::unknown_member_id);
    s.now += 100ms;
    CHECK(s.expect<group_action::join>().member_id.empty());
    s.told_nothing();
}

TEST_CASE("errors that do not pass end the membership, at each step", "[client]") {
    const auto error = GENERATE(kafka_errc::group_authorization_failed, kafka_errc::fenced_instance_id,
                                kafka_errc::inconsistent_group_protocol, kafka_errc::group_max_size_reached,
                                kafka_errc::invalid_session_timeout);
    const int step = GENERATE(0, 1, 2);
    script s(options({"range"}));
    if (step == 0) {
        s.fail_join(error);
    } else {
        s.join(1, "range");
        if (step == 1) {
            s.fail_sync(error);
        } else {
            s.sync(of({0}));
            s.told(rebalance::assigned, of({0}));
            s.heartbeat(error);
            s.told(rebalance::lost, of({0}));
        }
    }
    CHECK(s.expect<group_action::ended>().error == error);
    CHECK(s.member.error() == error);
    s.told_nothing();
}

TEST_CASE("answers that make no sense end the membership", "[client]") {
    script s(options({"range"}));
    SECTION("an assignor that was not offered") {
        s.join(1, "unheard-of");
        CHECK(s.expect<group_action::ended>().error == kafka_errc::inconsistent_group_protocol);
    }
    SECTION("bytes that are no assignment") {
        s.join(1, "range");
        sync_answer answer;
        answer.assignment = std::vector<std::byte>(3);
        s.expect<group_action::sync>();
        s.member.synced(answer, s.now);
        CHECK(s.expect<group_action::ended>().error == client_errc::bad_response);
    }
}

TEST_CASE("an application that does not pull is out of the group until it does", "[client]") {
    const bool is_static = GENERATE(false, true);
    script s(options({"cooperative-sticky"}, is_static ? "i" : ""));
    s.join(1);
    s.sync(of({0}));
    s.told(rebalance::assigned, of({0}));
    s.member.polled(s.now);
    for (int i = 0; i < 19; ++i) s.heartbeat();
    s.idle_for(3s);
    s.now += 3s;
    if (!is_static) {
        CHECK(s.expect<group_action::leave>().member_id == "me");
        s.member.left();
    }
    CHECK(s.expect<group_action::idle>().until == steady_time::max());  // static: its session is left to expire
    s.told(rebalance::lost, of({0}));
    s.member.polling();
    CHECK(s.expect<group_action::join>().member_id.empty());
}

TEST_CASE("while the application waits for records it is not too silent", "[client]") {
    script s(options({"cooperative-sticky"}));
    s.join(1);
    s.sync(of({0}));
    s.member.polling();
    for (int i = 0; i < 100; ++i) s.heartbeat();
    CHECK(s.member.owned() == of({0}));
}

TEST_CASE("closing leaves the group, but a static member only goes", "[client]") {
    const bool is_static = GENERATE(false, true);
    const bool answered = GENERATE(false, true);
    script s(options({"cooperative-sticky"}, is_static ? "i" : ""));
    s.join(1);
    s.sync(of({0}));
    s.told(rebalance::assigned, of({0}));
    s.member.leave();
    if (!is_static) {
        s.expect<group_action::leave>();
        if (answered) s.member.left();
        else s.member.failed(make_error_code(client_errc::timed_out), s.now);
    }
    CHECK(!s.expect<group_action::ended>().error);
    s.told(rebalance::lost, of({0}));
}

TEST_CASE("a change of the subscription joins again, also in the middle of a round", "[client]") {
    script s(options({"cooperative-sticky"}));
    s.expect<group_action::join>();
    s.member.subscribe({"t", "u"}, {});
    join_answer answer;
    answer.generation = 1;
    answer.member_id = "me";
    answer.leader = "another";
    answer.protocol = "cooperative-sticky";
    s.member.joined(answer, s.now);
    s.sync(of({0, 1}));
    s.told(rebalance::assigned, of({0, 1}));
    CHECK(said(s.expect<group_action::join>()).topics == std::vector<std::string>{"t", "u"});
    s.member.joined(answer, s.now);
    s.sync(of({0, 1}));
    s.told_nothing();
    s.member.subscribe({"u"}, {});
    s.idle_for(3s);
    s.told(rebalance::revoked, of({0, 1}));
    s.member.given_up();
    CHECK(said(s.expect<group_action::join>()).topics == std::vector<std::string>{"u"});
}
