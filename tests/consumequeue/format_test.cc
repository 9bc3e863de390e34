// The worked example of docs/format/index.md, byte for byte.
#include "consumequeue/index_fixture.h"

#include <sstream>
#include <string>

using namespace imago;
using namespace imago::consumequeue;

namespace {

const block_header example_header{
    .queue = {0x12ab}, .number = 3, .first = {300}, .end = {307}, .first_position = {0x10000}};

std::vector<index_entry> example_entries() {
    return {
        {.base = {300}, .position = {0x10000}, .max_timestamp = 1'700'000'000'000, .size = 1000, .count = 5},
        {.base = {306},
         .position = {0x10800},
         .max_timestamp = 1'700'000'000'500,
         .size = 200,
         .count = 1,
         .tag_hash = 0xcafe,
         .flags = entry_damaged}};
}

// Lines of 16 bytes as the document has them.
std::string dump(byte_view bytes, std::size_t from, std::size_t to) {
    std::string text;
    char part[8];
    for (std::size_t i = from; i < to; ++i) {
        std::snprintf(part, sizeof part, "%02x%c", static_cast<unsigned>(bytes[i]),
                      i % 16 == 15 || i + 1 == to ? '\n' : ' ');
        text += part;
    }
    return text;
}

}  // namespace

TEST_CASE("the worked example of the format document holds", "[consumequeue]") {
    alignas(8) std::byte bytes[block_size];
    encode_block(bytes, example_header, example_entries());
    const std::string example =
        "cc 72 2a 20 4a ac 55 ed 49 42 4c 4b 01 00 02 00\n"
        "ab 12 00 00 00 00 00 00 03 00 00 00 00 00 00 00\n"
        "2c 01 00 00 00 00 00 00 33 01 00 00 00 00 00 00\n"
        "00 00 01 00 00 00 00 00 00 08 01 00 00 00 00 00\n"
        "f4 69 e5 cf 8b 01 00 00 00 00 00 00 00 00 00 00\n"
        "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00\n"
        "2c 01 00 00 00 00 00 00 00 00 01 00 00 00 00 00\n"
        "00 68 e5 cf 8b 01 00 00 e8 03 00 00 05 00 00 00\n"
        "00 00 00 00 00 00 00 00 32 01 00 00 00 00 00 00\n"
        "00 08 01 00 00 00 00 00 f4 69 e5 cf 8b 01 00 00\n"
        "c8 00 00 00 01 00 00 00 fe ca 00 00 01 00 00 00\n";
    CHECK(dump(bytes, 0, 176) == example);
    for (std::size_t i = 176; i < block_size; ++i) REQUIRE(bytes[i] == std::byte{0});
    const auto decoded = decode_block(bytes);
    REQUIRE(decoded);
    CHECK(decoded->entries == example_entries());
    CHECK(decoded->header.queue == queue_id{0x12ab});
    CHECK(decoded->header.number == 3);
    CHECK(decoded->header.last_position == log_position{0x10800});
    CHECK(decoded->header.max_timestamp == 1'700'000'000'500);
}
