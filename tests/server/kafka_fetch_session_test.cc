// Fetch sessions (KIP-227) by script.
#include "kafka_server.h"
#include "wire/kafka/delete_topics.h"
#include "wire/kafka/fetch.h"
#include "wire/kafka/produce.h"

#include <map>
#include <random>

namespace imago::test {

namespace {

constexpr unix_ms start_time = 1'700'000'000'000;
constexpr std::int16_t version = 12;

void produce(kafka_client& client, std::string_view topic, std::int32_t partition, std::string value = "x") {
    const auto batch = make_batch({std::move(value)}, start_time);
    wire::produce_request request;
    request.acks = -1;
    request.timeout_ms = 1000;
    auto& data = request.topic_data.emplace_back();
    data.name = topic;
    data.partition_data.push_back({partition, wire::record_data(byte_view(batch))});
    const auto told = client.call<wire::produce_response>(9, request);
    REQUIRE(told.responses.at(0).partition_responses.at(0).error_code == 0);
}

wire::fetch_request ask(std::int32_t session, std::int32_t epoch, std::string_view topic = {},
                        std::vector<std::pair<std::int32_t, std::int64_t>> places = {}, std::int32_t wait_ms = 0) {
    wire::fetch_request request;
    request.max_wait_ms = wait_ms;
    request.min_bytes = 1;
    request.max_bytes = 50 << 20;
    request.session_id = session;
    request.session_epoch = epoch;
    if (places.empty()) return request;
    auto& asked = request.topics.emplace_back();
    asked.topic = topic;
    for (const auto& [partition, offset] : places) {
        auto& each = asked.partitions.emplace_back();
        each.partition = partition;
        each.fetch_offset = offset;
        each.partition_max_bytes = 1 << 20;
    }
    return request;
}

struct told {
    std::int16_t error = 0;
    std::int64_t end = -1;
    std::size_t bytes = 0;
};
/// By partition; of all topics.
std::map<std::int32_t, told> partitions(const wire::fetch_response& response) {
    std::map<std::int32_t, told> all;
    for (const auto& topic : response.responses) {
        for (const auto& each : topic.partitions) {
            all[each.partition_index] = {each.error_code, each.high_watermark, each.records.size()};
        }
    }
    return all;
}

struct fixture {
    kafka_server server;
    kafka_client client{server};
    kafka_client producer{server};

    fixture() { client.create_topic("t", 8); }
    std::int32_t begin(std::vector<std::pair<std::int32_t, std::int64_t>> places) {
        const auto got = client.call<wire::fetch_response>(version, ask(0, 0, "t", std::move(places)));
        CHECK(got.error_code == 0);
        REQUIRE(got.session_id > 0);
        return got.session_id;
    }
    wire::fetch_response go_on(std::int32_t session, std::int32_t epoch,
                               std::vector<std::pair<std::int32_t, std::int64_t>> moved = {}, std::int32_t wait = 0) {
        return client.call<wire::fetch_response>(version, ask(session, epoch, "t", std::move(moved), wait));
    }
};
}  // namespace

TEST_CASE("a session's first answer has every queue, the next ones only those with news", "[fetch-session]") {
    fixture f;
    produce(f.producer, "t", 2);
    const auto first = f.client.call<wire::fetch_response>(version, ask(0, 0, "t", {{0, 0}, {1, 0}, {2, 0}}));
    CHECK(partitions(first).size() == 3);
    CHECK(partitions(first)[2].bytes > 0);
    const std::int32_t session = first.session_id;
    REQUIRE(session > 0);

    const auto none = f.go_on(session, 1, {{2, 1}});
    CHECK(none.session_id == session);
    CHECK(none.responses.empty());
    produce(f.producer, "t", 1);
    const auto news = partitions(f.go_on(session, 2));
    REQUIRE(news.size() == 1);
    CHECK(news.at(1).bytes > 0);
    CHECK(news.at(1).end == 1);
}

TEST_CASE("a session waits for the first of its queues that grows", "[fetch-session]") {
    fixture f;
    const std::int32_t session = f.begin({{0, 0}, {1, 0}, {2, 0}, {3, 0}});
    f.client.send(version, ask(session, 1, {}, {}, 60'000));
    produce(f.producer, "t", 3);
    auto got = partitions(f.client.receive<wire::fetch_response>(version));
    REQUIRE(got.size() == 1);
    CHECK(got.at(3).bytes > 0);
    // The consumer has taken it, and waits again: nothing but the next record ends that.
    f.client.send(version, ask(session, 2, "t", {{3, 1}}, 60'000));
    produce(f.producer, "t", 0);
    got = partitions(f.client.receive<wire::fetch_response>(version));
    REQUIRE(got.size() == 1);
    CHECK(got.at(0).bytes > 0);
}

TEST_CASE("a wait of a session without news ends with an empty answer", "[fetch-session]") {
    fixture f;
    const std::int32_t session = f.begin({{0, 0}});
    const auto got = f.go_on(session, 1, {}, 30);
    CHECK(got.error_code == 0);
    CHECK(got.responses.empty());
    // And it can go on after it.
    produce(f.producer, "t", 0);
    CHECK(partitions(f.go_on(session, 2)).at(0).bytes > 0);
}

TEST_CASE("records that the consumer did not move past come again", "[fetch-session]") {
    fixture f;
    produce(f.producer, "t", 0);
    const std::int32_t session = f.begin({{0, 0}, {1, 0}});
    CHECK(partitions(f.go_on(session, 1)).at(0).bytes > 0);
    CHECK(partitions(f.go_on(session, 2)).at(0).bytes > 0);
    CHECK(f.go_on(session, 3, {{0, 1}}).responses.empty());
    // Back again.
    CHECK(partitions(f.go_on(session, 4, {{0, 0}})).at(0).bytes > 0);
}

TEST_CASE("queues are added to a session and forgotten by it", "[fetch-session]") {
    fixture f;
    const std::int32_t session = f.begin({{0, 0}});
    produce(f.producer, "t", 5);
    CHECK(partitions(f.go_on(session, 1, {{5, 0}})).at(5).bytes > 0);
    auto request = ask(session, 2);
    request.forgotten_topics_data.emplace_back();
    request.forgotten_topics_data[0].topic = "t";
    request.forgotten_topics_data[0].partitions = {5, 0, 7};
    CHECK(f.client.call<wire::fetch_response>(version, request).responses.empty());
    produce(f.producer, "t", 0);
    produce(f.producer, "t", 5);
    CHECK(f.go_on(session, 3).responses.empty());
}

TEST_CASE("a wrong epoch and an unknown session are told apart", "[fetch-session]") {
    fixture f;
    const std::int32_t session = f.begin({{0, 0}});
    CHECK(f.go_on(session, 2).error_code == code(kafka_error::invalid_fetch_session_epoch));
    CHECK(f.go_on(session, 1).error_code == 0);
    CHECK(f.go_on(session, 1).error_code == code(kafka_error::invalid_fetch_session_epoch));
    CHECK(f.go_on(session == 77 ? 78 : 77, 1).error_code == code(kafka_error::fetch_session_id_not_found));
    // A session belongs to its connection.
    CHECK(f.producer.call<wire::fetch_response>(version, ask(session, 2)).error_code ==
          code(kafka_error::fetch_session_id_not_found));
    CHECK(f.go_on(session, 2).error_code == 0);
}

TEST_CASE("epoch -1 ends a session, and a new one ends the one before", "[fetch-session]") {
    fixture f;
    std::int32_t session = f.begin({{0, 0}});
    const auto last = f.client.call<wire::fetch_response>(version, ask(session, -1, "t", {{0, 0}}));
    CHECK(last.session_id == 0);
    CHECK(partitions(last).size() == 1);
    CHECK(f.go_on(session, 1).error_code == code(kafka_error::fetch_session_id_not_found));
    session = f.begin({{0, 0}});
    const std::int32_t other = f.begin({{1, 0}});
    CHECK(other != session);
    CHECK(f.go_on(session, 1).error_code == code(kafka_error::fetch_session_id_not_found));
    CHECK(f.go_on(other, 1).error_code == 0);
}

TEST_CASE("an error stays in the answers until it is mended", "[fetch-session]") {
    fixture f;
    std::int32_t session = f.begin({{0, 0}, {1, 40}, {99, 0}});
    auto got = partitions(f.go_on(session, 1));
    REQUIRE(got.size() == 2);
    CHECK(got.at(1).error == code(kafka_error::offset_out_of_range));
    CHECK(got.at(99).error == code(kafka_error::unknown_topic_or_partition));
    got = partitions(f.go_on(session, 2, {{1, 0}}));
    REQUIRE(got.size() == 1);
    CHECK(got.at(99).error == code(kafka_error::unknown_topic_or_partition));

    // A topic that comes later is found then.
    session = f.client.call<wire::fetch_response>(version, ask(0, 0, "later", {{0, 0}})).session_id;
    REQUIRE(session > 0);
    got = partitions(f.client.call<wire::fetch_response>(version, ask(session, 1)));
    CHECK(got.at(0).error == code(kafka_error::unknown_topic_or_partition));
    f.producer.create_topic("later", 1);
    produce(f.producer, "later", 0);
    CHECK(partitions(f.client.call<wire::fetch_response>(version, ask(session, 2))).at(0).bytes > 0);
}

TEST_CASE("a topic that is deleted wakes its session, and the one created anew is read", "[fetch-session]") {
    fixture f;
    const std::int32_t session = f.begin({{0, 0}, {1, 0}});
    f.client.send(version, ask(session, 1, {}, {}, 60'000));
    wire::delete_topics_request request;
    request.topic_names = {"t"};
    request.timeout_ms = 1000;
    REQUIRE(f.producer.call<wire::delete_topics_response>(5, request).responses.at(0).error_code == 0);
    const auto got = partitions(f.client.receive<wire::fetch_response>(version));
    REQUIRE_FALSE(got.empty());
    for (const auto& [partition, each] : got) CHECK(each.error == code(kafka_error::unknown_topic_or_partition));
    f.producer.create_topic("t", 8);
    produce(f.producer, "t", 0);
    // A queue that was not among those of the answer above may still have to hear that it is gone, and then tells it.
    std::size_t bytes = 0;
    for (std::int32_t epoch = 2; epoch <= 5 && bytes == 0; ++epoch) {
        bytes = partitions(f.go_on(session, epoch, {}, 1000))[0].bytes;
    }
    CHECK(bytes > 0);
}

TEST_CASE("a full answer leaves the other queues for the next ones, each in its turn", "[fetch-session]") {
    fixture f;
    for (int partition = 0; partition < 8; ++partition) produce(f.producer, "t", partition, std::string(1000, 'v'));
    std::vector<std::pair<std::int32_t, std::int64_t>> all;
    for (int partition = 0; partition < 8; ++partition) all.emplace_back(partition, 0);
    const std::int32_t session = f.begin(all);
    std::map<std::int32_t, int> met;
    std::vector<std::pair<std::int32_t, std::int64_t>> moved;
    for (std::int32_t epoch = 1; epoch <= 8; ++epoch) {
        auto request = ask(session, epoch, "t", moved);
        request.max_bytes = 500;
        const auto got = partitions(f.client.call<wire::fetch_response>(version, request));
        REQUIRE(got.size() == 1);
        ++met[got.begin()->first];
        moved = {{got.begin()->first, 1}};
    }
    CHECK(met.size() == 8);
}

TEST_CASE("what random consumers get with sessions is every record once and in order", "[fetch-session]") {
    fixture f;
    std::mt19937 random(Catch::rngSeed() + 17);
    INFO("seed " << Catch::rngSeed() + 17);
    std::map<std::int32_t, std::int64_t> produced, read;
    std::int32_t session = 0, epoch = 0;
    std::vector<std::pair<std::int32_t, std::int64_t>> moved;
    for (int partition = 0; partition < 8; ++partition) moved.emplace_back(partition, 0);
    for (int step = 0; step < 400; ++step) {
        const auto partition = static_cast<std::int32_t>(random() % 8);
        if (random() % 3 != 0) {
            produce(f.producer, "t", partition);
            ++produced[partition];
            continue;
        }
        auto request = ask(session, epoch, "t", moved, static_cast<std::int32_t>(random() % 3));
        request.max_bytes = random() % 2 == 0 ? 1 : 50 << 20;
        const auto got = f.client.call<wire::fetch_response>(version, request);
        REQUIRE(got.error_code == 0);
        session = got.session_id;
        REQUIRE(session > 0);
        ++epoch;
        moved.clear();
        for (const auto& [index, each] : partitions(got)) {
            REQUIRE(each.error == 0);
            CHECK(each.end == produced[index]);
            if (each.bytes == 0) continue;
            // All of these records are of one size.
            read[index] += static_cast<std::int64_t>(each.bytes / make_batch({"x"}, start_time).size());
            moved.emplace_back(index, read[index]);
        }
    }
    for (;;) {
        const auto got = f.go_on(session, epoch++, moved);
        moved.clear();
        bool any = false;
        for (const auto& [index, each] : partitions(got)) {
            if (each.bytes == 0) continue;
            any = true;
            read[index] += static_cast<std::int64_t>(each.bytes / make_batch({"x"}, start_time).size());
            moved.emplace_back(index, read[index]);
        }
        if (!any) break;
    }
    CHECK(read == produced);
}

TEST_CASE("a session calls its topics by name or by id, and a consumer that changes begins a new one", "[fetch-session]") {
    // A consumer that has lost its metadata begins by name. When it knows the ids again it names only what has changed,
    // by id; had it an answer for the rest by name, it would not know what that is, and drop it for ever.
    kafka_server server;
    kafka_client client(server);
    kafka_client producer(server);
    const uuid id = client.create_topic("t", 8);
    const auto by_id = [&id](wire::fetch_request request) {
        for (auto& topic : request.topics) {
            topic.topic = {};
            topic.topic_id = id;
        }
        return request;
    };
    constexpr std::int16_t ids = 13;
    const auto named = client.call<wire::fetch_response>(version, ask(0, 0, "t", {{0, 0}, {1, 0}}));
    REQUIRE(named.session_id > 0);
    produce(producer, "t", 0);
    auto got = client.call<wire::fetch_response>(ids, by_id(ask(named.session_id, 1, "t", {{2, 0}})));
    CHECK(got.error_code == code(kafka_error::fetch_session_topic_id_error));
    CHECK(got.responses.empty());

    // It ends that session and names all anew, by id.
    got = client.call<wire::fetch_response>(ids, by_id(ask(named.session_id, 0, "t", {{0, 0}, {1, 0}, {2, 0}})));
    CHECK(got.error_code == 0);
    const std::int32_t session = got.session_id;
    REQUIRE(session > 0);
    CHECK(session != named.session_id);
    REQUIRE(got.responses.size() == 1);
    CHECK(got.responses[0].topic_id == id);
    CHECK(partitions(got).at(0).bytes > 0);
    produce(producer, "t", 1);
    got = client.call<wire::fetch_response>(ids, by_id(ask(session, 1, "t", {{0, 1}})));
    REQUIRE(got.responses.size() == 1);
    CHECK(got.responses[0].topic_id == id);
    CHECK(partitions(got).at(1).bytes > 0);
    CHECK(client.call<wire::fetch_response>(version, ask(session, 2)).error_code ==
          code(kafka_error::fetch_session_topic_id_error));
}

TEST_CASE("sessions go with their connections while records come", "[fetch-session]") {
    fixture f;
    std::vector<std::pair<std::int32_t, std::int64_t>> all;
    for (int partition = 0; partition < 8; ++partition) all.emplace_back(partition, 0);
    for (int round = 0; round < 40; ++round) {
        kafka_client gone(f.server);
        const auto got = gone.call<wire::fetch_response>(version, ask(0, 0, "t", all));
        REQUIRE(got.session_id > 0);
        if (round % 2 == 0) {
            (void)gone.call<wire::fetch_response>(version, ask(got.session_id, 1));
        } else {
            gone.send(version, ask(got.session_id, 1, {}, {}, 60'000));
        }
        produce(f.producer, "t", round % 8);
        for (auto& [partition, offset] : all) offset += partition == round % 8 ? 1 : 0;
    }
    CHECK(f.go_on(f.begin(all), 1).responses.empty());
}

}  // namespace imago::test
