#include <string>

#include "base/checksum.h"
#include "client/batch_reader.h"
#include "client/outgoing_batch.h"
#include "imago/errors.h"
#include "support/catch.h"

using namespace imago;
using namespace imago::client;

namespace {

message with(std::optional<std::string_view> key, std::optional<std::string_view> value) {
    message m;
    m.key = key;
    m.value = value;
    return m;
}

}  // namespace

TEST_CASE("what is put into a batch is read out of it, with every codec", "[client]") {
    const codec with_codec = GENERATE(codec::none, codec::gzip, codec::snappy, codec::lz4, codec::zstd);
    outgoing_batch batch;
    const header headers[] = {{"h", "x"}, {"n", std::nullopt}};
    message first = with("k", std::string_view("va\0lue", 6));
    first.headers = headers;
    REQUIRE(batch.append(first, 1000, 1 << 20));
    REQUIRE(batch.append(with(std::nullopt, std::nullopt), 998, 1 << 20));
    for (int i = 0; i < 1000; ++i) REQUIRE(batch.append(with("", "the same again and again"), 1001, 1 << 20));
    batch.seal(with_codec);
    batch.stamp({77, 3}, 12);
    const batch_view view(batch.bytes());
    CHECK(view.size() == static_cast<std::int64_t>(batch.bytes().size()));
    CHECK(batch.sealed_size() == batch.bytes().size());
    CHECK(view.codec_bits() == static_cast<std::uint8_t>(with_codec));
    CHECK(view.crc() == crc32c(view.bytes().subspan(batch_crc_start)));
    CHECK(view.producer_id() == 77);
    CHECK(view.producer_epoch() == 3);
    CHECK(view.base_sequence() == 12);
    CHECK(view.max_timestamp() == 1001);

    batch_reader reader;
    auto records = reader.read(view, 0, 1 << 20);
    REQUIRE(records);
    REQUIRE(records->size() == 1002);
    CHECK((*records)[0].key == "k");
    CHECK((*records)[0].value == std::string_view("va\0lue", 6));
    CHECK((*records)[0].timestamp == 1000);
    REQUIRE((*records)[0].headers.size() == 2);
    CHECK((*records)[0].headers[0].name == "h");
    CHECK((*records)[0].headers[0].value == "x");
    CHECK((*records)[0].headers[1].value == std::nullopt);
    CHECK((*records)[1].key == std::nullopt);
    CHECK((*records)[1].value == std::nullopt);
    CHECK((*records)[1].timestamp == 998);
    CHECK((*records)[1001].key == "");
    CHECK((*records)[1001].offset == 1001);
    records = reader.read(view, 1000, 1 << 20);
    REQUIRE(records);
    CHECK(records->size() == 2);

    batch.stamp({78, 0}, 0);
    CHECK(batch_view(batch.bytes()).producer_id() == 78);
    CHECK(batch_view(batch.bytes()).crc() == crc32c(batch.bytes().subspan(batch_crc_start)));
}

TEST_CASE("a batch takes its first message whatever its size, and others within the limit", "[client]") {
    outgoing_batch batch;
    const std::string large(5000, 'x');
    REQUIRE(batch.append(with({}, large), 1, 1000));
    CHECK_FALSE(batch.append(with({}, "y"), 1, 1000));
    CHECK(batch.count() == 1);
    batch.clear();
    CHECK(batch.count() == 0);
    const header headers[] = {{"name", std::string_view(large).substr(0, 300)}};
    message heavy = with("key", "0123456789");
    heavy.headers = headers;
    int taken = 0;
    while (batch.append(taken % 2 == 0 ? heavy : with("key", "0123456789"), taken, 1000)) ++taken;
    CHECK(batch.count() == taken);
    CHECK(batch.size() <= 1000);
}

TEST_CASE("bytes that are no batches are refused, and a last half batch is left out", "[client]") {
    outgoing_batch batch;
    REQUIRE(batch.append(with("k", "value"), 1, 1 << 20));
    batch.stamp({}, -1);
    std::vector<std::byte> two(batch.bytes().begin(), batch.bytes().end());
    two.insert(two.end(), batch.bytes().begin(), batch.bytes().end() - 1);
    batch_cursor cursor(two);
    CHECK(cursor.next().size() == batch.bytes().size());
    CHECK(cursor.next().empty());
    CHECK_FALSE(cursor.bad());

    std::vector<std::byte> bad(two.begin(), two.begin() + 70);
    store_be<std::int32_t>(bad.data() + 8, -7);
    batch_cursor refusing(bad);
    CHECK(refusing.next().empty());
    CHECK(refusing.bad());

    std::vector<std::byte> whole(batch.bytes().begin(), batch.bytes().end());
    batch_reader reader;
    whole[batch_header_size] = std::byte{0x7e};  // a record longer than the batch
    auto read = reader.read(batch_view(whole), 0, 1 << 20);
    REQUIRE_FALSE(read);
    CHECK(read.error() == kafka_errc::corrupt_message);
    whole[22] = std::byte{6};
    read = reader.read(batch_view(whole), 0, 1 << 20);
    CHECK(read.error() == kafka_errc::unsupported_compression_type);
}
