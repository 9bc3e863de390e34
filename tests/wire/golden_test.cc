// Bytes that we did not make: requests of kcat 1.7.1 (librdkafka 2.0.2), recorded by a socket that listened.
#include "base/records.h"
#include "support/catch.h"
#include "wire/kafka/api_versions.h"
#include "wire/kafka/metadata.h"
#include "wire/kafka/produce.h"
#include "wire/kafka/produced_batch.h"
#include "wire/kafka/protocol.h"

#include <algorithm>
#include <string>

using namespace imago;
using namespace imago::wire;
using namespace imago::wire::kafka;

namespace {

using bytes = std::vector<std::byte>;

/// Two digits for each byte; spaces are for the reader.
bytes from_hex(std::string text) {
    text.erase(std::remove(text.begin(), text.end(), ' '), text.end());
    bytes made;
    for (std::size_t i = 0; i < text.size(); i += 2)
        made.push_back(static_cast<std::byte>(std::stoi(text.substr(i, 2), nullptr, 16)));
    return made;
}

/// Decodes a recorded frame, checks that encoding gives the same bytes, and returns the header.
template <class Request>
request_header decode_all(const bytes& frame, Request& into) {
    reader in(frame);
    const auto header = decode_request_header(in);
    REQUIRE(header);
    REQUIRE(header->client_id == "rdkafka");
    REQUIRE(decode(in, header->version, into));
    REQUIRE(in.remaining() == 0);
    gather_buffer again;
    encode_request_frame(again, *header, into);
    const bytes made = again.flatten();
    REQUIRE(bytes(made.begin() + 4, made.end()) == frame);
    return *header;
}

}  // namespace

TEST_CASE("the ApiVersions requests of librdkafka", "[wire]") {
    api_versions_request request;
    const bytes flexible =
        from_hex("0012000300000001000772646b61666b61000b6c696272646b61666b6106322e302e3200");
    REQUIRE(decode_all(flexible, request).version == 3);
    REQUIRE(request.client_software_name == "librdkafka");
    REQUIRE(request.client_software_version == "2.0.2");
    const bytes old = from_hex("0012000000000002000772646b61666b61");
    REQUIRE(decode_all(old, request).correlation_id == 2);
    REQUIRE(request.client_software_name.empty());
}

TEST_CASE("the Metadata request of librdkafka", "[wire]") {
    metadata_request request;
    const bytes frame = from_hex("0003000200000003000772646b61666b6100000001000174");
    REQUIRE(decode_all(frame, request).version == 2);
    REQUIRE(request.topics->size() == 1);
    REQUIRE(request.topics->front().name == "t");
    REQUIRE(request.allow_auto_topic_creation);
}

TEST_CASE("the Produce request of librdkafka", "[wire]") {
    const bytes frame = from_hex(
        "0000000700000004000772646b61666b61ffffffff0000753000000001000174000000010000000000000061000000000000"
        "00000000"
        "0055000000000293d5afbb000000000001000001a1fe0ff268000001a1fe0ff268ffffffffffffffffffffffffffff000000"
        "02220000"
        "00046b310a68656c6c6f020261026222000002046b320a776f726c640202610262");
    produce_request request;
    REQUIRE(decode_all(frame, request).version == 7);
    REQUIRE(request.acks == -1);
    REQUIRE(request.timeout_ms == 30000);
    REQUIRE(request.topic_data.size() == 1);
    const auto& partition = request.topic_data[0].partition_data.at(0);
    const byte_view records = partition.records.view();
    const produced_batch verdict = check_produced(records, {});
    REQUIRE(verdict.error == kafka_error::none);
    REQUIRE(verdict.count == 2);
    REQUIRE(verdict.max_timestamp == batch_view(records).max_timestamp());
    record_reader reader(records.subspan(batch_header_size));
    record_view record;
    REQUIRE(reader.next(record));
    REQUIRE(as_text(*record.key) == "k1");
    REQUIRE(as_text(*record.value) == "hello");
    REQUIRE(reader.next(record));
    header_reader headers(record);
    record_header header;
    REQUIRE(headers.next(header));
    REQUIRE(header.key == "a");
    REQUIRE(as_text(*header.value) == "b");
}

TEST_CASE("an ApiVersions answer, byte by byte", "[wire]") {
    api_versions_response response;
    response.api_keys.push_back({.api_key = 18, .min_version = 0, .max_version = 4});
    const auto body = [&](std::int16_t version) {
        gather_buffer out;
        encode_response_frame(out, {.version = version, .correlation_id = 1}, response);
        return out.flatten();
    };
    //                           length   correlation error count    key  min  max  throttle
    REQUIRE(body(0) == from_hex("00000010 00000001 0000 00000001 0012 0000 0004"));
    REQUIRE(body(1) == from_hex("00000014 00000001 0000 00000001 0012 0000 0004 00000000"));
    // Flexible: compact count 2, tags after the element and at the end, but none in the header.
    REQUIRE(body(3) == from_hex("00000013 00000001 0000 02 0012 0000 0004 00 00000000 00"));
}
