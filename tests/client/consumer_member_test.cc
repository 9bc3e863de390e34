#include "client/group/consumer_member.h"

#include "support/catch.h"

using namespace imago;
using namespace imago::client;
using namespace std::chrono_literals;

namespace {

const uuid topic_t = [] {
    uuid id;
    id.bytes[0] = 1;
    return id;
}();
const uuid topic_u = [] {
    uuid id;
    id.bytes[0] = 2;
    return id;
}();

partition_set of(std::initializer_list<std::int32_t> partitions) {
    partition_set made;
    for (const std::int32_t each : partitions) made.insert({"t", each});
    return made;
}

struct script {
    consumer_member member;
    steady_time now{1000s};

    explicit script(std::string instance = {}, std::vector<std::string> topics = {"t"}, std::string pattern = {})
        : member(options(std::move(instance)), client_options{}, "me") {
        member.subscribe(std::move(topics), std::move(pattern));
    }
    static group_options options(std::string instance) {
        group_options how;
        how.group = "g";
        how.protocol = group_protocol::consumer;
        how.instance_id = std::move(instance);
        how.max_poll_interval = 60s;
        return how;
    }
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
    void answer(std::int32_t epoch, std::optional<std::vector<std::int32_t>> assigned = std::nullopt) {
        consumer_heartbeat_answer given;
        given.epoch = epoch;
        given.interval = 5s;
        if (assigned) {
            given.assignment.emplace();
            if (!assigned->empty()) (*given.assignment)[topic_t] = *assigned;
        }
        member.consumer_heartbeat_answered(given, now);
    }
    void refuse(std::error_code error) {
        consumer_heartbeat_answer given;
        given.error = error;
        member.consumer_heartbeat_answered(given, now);
    }
    group_action::consumer_heartbeat heartbeat() { return expect<group_action::consumer_heartbeat>(); }
    /// In the group at `epoch`, owning these, and told so.
    void own(std::int32_t epoch, std::vector<std::int32_t> partitions) {
        CHECK(heartbeat().epoch == 0);
        answer(epoch, std::vector<std::int32_t>{});
        CHECK(heartbeat().owned.has_value());
        answer(epoch, partitions);
        CHECK(expect<group_action::name_topics>().ids == std::vector<uuid>{topic_t});
        member.named({{topic_t, "t"}}, now);
        const auto confirmed = heartbeat();
        CHECK(confirmed.epoch == epoch);
        CHECK(confirmed.owned == std::map<uuid, std::vector<std::int32_t>>{{topic_t, partitions}});
        answer(epoch);
        const auto event = member.take_event();
        REQUIRE(event);
        CHECK(event->change == rebalance::assigned);
    }
};

}  // namespace

TEST_CASE("a member joins at epoch 0 with all it has to say, and then says what changed", "[client]") {
    script s;
    const auto join = s.heartbeat();
    CHECK(join.member_id == "me");
    CHECK(join.epoch == 0);
    CHECK(join.full);
    CHECK(join.topics == std::vector<std::string>{"t"});
    REQUIRE(join.owned.has_value());
    CHECK(join.owned->empty());
    s.answer(1);
    s.idle_for(5s);
    s.now += 5s;
    const auto next = s.heartbeat();
    CHECK(next.epoch == 1);
    CHECK(!next.full);
    CHECK(!next.topics);
    CHECK(!next.pattern);
    CHECK(!next.owned);
    s.answer(1);
    s.member.subscribe({"t", "u"}, {});
    CHECK(s.heartbeat().topics == std::vector<std::string>{"t", "u"});
}

TEST_CASE("a pattern is the server's to understand", "[client]") {
    script s({}, {}, "t.*");
    const auto join = s.heartbeat();
    CHECK(join.pattern == "t.*");
    REQUIRE(join.topics.has_value());
    CHECK(join.topics->empty());
    s.answer(1);
    s.member.subscribe({"t"}, {});
    const auto next = s.heartbeat();
    CHECK(next.pattern == "");
    CHECK(next.topics == std::vector<std::string>{"t"});
}

TEST_CASE("what stays is never told as going, and what comes waits for what goes", "[client]") {
    script s;
    s.own(2, {0, 1, 2});
    s.now += 5s;
    s.heartbeat();
    s.answer(3, std::vector<std::int32_t>{2, 3});
    s.told(rebalance::revoked, of({0, 1}));
    s.told_nothing();
    CHECK(s.member.owned() == of({0, 1, 2}));
    s.idle_for(5s);
    s.now += 5s;
    CHECK(!s.heartbeat().owned);  // alive, but not done yet
    s.answer(3);
    s.member.given_up();
    s.told(rebalance::assigned, of({3}));
    CHECK(s.heartbeat().owned == std::map<uuid, std::vector<std::int32_t>>{{topic_t, {2, 3}}});
    s.answer(3);
    s.idle_for(5s);
}

TEST_CASE("topics that nobody can name yet are asked for again", "[client]") {
    script s;
    s.heartbeat();
    s.answer(1, std::vector<std::int32_t>{0});
    s.expect<group_action::name_topics>();
    s.member.named({}, s.now);
    s.told_nothing();
    s.heartbeat();  // of what it owns now: nothing
    s.answer(1);
    s.idle_for(1s);
    s.now += 1s;
    s.expect<group_action::name_topics>();
    s.member.failed(make_error_code(client_errc::connection_lost), s.now);
    s.now += 100ms;
    s.expect<group_action::name_topics>();
    s.member.named({{topic_t, "t"}}, s.now);
    s.told(rebalance::assigned, of({0}));
}

TEST_CASE("a fenced member loses all and joins again as itself", "[client]") {
    const auto error = GENERATE(kafka_errc::fenced_member_epoch, kafka_errc::unknown_member_id);
    script s;
    s.own(2, {0, 1});
    s.now += 5s;
    s.heartbeat();
    s.refuse(error);
    s.told(rebalance::lost, of({0, 1}));
    CHECK(s.member.owned().empty());
    s.idle_for(100ms);
    s.now += 100ms;
    const auto join = s.heartbeat();
    CHECK(join.epoch == 0);
    CHECK(join.full);
    CHECK(join.owned->empty());
    s.answer(4, std::vector<std::int32_t>{0});
    s.told(rebalance::assigned, of({0}));  // the name is still known
}

TEST_CASE("after trouble with the coordinator everything is said again", "[client]") {
    script s;
    s.own(2, {0});
    s.now += 5s;
    s.heartbeat();
    const int trouble = GENERATE(0, 1, 2, 3);
    if (trouble == 0) s.member.failed(make_error_code(client_errc::timed_out), s.now);
    else if (trouble == 1) s.refuse(kafka_errc::not_coordinator);
    else if (trouble == 2) s.refuse(kafka_errc::coordinator_not_available);
    else s.refuse(kafka_errc::coordinator_load_in_progress);
    CHECK(s.member.take_coordinator_lost() == (trouble < 3));
    s.told_nothing();
    s.idle_for(100ms);
    s.now += 100ms;
    const auto again = s.heartbeat();
    CHECK(again.epoch == 2);
    CHECK(again.full);
    CHECK(again.topics == std::vector<std::string>{"t"});
    CHECK(again.owned == std::map<uuid, std::vector<std::int32_t>>{{topic_t, {0}}});
}

TEST_CASE("joining is tried again while the instance id is still taken", "[client]") {
    script s("i");
    s.heartbeat();
    s.refuse(kafka_errc::unreleased_instance_id);
    s.idle_for(100ms);
    s.now += 100ms;
    CHECK(s.heartbeat().epoch == 0);
    s.answer(1);
    s.idle_for(5s);
}

TEST_CASE("errors that do not pass end the member, joining or joined", "[client]") {
    const auto error = GENERATE(kafka_errc::group_authorization_failed, kafka_errc::fenced_instance_id,
                                kafka_errc::unsupported_assignor, kafka_errc::invalid_regular_expression,
                                kafka_errc::group_max_size_reached, kafka_errc::invalid_request);
    const bool owning = GENERATE(false, true);
    script s;
    if (owning) {
        s.own(2, {0});
        s.now += 5s;
    }
    s.heartbeat();
    s.refuse(error);
    CHECK(s.expect<group_action::ended>().error == error);
    if (owning) s.told(rebalance::lost, of({0}));
    s.told_nothing();
}

TEST_CASE("an assignment that changes while partitions are let go is followed to the end", "[client]") {
    script s;
    s.own(2, {0, 1});
    s.now += 5s;
    s.heartbeat();
    s.answer(3, std::vector<std::int32_t>{1});
    s.told(rebalance::revoked, of({0}));
    s.now += 5s;
    s.heartbeat();
    s.answer(4, std::vector<std::int32_t>{0});  // back, and the other one goes
    s.member.given_up();
    CHECK(s.member.owned() == of({1}));
    s.told(rebalance::revoked, of({1}));
    s.member.given_up();
    s.told(rebalance::assigned, of({0}));
    CHECK(s.heartbeat().owned == std::map<uuid, std::vector<std::int32_t>>{{topic_t, {0}}});
}

TEST_CASE("an application that does not pull is out of the group, and comes back with the next pull", "[client]") {
    const bool is_static = GENERATE(false, true);
    const bool answered = GENERATE(false, true);
    script s(is_static ? "i" : "");
    s.own(2, {0});
    s.member.polled(s.now);
    s.now += 60s;
    CHECK(s.heartbeat().epoch == (is_static ? -2 : -1));
    if (answered) s.answer(-1);
    else s.member.failed(make_error_code(client_errc::timed_out), s.now);
    s.told(rebalance::lost, of({0}));
    CHECK(s.expect<group_action::idle>().until == steady_time::max());
    s.member.polling();
    s.now += 1s;
    CHECK(s.heartbeat().epoch == 0);
}

TEST_CASE("closing says goodbye, and ends whatever the answer", "[client]") {
    const bool is_static = GENERATE(false, true);
    const int outcome = GENERATE(0, 1, 2);
    script s(is_static ? "i" : "");
    s.own(2, {0});
    s.member.leave();
    CHECK(s.heartbeat().epoch == (is_static ? -2 : -1));
    if (outcome == 0) s.answer(is_static ? -2 : -1);
    else if (outcome == 1) s.refuse(kafka_errc::unknown_member_id);
    else s.member.failed(make_error_code(client_errc::connection_lost), s.now);
    CHECK(!s.expect<group_action::ended>().error);
    s.told(rebalance::lost, of({0}));
}

TEST_CASE("who never joined ends at once", "[client]") {
    script s;
    s.heartbeat();
    s.member.leave();
    s.member.failed(make_error_code(client_errc::closed), s.now);
    CHECK(!s.expect<group_action::ended>().error);
}
