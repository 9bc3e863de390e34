// ApiVersions, topics, settings, offsets by script; and what the documentation says of the list of handlers.
#include "kafka_server.h"
#include "server/kafka/handlers.h"
#include "wire/kafka/alter_configs.h"
#include "wire/kafka/api_versions.h"
#include "wire/kafka/create_partitions.h"
#include "wire/kafka/delete_records.h"
#include "wire/kafka/delete_topics.h"
#include "wire/kafka/describe_cluster.h"
#include "wire/kafka/describe_configs.h"
#include "wire/kafka/describe_log_dirs.h"
#include "wire/kafka/describe_topic_partitions.h"
#include "wire/kafka/find_coordinator.h"
#include "wire/kafka/incremental_alter_configs.h"
#include "wire/kafka/list_transactions.h"
#include "wire/kafka/metadata.h"
#include "wire/kafka/offset_commit.h"
#include "wire/kafka/offset_fetch.h"
#include "wire/kafka/offset_for_leader_epoch.h"
#include "wire/kafka/produce.h"

#include <fstream>
#include <sstream>

namespace imago::test {

namespace {

wire::api_versions_response::api_version versions_of(const wire::api_versions_response& response,
                                                     wire::api_key key) {
    for (const auto& each : response.api_keys) {
        if (each.api_key == static_cast<std::int16_t>(key)) return each;
    }
    return {-1, -1, -1};
}

std::optional<std::string> config_of(kafka_client& client, std::int8_t type, std::string_view name,
                                     std::string_view key) {
    wire::describe_configs_request request;
    auto& resource = request.resources.emplace_back();
    resource.resource_type = type;
    resource.resource_name = name;
    resource.configuration_keys = {{key}};
    const auto told = client.call<wire::describe_configs_response>(4, request);
    REQUIRE(told.results.size() == 1);
    REQUIRE(told.results[0].error_code == 0);
    if (told.results[0].configs.empty()) return std::nullopt;
    CHECK(told.results[0].configs[0].name == key);
    return std::string(told.results[0].configs[0].value.value_or("(null)"));
}

wire::metadata_request metadata_of(std::vector<std::string_view> names, bool create) {
    wire::metadata_request request;
    request.topics.emplace();
    for (const std::string_view name : names) request.topics->push_back({{}, name});
    request.allow_auto_topic_creation = create;
    return request;
}

}  // namespace

TEST_CASE("ApiVersions tells the list of handlers, with the lowest versions that old clients look for",
          "[kafka]") {
    kafka_server server;
    kafka_client client(server);
    for (const std::int16_t version : {0, 1, 2, 3, 4}) {
        const auto told =
            client.call<wire::api_versions_response>(version, wire::api_versions_request{"test", "1"});
        CHECK(told.error_code == 0);
        REQUIRE(told.api_keys.size() == kafka::handlers().size());
        for (const kafka::handler_entry& entry : kafka::handlers()) {
            CHECK(versions_of(told, entry.key).max_version == entry.version_max);
        }
        // What librdkafka before 2.11 looks for, as exact versions.
        CHECK(versions_of(told, wire::api_key::produce).min_version == 0);
        CHECK(versions_of(told, wire::api_key::fetch).min_version <= 4);
        CHECK(versions_of(told, wire::api_key::find_coordinator).min_version == 0);
        CHECK(versions_of(told, wire::api_key::offset_fetch).min_version == 1);
        CHECK(versions_of(told, wire::api_key::offset_commit).min_version == 2);
        CHECK(versions_of(told, wire::api_key::init_producer_id).min_version == 0);
        CHECK(versions_of(told, wire::api_key::list_offsets).min_version == 1);
        // The consumer protocol of groups is there; version 3 must not hear of a lowest version of 0.
        REQUIRE(told.supported_features.size() == (version >= 4 ? 1 : 0));
        if (version >= 4) CHECK(told.supported_features[0].name == "group.version");
        REQUIRE(told.finalized_features.size() == (version >= 3 ? 1 : 0));
    }
}

TEST_CASE("an ApiVersions request from the future is answered in version 0, with error 35", "[kafka]") {
    kafka_server server;
    kafka_client client(server);
    std::string body("\0\x12\0\x63\0\0\0\x07\0\x01x\0\x02y\x02z\0", 17);
    REQUIRE(client.peer_.send(peer::framed(body)));
    const std::string answer = client.peer_.receive();
    REQUIRE(answer.size() > 6);
    CHECK(std::string_view(answer).substr(0, 4) == std::string_view("\0\0\0\7", 4));
    wire::reader in(as_bytes(answer).subspan(4));
    wire::api_versions_response told;
    const auto decoded = decode(in, 0, told);
    REQUIRE(decoded);
    CHECK(told.error_code == code(kafka_error::unsupported_version));
    REQUIRE(told.api_keys.size() == 1);
    CHECK(told.api_keys[0].api_key == 18);
    CHECK(told.api_keys[0].max_version == 4);
    // And the connection goes on.
    CHECK(client.call<wire::api_versions_response>(3, wire::api_versions_request{}).error_code == 0);
}

TEST_CASE("unknown keys and versions close the connection, as from Kafka", "[kafka]") {
    kafka_server server;
    for (const std::string_view start : {std::string_view("\x03\xe7\0\0", 4), std::string_view("\0\0\0\2", 4),
                                         std::string_view("\0\1\0\x7f", 4), std::string_view("\0", 1)}) {
        kafka_client client(server);
        REQUIRE(client.peer_.send(peer::framed(std::string(start) + std::string("\0\0\0\1\xff\xff", 6))));
        CHECK(client.peer_.receive() == "(closed)");
    }
    CHECK(server.lines_logged() == 4);
}

TEST_CASE("the documentation has the versions of every handler", "[kafka]") {
    std::ifstream file(std::string(IMAGO_SOURCE_DIR) + "/docs/protocol/kafka.md");
    std::stringstream text;
    text << file.rdbuf();
    REQUIRE(!text.str().empty());
    for (const kafka::handler_entry& entry : kafka::handlers()) {
        const wire::api_info& info = wire::info_of(entry.key);
        std::string row = "| " + std::to_string(static_cast<int>(entry.key)) + " | " +
                          std::string(info.name) + " | " + std::to_string(entry.version_min);
        if (entry.version_max != entry.version_min) row += "-" + std::to_string(entry.version_max);
        INFO(row);
        CHECK(text.str().find(row + " |") != std::string::npos);
    }
}

TEST_CASE("the list of handlers fits the codec", "[kafka]") {
    std::vector<wire::handled_api> handled;
    for (const kafka::handler_entry& entry : kafka::handlers()) {
        handled.push_back({entry.key, entry.version_min, entry.version_max});
    }
    CHECK(wire::check_handled(handled).empty());
}

TEST_CASE("Metadata names all topics, asked ones, and makes missing ones when it may", "[kafka]") {
    kafka_server server;
    kafka_client client(server);
    const uuid id = client.create_topic("a", 3);
    for (const std::int16_t version : {0, 1, 4, 7, 8, 9, 10, 12, 13}) {
        wire::metadata_request all;
        if (version == 0) all.topics.emplace();
        const auto told = client.call<wire::metadata_response>(version, all);
        REQUIRE(told.brokers.size() == 1);
        CHECK(told.brokers[0].host == "127.0.0.1");
        CHECK(told.brokers[0].port == server.port());
        REQUIRE(told.topics.size() == 1);
        CHECK(told.topics[0].name == "a");
        REQUIRE(told.topics[0].partitions.size() == 3);
        CHECK(told.topics[0].partitions[2].partition_index == 2);
        CHECK(told.topics[0].partitions[2].leader_id == 1);
        CHECK(told.topics[0].partitions[2].isr_nodes == std::vector<std::int32_t>{1});
        if (version >= 2) CHECK(told.cluster_id == server.tables.settings.cluster_id());
        if (version >= 10) CHECK(told.topics[0].topic_id == id);
        if (version >= 1) {
            wire::metadata_request none;
            none.topics.emplace();
            CHECK(client.call<wire::metadata_response>(version, none).topics.empty());
        }
    }
    auto told = client.call<wire::metadata_response>(9, metadata_of({"missing", "a"}, false));
    REQUIRE(told.topics.size() == 2);
    CHECK(told.topics[0].error_code == code(kafka_error::unknown_topic_or_partition));
    CHECK(told.topics[1].error_code == 0);

    told = client.call<wire::metadata_response>(9, metadata_of({"missing", "bad/name", ""}, true));
    REQUIRE(told.topics.size() == 3);
    CHECK(told.topics[0].error_code == 0);
    CHECK(told.topics[0].partitions.size() == 4);
    CHECK(told.topics[1].error_code == code(kafka_error::invalid_topic_exception));
    CHECK(told.topics[2].error_code == code(kafka_error::invalid_topic_exception));

    wire::metadata_request by_id;
    by_id.topics.emplace();
    by_id.topics->push_back({id, std::nullopt});
    by_id.topics->push_back({uuid::random(), std::nullopt});
    told = client.call<wire::metadata_response>(12, by_id);
    REQUIRE(told.topics.size() == 2);
    CHECK(told.topics[0].name == "a");
    CHECK(told.topics[1].error_code == code(kafka_error::unknown_topic_id));
}

TEST_CASE("topics are made, grown and removed", "[kafka]") {
    kafka_server server;
    kafka_client client(server);
    wire::create_topics_request create;
    create.topics.push_back({.name = "one", .num_partitions = 2, .replication_factor = 3});
    create.topics.push_back({.name = "no/good", .num_partitions = 2, .replication_factor = 1});
    create.topics.push_back({.name = "two", .num_partitions = -1, .replication_factor = -1});
    create.topics[2].configs.push_back({"retention.ms", "1000"});
    const auto made = client.call<wire::create_topics_response>(7, create);
    REQUIRE(made.topics.size() == 3);
    CHECK(made.topics[0].error_code == 0);
    CHECK(made.topics[0].num_partitions == 2);
    CHECK(made.topics[0].replication_factor == 1);
    CHECK(made.topics[1].error_code == code(kafka_error::invalid_topic_exception));
    CHECK(made.topics[1].error_message);
    CHECK(made.topics[2].num_partitions == 4);
    REQUIRE(made.topics[2].configs);
    CHECK(made.topics[2].configs->size() > 20);
    CHECK(client.call<wire::create_topics_response>(2, create).topics.at(0).error_code ==
          code(kafka_error::topic_already_exists));

    wire::create_partitions_request grow;
    grow.topics.push_back({"one", 5, std::nullopt});
    grow.topics.push_back({"two", 1, std::nullopt});
    const auto grown = client.call<wire::create_partitions_response>(3, grow);
    CHECK(grown.results.at(0).error_code == 0);
    CHECK(grown.results.at(1).error_code == code(kafka_error::invalid_partitions));
    CHECK(server.tables.topics.find("one")->partitions.size() == 5);

    wire::describe_topic_partitions_request describe;
    describe.response_partition_limit = 3;
    auto page = client.call<wire::describe_topic_partitions_response>(0, describe);
    REQUIRE(page.topics.size() == 1);
    REQUIRE(page.topics[0].partitions.size() == 3);
    CHECK(page.topics[0].partitions[0].eligible_leader_replicas);
    CHECK(page.topics[0].partitions[0].last_known_elr);
    REQUIRE(page.next_cursor);
    CHECK(page.next_cursor->topic_name == "one");
    CHECK(page.next_cursor->partition_index == 3);
    describe.response_partition_limit = 100;
    describe.cursor = {"one", 3};
    page = client.call<wire::describe_topic_partitions_response>(0, describe);
    REQUIRE(page.topics.size() == 2);
    CHECK(page.topics[0].partitions.size() == 2);
    CHECK(page.topics[1].partitions.size() == 4);
    CHECK(!page.next_cursor);

    wire::describe_log_dirs_request dirs;
    const auto sizes = client.call<wire::describe_log_dirs_response>(4, dirs);
    REQUIRE(sizes.results.size() == 1);
    CHECK(sizes.results[0].log_dir == "/data");
    CHECK(sizes.results[0].topics.size() == 2);

    wire::delete_topics_request remove;
    remove.topic_names = {"one", "nowhere"};
    auto removed = client.call<wire::delete_topics_response>(5, remove);
    CHECK(removed.responses.at(0).error_code == 0);
    CHECK(removed.responses.at(1).error_code == code(kafka_error::unknown_topic_or_partition));
    remove.topics.push_back({std::nullopt, made.topics[2].topic_id});
    remove.topics[0].topic_id = server.tables.topics.find("two")->id;
    removed = client.call<wire::delete_topics_response>(6, remove);
    CHECK(removed.responses.at(0).error_code == 0);
    CHECK(removed.responses[0].name == "two");
    CHECK(server.tables.topics.count() == 0);
}

TEST_CASE("settings are told, replaced and changed in steps, of topics and of the server", "[kafka]") {
    kafka_server server;
    kafka_client client(server);
    client.create_topic("t", 1, {{"cleanup.policy", "compact"}, {"segment.bytes", "52428800"}});
    CHECK(config_of(client, 2, "t", "cleanup.policy") == "compact");
    CHECK(config_of(client, 2, "t", "segment.bytes") == "52428800");
    CHECK(config_of(client, 4, "1", "num.partitions") == "4");

    wire::incremental_alter_configs_request steps;
    auto& topic = steps.resources.emplace_back();
    topic.resource_type = 2;
    topic.resource_name = "t";
    topic.configs.push_back({"cleanup.policy", 2, "delete"});
    topic.configs.push_back({"retention.ms", 0, "123456"});
    auto& broker = steps.resources.emplace_back();
    broker.resource_type = 4;
    broker.resource_name = "1";
    broker.configs.push_back({"num.partitions", 0, "7"});
    auto stepped = client.call<wire::incremental_alter_configs_response>(1, steps);
    REQUIRE(stepped.responses.size() == 2);
    CHECK(stepped.responses[0].error_code == 0);
    CHECK(stepped.responses[1].error_code == 0);
    CHECK(config_of(client, 2, "t", "cleanup.policy") == "compact,delete");
    CHECK(config_of(client, 2, "t", "retention.ms") == "123456");
    CHECK(config_of(client, 4, "1", "num.partitions") == "7");

    steps.resources[0].configs = {{"retention.ms", 0, "soon"}};
    steps.resources.pop_back();
    stepped = client.call<wire::incremental_alter_configs_response>(0, steps);
    CHECK(stepped.responses.at(0).error_code == code(kafka_error::invalid_config));
    steps.resources[0].configs = {{"retention.ms", 9, "1"}};
    CHECK(client.call<wire::incremental_alter_configs_response>(0, steps).responses.at(0).error_code ==
          code(kafka_error::invalid_request));

    wire::alter_configs_request replace;
    auto& all = replace.resources.emplace_back();
    all.resource_type = 2;
    all.resource_name = "t";
    all.configs.push_back({"retention.ms", "99"});
    CHECK(client.call<wire::alter_configs_response>(2, replace).responses.at(0).error_code == 0);
    CHECK(config_of(client, 2, "t", "cleanup.policy") == "delete");
    CHECK(config_of(client, 2, "t", "retention.ms") == "99");

    wire::describe_configs_request unknown;
    unknown.resources.push_back({2, "nowhere", std::nullopt});
    unknown.resources.push_back({4, "99", std::nullopt});
    const auto told = client.call<wire::describe_configs_response>(1, unknown);
    CHECK(told.results.at(0).error_code == code(kafka_error::unknown_topic_or_partition));
    CHECK(told.results.at(1).error_code == code(kafka_error::invalid_request));
}

TEST_CASE("a consumer without a group commits its offsets and finds them again", "[kafka]") {
    kafka_server server;
    kafka_client client(server);
    const uuid id = client.create_topic("t", 2);
    for (const std::int16_t version : {2, 5, 7, 8, 9, 10}) {
        wire::offset_commit_request commit;
        commit.group_id = "g";
        auto& topic = commit.topics.emplace_back();
        topic.name = "t";
        topic.topic_id = id;
        topic.partitions.push_back({1, 40 + version, 0, "note"});
        topic.partitions.push_back({9, 1, -1, ""});
        const auto told = client.call<wire::offset_commit_response>(version, commit);
        CHECK(told.topics.at(0).partitions.at(0).error_code == 0);
        CHECK(told.topics[0].partitions.at(1).error_code == code(kafka_error::unknown_topic_or_partition));

        wire::offset_fetch_request fetch;
        if (version < 8) {
            fetch.group_id = "g";
            fetch.topics = {{{"t", {0, 1}}}};
            const auto got = client.call<wire::offset_fetch_response>(version, fetch);
            REQUIRE(got.topics.size() == 1);
            CHECK(got.topics[0].partitions.at(0).committed_offset == -1);
            CHECK(got.topics[0].partitions.at(1).committed_offset == 40 + version);
            CHECK(got.topics[0].partitions[1].metadata == "note");
        } else {
            fetch.groups.push_back({.group_id = "g", .topics = std::nullopt});
            const auto got = client.call<wire::offset_fetch_response>(version, fetch);
            REQUIRE(got.groups.size() == 1);
            REQUIRE(got.groups[0].topics.size() == 1);
            REQUIRE(got.groups[0].topics[0].partitions.size() == 1);
            CHECK(got.groups[0].topics[0].partitions[0].committed_offset == 40 + version);
        }
    }
    wire::offset_commit_request member;
    member.group_id = "g";
    member.generation_id_or_member_epoch = 5;
    member.member_id = "m";
    member.topics.push_back({.name = "t", .partitions = {{0, 1, -1, ""}}});
    CHECK(client.call<wire::offset_commit_response>(7, member).topics.at(0).partitions.at(0).error_code ==
          code(kafka_error::unknown_member_id));
}

TEST_CASE("DeleteRecords moves the start, and only forward and within the queue", "[kafka]") {
    kafka_server server;
    kafka_client client(server);
    client.create_topic("t", 1);
    const auto batch = make_batch({"1", "2", "3", "4", "5"}, 1'700'000'000'000);
    wire::produce_request produce;
    produce.acks = -1;
    produce.topic_data.push_back({"t", {}, {{0, wire::record_data(byte_view(batch))}}});
    client.call<wire::produce_response>(9, produce);
    const auto remove = [&](std::int64_t offset) {
        wire::delete_records_request request;
        request.topics.push_back({"t", {{0, offset}}});
        return client.call<wire::delete_records_response>(2, request).topics.at(0).partitions.at(0);
    };
    CHECK(remove(3).low_watermark == 3);
    CHECK(server.store.bounds(server.tables.topics.find("t")->partitions[0])->start == queue_offset{3});
    CHECK(remove(1).error_code == code(kafka_error::offset_out_of_range));
    CHECK(remove(6).error_code == code(kafka_error::offset_out_of_range));
    CHECK(remove(-1).low_watermark == 5);
}

TEST_CASE("coordinators, the cluster, epochs and transactions are told", "[kafka]") {
    kafka_server server;
    kafka_client client(server);
    client.create_topic("t", 1);
    wire::find_coordinator_request find;
    find.key = "g";
    find.coordinator_keys = {"g", "h"};
    for (const std::int16_t version : {0, 1, 2, 3}) {
        const auto found = client.call<wire::find_coordinator_response>(version, find);
        CHECK(found.error_code == 0);
        CHECK(found.port == server.port());
    }
    for (const std::int16_t version : {4, 5, 6}) {
        const auto found = client.call<wire::find_coordinator_response>(version, find);
        REQUIRE(found.coordinators.size() == 2);
        CHECK(found.coordinators[1].key == "h");
        CHECK(found.coordinators[1].node_id == 1);
    }
    const auto cluster = client.call<wire::describe_cluster_response>(2, wire::describe_cluster_request{});
    CHECK(cluster.error_code == 0);
    CHECK(cluster.controller_id == 1);
    CHECK(cluster.brokers.size() == 1);

    wire::offset_for_leader_epoch_request epochs;
    epochs.topics.push_back({"t", {{0, -1, 0}, {0, -1, 9}, {5, -1, 0}}});
    const auto ends = client.call<wire::offset_for_leader_epoch_response>(3, epochs).topics.at(0).partitions;
    CHECK(ends.at(0).end_offset == 0);
    CHECK(ends.at(1).end_offset == -1);
    CHECK(ends.at(2).error_code == code(kafka_error::unknown_topic_or_partition));

    wire::list_transactions_request transactions;
    transactions.state_filters = {"Ongoing", "Imaginary"};
    const auto listed = client.call<wire::list_transactions_response>(1, transactions);
    CHECK(listed.transaction_states.empty());
    CHECK(listed.unknown_state_filters == std::vector<std::string_view>{"Imaginary"});
}

}  // namespace imago::test
