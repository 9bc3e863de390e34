#include "client/batch_builder.h"

#include <string>

#include "base/checksum.h"
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

TEST_CASE("a batch is the bytes that the format asks for", "[client]") {
    batch_builder builder;
    const header headers[] = {{"h", "x"}, {"n", std::nullopt}};
    message first = with("k", "value");
    first.headers = headers;
    REQUIRE(builder.append(first, 1000, 1 << 20));
    REQUIRE(builder.append(with(std::nullopt, std::nullopt), 998, 1 << 20));
    const byte_span bytes = builder.finish();
    stamp(bytes, {77, 3}, 12);

    const batch_view view(bytes);
    CHECK(view.size() == static_cast<std::int64_t>(bytes.size()));
    CHECK(view.magic() == 2);
    CHECK(view.crc() == crc32c(view.bytes().subspan(batch_crc_start)));
    CHECK(view.attributes() == 0);
    CHECK(view.last_offset_delta() == 1);
    CHECK(view.count() == 2);
    CHECK(view.base_timestamp() == 1000);
    CHECK(view.max_timestamp() == 1000);
    CHECK(view.producer_id() == 77);
    CHECK(view.producer_epoch() == 3);
    CHECK(view.base_sequence() == 12);
    // length 19 | attributes | time +0 | offset +0 | key | value | 2 headers; then length 6 | ... | time -2 | offset +1
    const std::string expected("\x26\0\0\0\2k\x0avalue\4\2h\2x\2n\1\x0c\0\3\2\1\1\0", 27);
    CHECK(as_text(builder.records()) == expected);
    CHECK(builder.payload_bytes() == 6);
}

TEST_CASE("a batch takes its first message whatever its size, and others within the limit", "[client]") {
    batch_builder builder;
    const std::string large(5000, 'x');
    REQUIRE(builder.append(with({}, large), 1, 1000));
    CHECK_FALSE(builder.append(with({}, "y"), 1, 1000));
    CHECK(builder.count() == 1);
    builder.clear();
    CHECK(builder.empty());
    int taken = 0;
    while (builder.append(with("key", "0123456789"), taken, 1000)) ++taken;
    CHECK(builder.count() == taken);
    CHECK(builder.size() <= 1000);
    CHECK(builder.size() > 1000 - 25);
}
