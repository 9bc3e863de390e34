#include "base/checksum.h"

#include <string>

#include "support/catch.h"

TEST_CASE("crc32c gives the check value of RFC 3720", "[base]") {
    CHECK(imago::crc32c(imago::as_bytes("123456789")) == 0xE3069283U);
    CHECK(imago::crc32c({}) == 0U);
}

TEST_CASE("xxh3 changes with every bit and with the seed", "[base]") {
    std::string text(100, 'x');
    const auto before = imago::xxh3(imago::as_bytes(text));
    CHECK(imago::xxh3(imago::as_bytes(text), 1) != before);
    for (char& c : text) {
        c ^= 1;
        CHECK(imago::xxh3(imago::as_bytes(text)) != before);
        c ^= 1;
    }
    CHECK(imago::xxh3(imago::as_bytes(text)) == before);
}
