#include "client/partitioner.h"

#include <set>

#include "support/catch.h"

using namespace imago::client;

TEST_CASE("a key always goes to the same partition, bytes above 127 included", "[client]") {
    partitioner chooser(partitioning::keyed_sticky, 7);
    const std::string_view key = "\xc3\xa4\xff\x80 key";
    const std::int32_t first = chooser.choose(key, 16);
    CHECK(first == imago::wire::queue_for_key(imago::as_bytes(key), 16));
    chooser.batch_done(first, 16);
    CHECK(chooser.choose(key, 16) == first);
    CHECK(chooser.choose(std::string_view(""), 16) == imago::wire::queue_for_key({}, 16));
}

TEST_CASE("without a key the sticky partitioner stays until the batch is done, then moves", "[client]") {
    partitioner chooser(partitioning::keyed_sticky, 42);
    const std::int32_t first = chooser.choose({}, 4);
    for (int i = 0; i < 100; ++i) REQUIRE(chooser.choose({}, 4) == first);
    chooser.batch_done((first + 1) % 4, 4);  // of another partition: nothing changes
    CHECK(chooser.choose({}, 4) == first);
    std::set<std::int32_t> seen;
    for (int i = 0; i < 200; ++i) {
        const std::int32_t now = chooser.choose({}, 4);
        REQUIRE(now >= 0);
        REQUIRE(now < 4);
        seen.insert(now);
        chooser.batch_done(now, 4);
        REQUIRE(chooser.choose({}, 4) != now);
    }
    CHECK(seen.size() == 4);
    partitioner alone(partitioning::keyed_sticky, 1);
    CHECK(alone.choose({}, 1) == 0);
    alone.batch_done(0, 1);
    CHECK(alone.choose({}, 1) == 0);
}

TEST_CASE("round robin visits each partition in turn", "[client]") {
    partitioner chooser(partitioning::round_robin, 1);
    for (int round = 0; round < 3; ++round)
        for (std::int32_t i = 0; i < 5; ++i) REQUIRE(chooser.choose(std::string_view("same"), 5) == i);
}
