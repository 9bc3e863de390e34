// Groups of the classic protocol by script, over real connections.
#include "kafka_server.h"
#include "server/kafka/subscription_bytes.h"
#include "wire/kafka/consumer_protocol.h"
#include "wire/kafka/delete_groups.h"
#include "wire/kafka/describe_groups.h"
#include "wire/kafka/heartbeat.h"
#include "wire/kafka/join_group.h"
#include "wire/kafka/leave_group.h"
#include "wire/kafka/list_groups.h"
#include "wire/kafka/offset_commit.h"
#include "wire/kafka/offset_delete.h"
#include "wire/kafka/offset_fetch.h"
#include "wire/kafka/sync_group.h"

namespace imago::test {

namespace groups = imago::broker::groups;

namespace {

struct group_server : kafka_server {
    group_server()
        : kafka_server({}, {{"num.partitions", "4"}, {"group.initial.rebalance.delay.ms", "0"}}) {}
};

/// A member that speaks one version of each message.
struct member {
    member(kafka_server& server, std::string topic, std::int16_t join_version = 9)
        : client(server), version(join_version) {
        wire::consumer_subscription subscription;
        subscription.topics = {std::move(topic)};
        metadata = wire::encode(subscription);
    }

    wire::join_group_request join_request() const {
        wire::join_group_request asked;
        asked.group_id = "g";
        asked.session_timeout_ms = 10'000;
        asked.rebalance_timeout_ms = 20'000;
        asked.member_id = id;
        asked.protocol_type = "consumer";
        asked.protocols.push_back({"range", as_bytes(metadata)});
        return asked;
    }
    wire::join_group_response join() {
        auto told = client.call<wire::join_group_response>(version, join_request());
        id = told.member_id;
        if (told.error_code == code(kafka_error::member_id_required)) {
            told = client.call<wire::join_group_response>(version, join_request());
        }
        generation = told.generation_id;
        return told;
    }
    std::int16_t sync(std::vector<std::pair<std::string, std::string>> assignments) {
        wire::sync_group_request asked;
        asked.group_id = "g";
        asked.generation_id = generation;
        asked.member_id = id;
        for (const auto& [who, what] : assignments) asked.assignments.push_back({who, as_bytes(what)});
        const auto told = client.call<wire::sync_group_response>(5, asked);
        assignment = as_text(told.assignment);
        return told.error_code;
    }
    std::int16_t heartbeat() {
        wire::heartbeat_request asked;
        asked.group_id = "g";
        asked.generation_id = generation;
        asked.member_id = id;
        return client.call<wire::heartbeat_response>(4, asked).error_code;
    }
    std::int16_t commit(std::int64_t offset, std::int16_t commit_version = 9) {
        wire::offset_commit_request asked;
        asked.group_id = "g";
        asked.generation_id_or_member_epoch = generation;
        asked.member_id = id;
        asked.topics.push_back({.name = "t", .partitions = {{0, offset, -1, ""}}});
        return client.call<wire::offset_commit_response>(commit_version, asked).topics.at(0).partitions.at(0).error_code;
    }

    kafka_client client;
    std::int16_t version;
    std::string metadata;
    std::string id;
    std::int32_t generation = -1;
    std::string assignment;
};

}  // namespace

TEST_CASE("a member joins, syncs, heartbeats, commits, is described and leaves", "[kafka][groups]") {
    group_server server;
    member one(server, "t");
    one.client.create_topic("t", 4);
    const auto joined = one.join();
    CHECK(joined.error_code == 0);
    CHECK(joined.protocol_type == "consumer");
    CHECK(joined.protocol_name == "range");
    CHECK(joined.leader == one.id);
    CHECK(one.id.rfind("test-", 0) == 0);
    REQUIRE(joined.members.size() == 1);
    CHECK(as_text(joined.members[0].metadata) == one.metadata);
    CHECK(one.commit(1) == code(kafka_error::rebalance_in_progress));
    CHECK(one.sync({{one.id, "mine"}}) == 0);
    CHECK(one.assignment == "mine");
    CHECK(one.heartbeat() == 0);
    CHECK(one.commit(7) == 0);
    ++one.generation;
    CHECK(one.heartbeat() == code(kafka_error::illegal_generation));
    CHECK(one.commit(8) == code(kafka_error::illegal_generation));
    --one.generation;

    wire::offset_fetch_request fetch;
    fetch.groups.push_back({.group_id = "g", .topics = std::nullopt});
    CHECK(one.client.call<wire::offset_fetch_response>(9, fetch)
              .groups.at(0).topics.at(0).partitions.at(0).committed_offset == 7);

    const auto described =
        one.client.call<wire::describe_groups_response>(6, wire::describe_groups_request{{"g", "none"}, true});
    REQUIRE(described.groups.size() == 2);
    CHECK(described.groups[0].group_state == "Stable");
    CHECK(described.groups[0].protocol_data == "range");
    REQUIRE(described.groups[0].members.size() == 1);
    CHECK(described.groups[0].members[0].client_host == "/127.0.0.1");
    CHECK(as_text(described.groups[0].members[0].member_assignment) == "mine");
    CHECK(described.groups[1].error_code == code(kafka_error::group_id_not_found));
    CHECK(described.groups[1].group_state == "Dead");
    CHECK(one.client.call<wire::describe_groups_response>(5, wire::describe_groups_request{{"none"}, false})
              .groups.at(0).error_code == 0);

    const auto listed = one.client.call<wire::list_groups_response>(5, wire::list_groups_request{{"stable"}, {"Classic"}});
    REQUIRE(listed.groups.size() == 1);
    CHECK(listed.groups[0].group_type == "classic");
    CHECK(one.client.call<wire::list_groups_response>(5, wire::list_groups_request{{"Empty"}, {}}).groups.empty());
    CHECK(one.client.call<wire::list_groups_response>(5, wire::list_groups_request{{}, {"consumer"}}).groups.empty());

    CHECK(one.client.call<wire::delete_groups_response>(2, wire::delete_groups_request{{"g"}})
              .results.at(0).error_code == code(kafka_error::non_empty_group));
    wire::offset_delete_request forget;
    forget.group_id = "g";
    forget.topics.push_back({"t", {{0}}});
    forget.topics.push_back({"u", {{0}}});
    const auto refused = one.client.call<wire::offset_delete_response>(0, forget);
    CHECK(refused.error_code == 0);
    CHECK(refused.topics.at(0).partitions.at(0).error_code == code(kafka_error::group_subscribed_to_topic));
    CHECK(refused.topics.at(1).partitions.at(0).error_code == code(kafka_error::unknown_topic_or_partition));

    wire::leave_group_request leave;
    leave.group_id = "g";
    leave.members.push_back({one.id, std::nullopt, "bye"});
    leave.members.push_back({"who", std::nullopt, std::nullopt});
    const auto left = one.client.call<wire::leave_group_response>(5, leave);
    CHECK(left.error_code == 0);
    CHECK(left.members.at(0).error_code == 0);
    CHECK(left.members.at(1).error_code == code(kafka_error::unknown_member_id));
    CHECK(one.heartbeat() == code(kafka_error::unknown_member_id));
    CHECK(one.client.call<wire::offset_delete_response>(0, forget).topics.at(0).partitions.at(0).error_code == 0);
    CHECK(one.client.call<wire::delete_groups_response>(2, wire::delete_groups_request{{"g", "none", ""}})
              .results.at(0).error_code == 0);
    const auto gone = one.client.call<wire::delete_groups_response>(2, wire::delete_groups_request{{"g", ""}});
    CHECK(gone.results.at(0).error_code == code(kafka_error::group_id_not_found));
    CHECK(gone.results.at(1).error_code == code(kafka_error::invalid_group_id));
    CHECK(one.client.call<wire::list_groups_response>(5, wire::list_groups_request{}).groups.empty());
}

TEST_CASE("two members share a group, and an old client is let in at once", "[kafka][groups]") {
    group_server server;
    member one(server, "t");
    one.client.create_topic("t", 4);
    one.join();
    CHECK(one.sync({{one.id, "all"}}) == 0);
    member old(server, "t", 1);
    old.client.send(1, old.join_request());  // waits for the other
    CHECK(soon([&] { return one.heartbeat() == code(kafka_error::rebalance_in_progress); }));
    const auto leading = one.join();
    REQUIRE(leading.members.size() == 2);
    const auto following = old.client.receive<wire::join_group_response>(1);
    CHECK(following.error_code == 0);
    CHECK(following.generation_id == leading.generation_id);
    CHECK(following.members.empty());
    CHECK(following.leader == one.id);
    old.id = following.member_id;
    old.generation = following.generation_id;
    CHECK(one.sync({{one.id, "1"}, {old.id, "2"}}) == 0);
    CHECK(old.sync({}) == 0);
    CHECK(old.assignment == "2");
    CHECK(old.commit(3, 2) == 0);
}

TEST_CASE("a client that goes away while its JoinGroup waits hurts nobody", "[kafka][groups]") {
    group_server server;
    member one(server, "t");
    one.client.create_topic("t", 4);
    one.join();
    CHECK(one.sync({}) == 0);
    {
        member lost(server, "t", 3);
        lost.client.send(3, lost.join_request());
        CHECK(soon([&] { return one.heartbeat() == code(kafka_error::rebalance_in_progress); }));
    }
    const auto joined = one.join();  // the lost one is a member until its time is up
    CHECK(joined.members.size() == 2);
    CHECK(one.sync({}) == 0);
    CHECK(one.heartbeat() == 0);
}

TEST_CASE("a server that stops tells waiting members to look elsewhere", "[kafka][groups]") {
    group_server server;
    member one(server, "t");
    one.client.create_topic("t", 4);
    one.join();
    CHECK(one.sync({}) == 0);
    member waiting(server, "t", 3);
    waiting.client.send(3, waiting.join_request());
    CHECK(soon([&] { return one.heartbeat() == code(kafka_error::rebalance_in_progress); }));
    CHECK(server.net->drain(std::chrono::seconds(5)));
    CHECK(waiting.client.receive<wire::join_group_response>(3).error_code == code(kafka_error::not_coordinator));
}

TEST_CASE("a server that stops does not wait for the disk to describe or delete groups", "[kafka][groups]") {
    group_server server;
    member one(server, "t");
    one.client.create_topic("t", 4);
    one.join();
    CHECK(one.sync({}) == 0);

    // The disk stands still, and what the group writes next stays behind it.
    std::atomic<bool> go_on{false};
    store::change_request stuck;
    stuck.context = &go_on;
    stuck.done = [](store::change_request& request) {
        while (!static_cast<std::atomic<bool>*>(request.context)->load()) std::this_thread::yield();
    };
    server.store.change(stuck);
    wire::leave_group_request leave;
    leave.group_id = "g";
    leave.members.push_back({.member_id = one.id});
    one.client.send(5, leave);

    const auto listed = [&server] { return server.service.group_work.list(server.now); };
    CHECK(soon([&] { return listed().size() == 1 && listed()[0].state == groups::group_state::empty; }));
    kafka_client asking(server);
    const auto arrives = [&](auto send) {
        const auto before = server.net->statistics().bytes_received;
        send();
        CHECK(soon([&] { return server.net->statistics().bytes_received > before; }));
    };
    arrives([&] { asking.send(6, wire::describe_groups_request{{"g", "none"}, false}); });
    arrives([&] { asking.send(2, wire::delete_groups_request{{"g"}}); });
    CHECK(server.net->drain(std::chrono::seconds(5)));
    const auto described = asking.receive<wire::describe_groups_response>(6);
    REQUIRE(described.groups.size() == 2);
    for (const auto& group : described.groups) CHECK(group.error_code == code(kafka_error::not_coordinator));
    CHECK(asking.receive<wire::delete_groups_response>(2).results.at(0).error_code ==
          code(kafka_error::not_coordinator));
    go_on = true;
}

TEST_CASE("subscriptions and assignments are read as consumers write them, in each version", "[kafka][groups]") {
    for (std::int16_t version = 0; version <= 4; ++version) {
        wire::consumer_subscription subscription;
        subscription.version = version;
        subscription.topics = {"a", "b"};
        subscription.user_data = "mine";
        subscription.owned_partitions = {{"a", {1, 2}}};
        subscription.generation = 5;
        subscription.rack = "r";
        const std::string bytes = wire::encode(subscription);
        const auto read = wire::decode_consumer_subscription(as_bytes(bytes));
        REQUIRE(read);
        CHECK(read->topics == subscription.topics);
        CHECK(read->user_data == "mine");
        CHECK(read->owned_partitions.size() == (version >= 1 ? 1 : 0));
        CHECK(read->generation == (version >= 2 ? 5 : -1));
        CHECK(read->rack.has_value() == (version >= 3));
    }
    // As Java writes it: version 1, topic "t", no user data, nothing owned.
    const std::string java("\0\1\0\0\0\1\0\1t\xff\xff\xff\xff\0\0\0\0", 17);
    const auto read = kafka::subscription_bytes().read_subscription(java);
    REQUIRE(read);
    CHECK(read->topics == std::vector<std::string>{"t"});
    CHECK_FALSE(kafka::subscription_bytes().read_subscription(java.substr(0, 10)));
    CHECK_FALSE(kafka::subscription_bytes().read_subscription(""));
    CHECK_FALSE(kafka::subscription_bytes().read_subscription(std::string("\0\0\x7f\xff\xff\xff", 6)));
    const groups::classic_assignment assignment{1, {{"t", {0, 3}}}, ""};
    const auto again = kafka::subscription_bytes().read_assignment(kafka::subscription_bytes().write_assignment(assignment));
    REQUIRE(again);
    CHECK(again->partitions.at(0).partitions == std::vector<std::int32_t>{0, 3});
}

}  // namespace imago::test
