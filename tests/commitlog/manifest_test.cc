#include "commitlog/manifest.h"

#include "io/sim_disk.h"
#include "support/catch.h"

using namespace imago;
using namespace imago::commitlog;

namespace {

std::vector<segment_entry> two_segments() {
    return {{{0}, 65536, {{{4096}, 11, {4096}}, {{8192}, 12, {7700}}}}, {{65536}, 65536, {{{69632}, 13, {69632}}}}};
}

}  // namespace

TEST_CASE("a manifest survives the round trip", "[commitlog]") {
    const auto bytes = encode_manifest(7, two_segments());
    const auto decoded = decode_manifest(bytes);
    REQUIRE(decoded);
    CHECK(decoded->sequence == 7);
    CHECK(decoded->segments == two_segments());
}

TEST_CASE("a manifest with any flipped byte, or cut short, is refused", "[commitlog]") {
    auto bytes = encode_manifest(7, two_segments());
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        bytes[i] ^= std::byte{0x40};
        CHECK_FALSE(decode_manifest(bytes));
        bytes[i] ^= std::byte{0x40};
        CHECK_FALSE(decode_manifest(byte_view(bytes).first(i)));
    }
}

TEST_CASE("the newer of two manifest slots counts, and the older one when the newer is torn", "[commitlog]") {
    io::sim_disk disk{io::sim_options{}};
    REQUIRE(disk.make_directories("d"));
    auto created = manifest::open(disk, "d/manifest", true);
    REQUIRE(created);
    auto one = two_segments();
    one.pop_back();
    REQUIRE(created->replace(one));
    REQUIRE(created->replace(two_segments()));
    CHECK(manifest::open(disk, "d/manifest", false)->segments() == two_segments());
    // Sequence 2 went to slot 0.
    auto file = disk.open("d/manifest", {.write = true});
    REQUIRE(file);
    const std::byte broken[1] = {std::byte{0xff}};
    REQUIRE(disk.write_at(**file, 20, broken));
    CHECK(manifest::open(disk, "d/manifest", false)->segments() == one);
}

TEST_CASE("without any valid slot an existing manifest is an error", "[commitlog]") {
    io::sim_disk disk{io::sim_options{}};
    REQUIRE(disk.make_directories("d"));
    REQUIRE(manifest::open(disk, "d/manifest", true));
    const auto opened = manifest::open(disk, "d/manifest", false);
    REQUIRE_FALSE(opened);
    CHECK(opened.error() == make_error_code(commitlog_errc::bad_manifest));
}
