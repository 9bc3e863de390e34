#include "commitlog/segments.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "commitlog/segment_header.h"
#include "io/sim_disk.h"
#include "support/catch.h"

using namespace imago;
using namespace imago::commitlog;

namespace {

segments_options small(std::uint64_t bytes = 64 * 1024) {
    segments_options options;
    options.directory = "log";
    options.segment_bytes = bytes;
    options.zero_fill = false;
    return options;
}

}  // namespace

TEST_CASE("a new log starts with one segment, and a reopened one finds it", "[commitlog]") {
    io::sim_disk disk;
    std::uint64_t salt = 0;
    {
        auto set = segment_set::open(disk, small());
        REQUIRE(set);
        CHECK((*set)->fresh());
        salt = (*set)->active()->salt_at({4096});
        CHECK((*set)->active()->data_start() == log_position{4096});
    }
    auto again = segment_set::open(disk, small());
    REQUIRE(again);
    CHECK_FALSE((*again)->fresh());
    CHECK((*again)->find({5000})->salt_at({5000}) == salt);
}

TEST_CASE("a cut gives what follows another salt", "[commitlog]") {
    io::sim_disk disk;
    auto set = segment_set::open(disk, small());
    REQUIRE(set);
    const std::uint64_t before = (*set)->active()->salt_at({9000});
    const auto at = (*set)->cut({8200});
    REQUIRE(at);
    CHECK(*at == log_position{8704});
    CHECK((*set)->active()->salt_at({8200}) == before);
    CHECK((*set)->active()->salt_at({8704}) != before);
    CHECK_FALSE((*set)->active()->in_gap({8199}));
    CHECK((*set)->active()->in_gap({8200}));
    CHECK((*set)->active()->in_gap({8703}));
    CHECK_FALSE((*set)->active()->in_gap({8704}));
    // A second cut before any frame was written keeps the gap of the first.
    REQUIRE((*set)->cut({8704}));
    CHECK((*set)->active()->entry().spans.back().after == log_position{8200});
    // A cut at the very start keeps the salt that the segment's header names as the first one.
    REQUIRE((*set)->cut({4096}));
    CHECK((*set)->active()->entry().spans.front().salt == before);
    CHECK((*set)->active()->salt_at({4096}) != before);
}

TEST_CASE("a segment that the manifest does not name yet is adopted if it continues the log", "[commitlog]") {
    io::sim_disk disk;
    {
        auto set = segment_set::open(disk, small());
        REQUIRE(set);
        REQUIRE((*set)->prepare_next());
    }
    // The newer manifest slot is lost: sequence 2, slot 0.
    REQUIRE(disk.flip_bit("log/manifest", 9, 0));
    auto again = segment_set::open(disk, small());
    REQUIRE(again);
    CHECK((*again)->list().size() == 2);
}

TEST_CASE("a retired segment's file becomes the next segment, with another salt", "[commitlog]") {
    io::sim_disk disk;
    auto opened = segment_set::open(disk, small());
    REQUIRE(opened);
    segment_set& set = **opened;
    const std::uint64_t salt = set.active()->salt_at({4096});
    REQUIRE(set.prepare_next());
    REQUIRE(set.roll());
    REQUIRE(set.retire({{0}}));
    CHECK(set.find({100}) == nullptr);
    CHECK(disk.exists("log/recycled-0"));
    REQUIRE(set.prepare_next());
    CHECK_FALSE(disk.exists("log/recycled-0"));
    REQUIRE(set.roll());
    CHECK(set.active()->base() == log_position{2 * 64 * 1024});
    CHECK(set.active()->salt_at(set.active()->data_start()) != salt);
}

TEST_CASE("a full disk is no error of the log: the segment is refused and can be had later", "[commitlog]") {
    io::sim_disk disk;
    auto opened = segment_set::open(disk, small());
    REQUIRE(opened);
    segment_set& set = **opened;
    const std::uint64_t used = UINT64_MAX - disk.free_space("log").value();
    disk.options().capacity = used;

    const auto refused = set.prepare_next();
    REQUIRE_FALSE(refused);
    CHECK(refused.error() == std::errc::no_space_on_device);
    CHECK(set.out_of_space());
    CHECK_FALSE(set.has_next());
    disk.options().capacity = UINT64_MAX;
    REQUIRE(set.prepare_next());
    CHECK_FALSE(set.out_of_space());
}

TEST_CASE("the zero-filler never touches what the writer has reserved", "[commitlog]") {
    constexpr std::uint64_t piece = 64 * 1024;
    constexpr std::uint64_t bytes = 4 << 20;
    segment filled(segment_entry{{0}, bytes, {{{4096}, 1, {4096}}}}, nullptr);
    filled.start_filling();
    // The test plays both parts at once; the map says who owns a byte range.
    std::vector<std::atomic<int>> owner(bytes / 4096);
    std::atomic<bool> clash{false};
    std::thread filler([&] {
        std::uint64_t offset = 0;
        std::uint64_t size = 0;
        while (filled.claim(piece, offset, size)) {
            for (std::uint64_t at = offset; at < offset + size; at += 4096) {
                if (owner[at / 4096].exchange(1) == 2) clash = true;
            }
            filled.release();
        }
    });
    for (std::uint64_t at = 4096; at + 4096 <= bytes; at += 4096) {
        filled.reserve(at + 4096);
        owner[at / 4096].store(2);
    }
    filler.join();
    CHECK_FALSE(clash);
    CHECK(std::count_if(owner.begin(), owner.end(), [](const auto& o) { return o.load() != 0; }) >= 1000);
}
