// Produce, Fetch and ListOffsets by script.
#include "base/records.h"
#include "kafka_server.h"
#include "wire/compression.h"
#include "wire/kafka/fetch.h"
#include "wire/kafka/init_producer_id.h"
#include "wire/kafka/list_offsets.h"
#include "wire/kafka/produce.h"

namespace imago::test {

namespace {

constexpr unix_ms start_time = 1'700'000'000'000;

wire::produce_request produce_of(std::string_view topic, std::int32_t partition, byte_view batch,
                                 std::int16_t acks = -1) {
    wire::produce_request request;
    request.acks = acks;
    request.timeout_ms = 1000;
    auto& data = request.topic_data.emplace_back();
    data.name = topic;
    data.partition_data.push_back({partition, wire::record_data(batch)});
    return request;
}

wire::produce_response::topic_produce_response::partition_produce_response produce_one(
    kafka_client& client, std::string_view topic, std::int32_t partition, byte_view batch,
    std::int16_t version = 9) {
    const auto response = client.call<wire::produce_response>(version, produce_of(topic, partition, batch));
    REQUIRE(response.responses.size() == 1);
    REQUIRE(response.responses[0].partition_responses.size() == 1);
    CHECK(response.responses[0].partition_responses[0].index == partition);
    return response.responses[0].partition_responses[0];
}

wire::fetch_request fetch_of(std::string_view topic,
                             std::vector<std::pair<std::int32_t, std::int64_t>> partitions,
                             std::int32_t wait_ms = 0, std::int32_t min_bytes = 1) {
    wire::fetch_request request;
    request.max_wait_ms = wait_ms;
    request.min_bytes = min_bytes;
    request.max_bytes = 50 << 20;
    auto& asked = request.topics.emplace_back();
    asked.topic = topic;
    for (const auto& [partition, offset] : partitions) {
        auto& each = asked.partitions.emplace_back();
        each.partition = partition;
        each.fetch_offset = offset;
        each.partition_max_bytes = 1 << 20;
    }
    return request;
}

/// Base offsets and sizes of the batches in a records field.
std::vector<std::int64_t> bases(byte_view records) {
    std::vector<std::int64_t> found;
    while (!records.empty()) {
        REQUIRE(records.size() >= batch_header_size);
        const batch_view batch(records);
        REQUIRE(batch.size() <= static_cast<std::int64_t>(records.size()));
        found.push_back(batch.base_offset().value);
        records = records.subspan(static_cast<std::size_t>(batch.size()));
    }
    return found;
}

std::int64_t offset_at(kafka_client& client, std::string_view topic, std::int64_t time,
                       std::int16_t version = 7, std::int64_t* found_time = nullptr) {
    wire::list_offsets_request request;
    request.replica_id = -1;
    request.topics.push_back({topic, {{0, -1, time}}});
    const auto response = client.call<wire::list_offsets_response>(version, request);
    const auto& partition = response.topics.at(0).partitions.at(0);
    CHECK(partition.error_code == 0);
    if (found_time != nullptr) *found_time = partition.timestamp;
    return partition.offset;
}

}  // namespace

TEST_CASE("what is produced is fetched, byte for byte but for offset and epoch", "[kafka]") {
    kafka_server server;
    kafka_client client(server);
    client.create_topic("t", 2);
    const auto batch = make_batch({"one", "two", "three"}, start_time);
    for (const std::int16_t version : {3, 5, 7, 8, 9, 10, 12}) {
        const auto told = produce_one(client, "t", 1, batch, version);
        CHECK(told.error_code == 0);
        CHECK(told.log_append_time_ms == -1);
        CHECK(told.base_offset % 3 == 0);
    }
    for (const std::int16_t version : {4, 5, 7, 9, 11, 12}) {
        const auto got = client.call<wire::fetch_response>(version, fetch_of("t", {{1, 4}}));
        const auto& partition = got.responses.at(0).partitions.at(0);
        CHECK(partition.error_code == 0);
        CHECK(partition.high_watermark == 21);
        CHECK(partition.last_stable_offset == 21);
        const byte_view records = partition.records.view();
        // The batch that holds offset 4 comes whole.
        CHECK(bases(records) == std::vector<std::int64_t>{3, 6, 9, 12, 15, 18});
        CHECK(
            std::equal(batch.begin() + batch_prefix_size, batch.end(), records.begin() + batch_prefix_size));
    }
}

TEST_CASE("topics are named by their ids in the newest versions", "[kafka]") {
    kafka_server server;
    kafka_client client(server);
    const uuid id = client.create_topic("t", 1);
    const auto batch = make_batch({"one"}, start_time);
    auto produce = produce_of("", 0, batch);
    produce.topic_data[0].topic_id = id;
    auto told = client.call<wire::produce_response>(13, produce);
    CHECK(told.responses.at(0).partition_responses.at(0).error_code == 0);
    CHECK(told.responses[0].topic_id == id);
    produce.topic_data[0].topic_id = uuid::random();
    told = client.call<wire::produce_response>(13, produce);
    CHECK(told.responses.at(0).partition_responses.at(0).error_code == code(kafka_error::unknown_topic_id));

    for (const std::int16_t version : {13, 15, 16, 17, 18}) {
        auto fetch = fetch_of("", {{0, 0}});
        fetch.topics[0].topic_id = id;
        auto got = client.call<wire::fetch_response>(version, fetch);
        CHECK(got.responses.at(0).topic_id == id);
        CHECK(bases(got.responses[0].partitions.at(0).records.view()).size() == 1);
        fetch.topics[0].topic_id = uuid::random();
        got = client.call<wire::fetch_response>(version, fetch);
        CHECK(got.responses.at(0).partitions.at(0).error_code == code(kafka_error::unknown_topic_id));
    }
}

TEST_CASE("one produce request is one append, whatever the number of its partitions", "[kafka]") {
    kafka_server server;
    kafka_client client(server);
    client.create_topic("t", 100);
    const auto batch = make_batch({"one"}, start_time);
    wire::produce_request request;
    request.acks = 1;
    auto& data = request.topic_data.emplace_back();
    data.name = "t";
    for (std::int32_t p = 0; p < 100; ++p)
        data.partition_data.push_back({p, wire::record_data(byte_view(batch))});
    const auto groups = server.store.statistics().groups;
    const auto told = client.call<wire::produce_response>(9, request);
    CHECK(server.store.statistics().groups == groups + 1);
    REQUIRE(told.responses.at(0).partition_responses.size() == 100);
    for (const auto& partition : told.responses[0].partition_responses) CHECK(partition.error_code == 0);
}

TEST_CASE("what is wrong with a batch is said as Kafka says it", "[kafka]") {
    kafka_server server;
    kafka_client client(server);
    client.create_topic("t", 1, {{"max.message.bytes", "2000"}});
    client.create_topic("compacted", 1, {{"cleanup.policy", "compact"}});
    const auto batch = make_batch({"one"}, start_time);

    CHECK(produce_one(client, "t", 7, batch).error_code == code(kafka_error::unknown_topic_or_partition));
    CHECK(produce_one(client, "nowhere", 0, batch).error_code ==
          code(kafka_error::unknown_topic_or_partition));

    auto bad = batch;
    bad.back() ^= std::byte{1};
    CHECK(produce_one(client, "t", 0, bad).error_code == code(kafka_error::corrupt_message));
    auto two = batch;
    two.insert(two.end(), batch.begin(), batch.end());
    CHECK(produce_one(client, "t", 0, two).error_code == code(kafka_error::invalid_record));
    CHECK(produce_one(client, "t", 0, {}).error_code == code(kafka_error::invalid_record));
    const auto large = make_batch({std::string(3000, 'x')}, start_time);
    CHECK(produce_one(client, "t", 0, large).error_code == code(kafka_error::message_too_large));
    const auto future = make_batch({"one"}, start_time + 100 * 3'600'000);
    CHECK(produce_one(client, "t", 0, future).error_code == code(kafka_error::invalid_timestamp));

    batch_builder keyless;
    keyless.add(start_time, std::nullopt, as_bytes("v"));
    const auto told = produce_one(client, "compacted", 0, keyless.finish());
    CHECK(told.error_code == code(kafka_error::invalid_record));
    REQUIRE(told.record_errors.size() == 1);
    CHECK(told.record_errors[0].batch_index == 0);

    auto acks = produce_of("t", 0, batch, 2);
    CHECK(client.call<wire::produce_response>(9, acks).responses.at(0).partition_responses.at(0).error_code ==
          code(kafka_error::invalid_required_acks));
    // Nothing of all that was stored.
    CHECK(offset_at(client, "t", -1) == 0);
}

TEST_CASE("zstd is refused in versions whose consumers may not know it", "[kafka]") {
    kafka_server server;
    kafka_client client(server);
    client.create_topic("t", 1);
    std::vector<std::byte> squeezed;
    imago::wire::compress_batch(make_batch({"one", "two"}, start_time), compression::zstd, squeezed);
    CHECK(produce_one(client, "t", 0, squeezed, 6).error_code ==
          code(kafka_error::unsupported_compression_type));
    CHECK(produce_one(client, "t", 0, squeezed, 7).error_code == 0);
}

TEST_CASE("acks 0 is never answered, and an error closes the connection", "[kafka]") {
    kafka_server server;
    kafka_client client(server);
    client.create_topic("t", 1);
    const auto batch = make_batch({"one"}, start_time);
    client.send(9, produce_of("t", 0, batch, 0));
    client.send(9, produce_of("t", 0, batch, 0));
    const auto told = client.call<wire::produce_response>(9, produce_of("t", 0, batch, 1));
    CHECK(told.responses.at(0).partition_responses.at(0).base_offset == 2);
    client.send(9, produce_of("t", 5, batch, 0));
    CHECK(client.peer_.receive() == "(closed)");
}

TEST_CASE("with LogAppendTime the producer learns the time that its records got", "[kafka]") {
    kafka_server server;
    kafka_client client(server);
    client.create_topic("t", 1, {{"message.timestamp.type", "LogAppendTime"}});
    const auto told = produce_one(client, "t", 0, make_batch({"one"}, 1234));
    CHECK(told.error_code == 0);
    CHECK(told.log_append_time_ms > 0);
}

TEST_CASE("pipelined requests are answered in order though a fetch among them waits", "[kafka]") {
    kafka_server server;
    kafka_client client(server);
    client.create_topic("t", 1);
    const auto batch = make_batch({"one"}, start_time);
    client.send(11, fetch_of("t", {{0, 0}}, 5000));
    client.send(9, produce_of("t", 0, batch));
    const auto got = client.receive<wire::fetch_response>(11);
    CHECK(bases(got.responses.at(0).partitions.at(0).records.view()).size() == 1);
    const auto told = client.receive<wire::produce_response>(9);
    CHECK(told.responses.at(0).partition_responses.at(0).error_code == 0);
}

TEST_CASE("a fetch waits for min_bytes, or until its time is up", "[kafka]") {
    kafka_server server;
    kafka_client consumer(server);
    kafka_client producer(server);
    producer.create_topic("t", 3);
    const auto batch = make_batch({std::string(100, 'x')}, start_time);

    auto began = std::chrono::steady_clock::now();
    auto got = consumer.call<wire::fetch_response>(11, fetch_of("t", {{0, 0}, {1, 0}, {2, 0}}, 200));
    auto took = std::chrono::steady_clock::now() - began;
    CHECK(took >= std::chrono::milliseconds(195));
    CHECK(got.responses.at(0).partitions.at(1).records.view().empty());
    CHECK(!got.responses[0].partitions[1].records.is_null());
    CHECK(got.responses[0].partitions[1].high_watermark == 0);

    // A consumer that takes no bytes still waits: or it would ask again and again.
    auto nothing = fetch_of("t", {{0, 0}}, 100);
    nothing.max_bytes = 0;
    began = std::chrono::steady_clock::now();
    consumer.call<wire::fetch_response>(11, nothing);
    CHECK(std::chrono::steady_clock::now() - began >= std::chrono::milliseconds(95));

    began = std::chrono::steady_clock::now();
    consumer.send(11, fetch_of("t", {{0, 0}, {1, 0}, {2, 0}}, 10'000, 300));
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    for (int i = 0; i < 3; ++i) CHECK(produce_one(producer, "t", i % 2, batch).error_code == 0);
    got = consumer.receive<wire::fetch_response>(11);
    took = std::chrono::steady_clock::now() - began;
    CHECK(took < std::chrono::seconds(5));
    std::size_t bytes = 0;
    for (const auto& partition : got.responses.at(0).partitions) bytes += partition.records.view().size();
    CHECK(bytes >= 300);
    CHECK(server.lines_logged() == 0);
}

TEST_CASE("a consumer that goes away while it waits leaves nothing behind", "[kafka]") {
    kafka_server server;
    {
        kafka_client maker(server);
        maker.create_topic("t", 20);
    }
    const auto batch = make_batch({"one"}, start_time);
    for (int round = 0; round < 30; ++round) {
        kafka_client producer(server);
        std::vector<std::unique_ptr<kafka_client>> consumers;
        for (int c = 0; c < 4; ++c) {
            consumers.push_back(std::make_unique<kafka_client>(server));
            std::vector<std::pair<std::int32_t, std::int64_t>> all;
            for (std::int32_t p = 0; p < 20; ++p) all.emplace_back(p, 1'000'000);
            auto fetch = fetch_of("t", all, 60'000, 1 << 20);
            for (auto& partition : fetch.topics[0].partitions) partition.fetch_offset = round;
            consumers.back()->send(11, fetch);
        }
        wire::produce_request request;
        request.acks = 1;
        auto& data = request.topic_data.emplace_back();
        data.name = "t";
        for (std::int32_t p = 0; p < 20; ++p)
            data.partition_data.push_back({p, wire::record_data(byte_view(batch))});
        producer.send(9, request);
        if (round % 2 == 0) consumers.clear();  // while the store wakes them
        producer.receive<wire::produce_response>(9);
    }
    CHECK(soon([&] { return server.net->statistics().connections == 0; }));
    CHECK(server.net->statistics().bytes_held == 0);
}

TEST_CASE("an offset out of range is told with the range", "[kafka]") {
    kafka_server server;
    kafka_client client(server);
    client.create_topic("t", 1);
    produce_one(client, "t", 0, make_batch({"one", "two"}, start_time));
    for (const std::int64_t offset : {3, -1, 100}) {
        const auto got = client.call<wire::fetch_response>(11, fetch_of("t", {{0, offset}}, 10'000));
        const auto& partition = got.responses.at(0).partitions.at(0);
        CHECK(partition.error_code == code(kafka_error::offset_out_of_range));
        CHECK(partition.log_start_offset == 0);
        CHECK(partition.high_watermark == 2);
    }
    // The end itself is in range: there only is nothing yet.
    CHECK(client.call<wire::fetch_response>(11, fetch_of("t", {{0, 2}}))
              .responses.at(0)
              .partitions.at(0)
              .error_code == 0);
}

TEST_CASE("the first batch comes even if it is larger than every limit, and others must fit", "[kafka]") {
    kafka_server server;
    kafka_client client(server);
    client.create_topic("t", 2);
    for (int i = 0; i < 3; ++i) {
        produce_one(client, "t", 0, make_batch({std::string(1000, 'x')}, start_time));
        produce_one(client, "t", 1, make_batch({std::string(1000, 'y')}, start_time));
    }
    auto request = fetch_of("t", {{0, 0}, {1, 0}});
    request.max_bytes = 10;
    auto got = client.call<wire::fetch_response>(11, request);
    CHECK(bases(got.responses.at(0).partitions.at(0).records.view()).size() == 1);
    CHECK(got.responses[0].partitions.at(1).records.view().empty());
    CHECK(got.responses[0].partitions[1].high_watermark == 3);

    request.max_bytes = 1 << 20;
    for (auto& partition : request.topics[0].partitions) partition.partition_max_bytes = 2300;
    got = client.call<wire::fetch_response>(11, request);
    CHECK(bases(got.responses.at(0).partitions.at(0).records.view()).size() == 2);
    CHECK(bases(got.responses[0].partitions.at(1).records.view()).size() == 2);
}

TEST_CASE("read_committed gets an empty list of aborted transactions, read_uncommitted none", "[kafka]") {
    kafka_server server;
    kafka_client client(server);
    client.create_topic("t", 1);
    produce_one(client, "t", 0, make_batch({"one"}, start_time));
    auto request = fetch_of("t", {{0, 0}});
    CHECK(!client.call<wire::fetch_response>(11, request)
               .responses.at(0)
               .partitions.at(0)
               .aborted_transactions);
    request.isolation_level = 1;
    const auto got = client.call<wire::fetch_response>(11, request);
    REQUIRE(got.responses.at(0).partitions.at(0).aborted_transactions);
    CHECK(got.responses[0].partitions[0].aborted_transactions->empty());
}

TEST_CASE("a leader epoch that is not ours is told apart: old and unknown", "[kafka]") {
    kafka_server server;
    kafka_client client(server);
    client.create_topic("t", 1);
    auto request = fetch_of("t", {{0, 0}});
    request.topics[0].partitions[0].current_leader_epoch = 5;
    CHECK(client.call<wire::fetch_response>(11, request).responses.at(0).partitions.at(0).error_code ==
          code(kafka_error::unknown_leader_epoch));
    request.topics[0].partitions[0].current_leader_epoch = 0;
    CHECK(client.call<wire::fetch_response>(11, request).responses.at(0).partitions.at(0).error_code == 0);
}

TEST_CASE("offsets are found by time to the record, in every codec", "[kafka]") {
    kafka_server server;
    kafka_client client(server);
    client.create_topic("t", 1);
    std::int64_t next = 0;
    for (const compression codec :
         {compression::none, compression::gzip, compression::snappy, compression::lz4, compression::zstd}) {
        std::vector<std::byte> squeezed;
        const auto plain = make_batch({"a", "b", "c", "d"}, start_time + next * 100);
        if (codec == compression::none) {
            squeezed = plain;
        } else {
            imago::wire::compress_batch(plain, codec, squeezed);
        }
        REQUIRE(produce_one(client, "t", 0, squeezed).error_code == 0);
        std::int64_t time = 0;
        CHECK(offset_at(client, "t", start_time + next * 100, 7, &time) == next);
        CHECK(time == start_time + next * 100);
        CHECK(offset_at(client, "t", start_time + next * 100 + 2, 7, &time) == next + 2);
        CHECK(time == start_time + next * 100 + 2);
        CHECK(offset_at(client, "t", start_time + next * 100 - 50) == next);
        next += 4;
    }
    CHECK(offset_at(client, "t", start_time + 1'000'000) == -1);
    CHECK(offset_at(client, "t", -1) == 20);
    CHECK(offset_at(client, "t", -2) == 0);
    CHECK(offset_at(client, "t", -4, 8) == 0);
    CHECK(offset_at(client, "t", -5, 9) == -1);
    std::int64_t time = 0;
    CHECK(offset_at(client, "t", -3, 7, &time) == 19);
    CHECK(time == start_time + 1600 + 3);
}

TEST_CASE("producer ids are given out once, and not for transactions", "[kafka]") {
    kafka_server server;
    kafka_client client(server);
    std::vector<std::int64_t> ids;
    for (const std::int16_t version : {0, 1, 2, 3, 4, 5}) {
        const auto told =
            client.call<wire::init_producer_id_response>(version, wire::init_producer_id_request{});
        CHECK(told.error_code == 0);
        CHECK(told.producer_epoch == 0);
        CHECK(std::find(ids.begin(), ids.end(), told.producer_id) == ids.end());
        ids.push_back(told.producer_id);
    }
    wire::init_producer_id_request transactional;
    transactional.transactional_id = "tx";
    CHECK(client.call<wire::init_producer_id_response>(4, transactional).error_code ==
          code(kafka_error::invalid_request));
}

TEST_CASE("errors of the store reach the producer as Kafka's", "[kafka]") {
    kafka_server server;
    kafka_client client(server);
    client.create_topic("t", 1);
    const auto batch = make_batch({"one"}, start_time);
    const std::pair<store::store_errc, kafka_error> pairs[] = {
        {store::store_errc::no_space, kafka_error::kafka_storage_error},
        {store::store_errc::failed, kafka_error::kafka_storage_error},
        {store::store_errc::out_of_order_sequence, kafka_error::out_of_order_sequence_number},
        {store::store_errc::invalid_producer_epoch, kafka_error::invalid_producer_epoch},
        {store::store_errc::too_large, kafka_error::record_list_too_large},
        {store::store_errc::closing, kafka_error::not_leader_or_follower},
    };
    for (const auto& [ours, theirs] : pairs) {
        server.store.fail_append(ours);
        CHECK(produce_one(client, "t", 0, batch).error_code == code(theirs));
    }
    CHECK(server.lines_logged() == 0);
    // What nobody thought of is said in the log.
    server.store.fail_append(std::make_error_code(std::errc::no_message));
    CHECK(produce_one(client, "t", 0, batch).error_code == code(kafka_error::unknown_server_error));
    CHECK(server.lines_logged() == 1);
}

}  // namespace imago::test
