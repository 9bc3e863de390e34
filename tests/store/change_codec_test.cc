#include "store/change_codec.h"

#include "base/checksum.h"
#include "base/record_batch.h"
#include "support/catch.h"

using namespace imago;
using namespace imago::store;

namespace {

std::vector<table_change> some_changes() {
    return {{table_id::topics, "key", "value", false},
            {table_id::queues, std::string("\0\1\2\3", 4), {}, true},
            {table_id::group_offsets, std::string(300, 'k'), std::string(5000, 'v'), false},
            {table_id::server, "", "", false}};
}

}  // namespace

TEST_CASE("changes survive the round trip through a record batch", "[changes]") {
    std::vector<std::byte> bytes;
    encode_changes(some_changes(), 77, bytes);
    const batch_view batch(bytes);
    CHECK(batch.size() == static_cast<std::int64_t>(bytes.size()));
    CHECK(batch.count() == 4);
    CHECK(batch.crc() == crc32c(byte_view(bytes).subspan(batch_crc_start)));
    std::vector<table_change> seen;
    REQUIRE(decode_changes(bytes, [&](const decoded_change& c) {
        seen.push_back({c.table, std::string(as_text(c.key)), std::string(as_text(c.value)), c.removed});
    }));
    const auto expected = some_changes();
    REQUIRE(seen.size() == expected.size());
    for (std::size_t i = 0; i < seen.size(); ++i) {
        CHECK(seen[i].table == expected[i].table);
        CHECK(seen[i].key == expected[i].key);
        CHECK(seen[i].value == expected[i].value);
        CHECK(seen[i].removed == expected[i].removed);
    }
}

TEST_CASE("a cut or flipped batch of changes is an error or other changes, never a crash", "[changes]") {
    std::vector<std::byte> bytes;
    encode_changes(some_changes(), 77, bytes);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        CHECK_FALSE(decode_changes(byte_view(bytes).first(size), [](const decoded_change&) {}));
    }
    for (std::size_t i = 0; i < 500; ++i) {
        auto flipped = bytes;
        flipped[i] ^= std::byte{0xff};
        (void)decode_changes(flipped, [](const decoded_change&) {});
    }
}
