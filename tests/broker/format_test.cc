// The bytes of stored records, as docs/format/tables.md shows them. Data folders hold them: they change only
// together with the version byte.
#include "broker/group_offsets.h"
#include "broker/producer_ids.h"
#include "broker/server_settings.h"
#include "broker/topics.h"
#include "support/catch.h"

#include <numeric>

using namespace imago;
using namespace imago::broker;

namespace {

std::string hex(std::string_view bytes) {
    constexpr char digits[] = "0123456789abcdef";
    std::string text;
    for (const char byte : bytes) {
        const auto value = static_cast<unsigned char>(byte);
        if (!text.empty()) text += ' ';
        text += digits[value >> 4];
        text += digits[value & 15];
    }
    return text;
}

uuid counted_id() {
    uuid id;
    std::iota(id.bytes.begin(), id.bytes.end(), std::uint8_t{0});
    return id;
}

constexpr std::string_view id_hex = "00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f";

}  // namespace

TEST_CASE("a topic's record has the bytes that its format says", "[broker]") {
    topic one;
    one.name = "ab";
    one.id = counted_id();
    one.created = 1'700'000'000'000;
    one.partitions = {{16}, {17}, {18}, {40}};
    one.configs = {{"retention.ms", "60"}};
    const auto record = topics::topic_record(one);
    CHECK(record.table == store::table_id::topics);
    CHECK(hex(record.key) == "74 " + std::string(id_hex));
    CHECK(hex(record.value) ==
          "01 "                                                                              // version
          "02 00 00 00 61 62 "                                                               // name
          "00 68 e5 cf 8b 01 00 00 "                                                         // created
          "02 00 00 00 10 00 00 00 03 00 00 00 28 00 00 00 01 00 00 00 "                     // runs of queues
          "01 00 00 00 0c 00 00 00 72 65 74 65 6e 74 69 6f 6e 2e 6d 73 02 00 00 00 36 30");  // settings
    const auto debris = topics::debris_record({counted_id(), {{{16}, 3}}});
    CHECK(hex(debris.key) == "64 " + std::string(id_hex));
    CHECK(hex(debris.value) == "01 01 00 00 00 10 00 00 00 03 00 00 00");
}

TEST_CASE("an offset's records have the bytes that their format says", "[broker]") {
    const group_offsets::position where{counted_id(), 3};
    const auto record = group_offsets::record("g", where, {{258}, -1, "m", 5, -1});
    CHECK(record.table == store::table_id::group_offsets);
    CHECK(hex(record.key) == "6f 01 00 00 00 67 " + std::string(id_hex) + " 03 00 00 00");
    CHECK(hex(record.value) ==
          "01 02 01 00 00 00 00 00 00 ff ff ff ff 05 00 00 00 00 00 00 00 ff ff ff ff ff ff ff ff 01 00 00 "
          "00 6d");
    CHECK(hex(group_offsets::expiry("g", where, 5).key) ==
          "65 01 00 00 00 67 " + std::string(id_hex) + " 03 00 00 00 05 00 00 00 00 00 00 00");
    CHECK(hex(group_offsets::topic_removal(counted_id()).key) == "78 " + std::string(id_hex));
}

TEST_CASE("the other records have the bytes that their format says", "[broker]") {
    CHECK(hex(producer_id_table::record(1'000).key) == "6e 65 78 74");
    CHECK(hex(producer_id_table::record(1'000).value) == "01 e8 03 00 00 00 00 00 00");
    CHECK(hex(server_settings::identity_record("x").key) == "69");
    CHECK(hex(server_settings::identity_record("x").value) == "01 01 00 00 00 78");
    CHECK(server_settings::config_record("num.partitions", "4").key == "cnum.partitions");
    CHECK(hex(server_settings::config_record("num.partitions", "4").value) == "01 01 00 00 00 34");
}
