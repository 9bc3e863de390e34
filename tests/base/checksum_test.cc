#include "base/checksum.h"

#include <string>
#include <utility>
#include <vector>

#include "support/catch.h"

TEST_CASE("crc32c gives the check value of RFC 3720", "[base]") {
    CHECK(imago::crc32c(imago::as_bytes("123456789")) == 0xE3069283U);
    CHECK(imago::crc32c({}) == 0U);
}

TEST_CASE("xxh3 is the same whichever way a size takes: it is on the disk", "[base]") {
    const std::pair<std::size_t, std::uint64_t> known[] = {
        {16, 0x3dfb7c5ae85844fe},
        {240, 0xd865d0b2178586a4},
        {511, 0x5e95f77af1822abf},
        {512, 0xf4eb96d4d409c646},
        {513, 0xbf72b5f77720f325},
        {4096, 0x3a984cb5a6913189},
        {70000, 0x8983b77d249c3630},
    };
    for (const auto& [size, hash] : known) {
        std::vector<std::byte> bytes(size);
        for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 131 + 7);
        CHECK(imago::xxh3(bytes, 42) == hash);
    }
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
