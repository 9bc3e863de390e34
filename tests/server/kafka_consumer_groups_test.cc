// Groups of the consumer protocol by script, over a real connection.
#include "kafka_server.h"
#include "wire/kafka/api_versions.h"
#include "wire/kafka/consumer_group_describe.h"
#include "wire/kafka/consumer_group_heartbeat.h"
#include "wire/kafka/metadata.h"

namespace imago::test {

TEST_CASE("a consumer joins, is described, and leaves", "[server][groups]") {
    kafka_server server;
    kafka_client client(server);
    client.create_topic("t", 4);

    wire::consumer_group_heartbeat_request beat;
    beat.group_id = "g";
    beat.member_id = "m";
    beat.rebalance_timeout_ms = 10'000;
    beat.subscribed_topic_regex = "t(";
    beat.topic_partitions.emplace();
    auto told = client.call<wire::consumer_group_heartbeat_response>(1, beat);
    CHECK(told.error_code == code_of(kafka_error::invalid_regular_expression));
    CHECK(told.error_message);
    beat.subscribed_topic_regex = "t.*";
    told = client.call<wire::consumer_group_heartbeat_response>(1, beat);
    CHECK(told.error_code == 0);
    CHECK(told.member_id == "m");
    CHECK(told.member_epoch == 1);
    CHECK(told.heartbeat_interval_ms == 5000);
    REQUIRE(told.assignment);
    REQUIRE(told.assignment->topic_partitions.size() == 1);
    CHECK(told.assignment->topic_partitions[0].partitions == std::vector<std::int32_t>{0, 1, 2, 3});
    const uuid id = told.assignment->topic_partitions[0].topic_id;

    // Java looks the name up like this.
    wire::metadata_request by_id;
    by_id.topics.emplace().push_back({.topic_id = id, .name = ""});
    const auto found = client.call<wire::metadata_response>(13, by_id);
    REQUIRE(found.topics.size() == 1);
    CHECK(found.topics[0].error_code == 0);
    CHECK(found.topics[0].name == "t");

    wire::consumer_group_describe_request ask;
    ask.group_ids = {"g", "nobody"};
    const auto described = client.call<wire::consumer_group_describe_response>(1, ask);
    REQUIRE(described.groups.size() == 2);
    CHECK(described.groups[0].group_state == "Stable");
    CHECK(described.groups[0].assignor_name == "uniform");
    CHECK(described.groups[0].group_epoch == 1);
    REQUIRE(described.groups[0].members.size() == 1);
    CHECK(described.groups[0].members[0].subscribed_topic_regex == "t.*");
    CHECK(described.groups[0].members[0].member_type == 1);
    REQUIRE(described.groups[0].members[0].assignment.topic_partitions.size() == 1);
    CHECK(described.groups[0].members[0].assignment.topic_partitions[0].topic_name == "t");
    CHECK(described.groups[1].error_code == code_of(kafka_error::group_id_not_found));

    wire::consumer_group_heartbeat_request leave;
    leave.group_id = "g";
    leave.member_id = "m";
    leave.member_epoch = -1;
    told = client.call<wire::consumer_group_heartbeat_response>(1, leave);
    CHECK(told.error_code == 0);
    CHECK(told.member_epoch == -1);
    told = client.call<wire::consumer_group_heartbeat_response>(1, leave);
    CHECK(told.error_code == code_of(kafka_error::unknown_member_id));

    const auto versions = client.call<wire::api_versions_response>(3, wire::api_versions_request{});
    REQUIRE(versions.finalized_features.size() == 1);
    CHECK(versions.finalized_features[0].name == "group.version");
}

}  // namespace imago::test
