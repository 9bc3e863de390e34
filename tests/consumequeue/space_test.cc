// Places in the block files: handed out, given back, found to be dead.
#include "consumequeue/block_space.h"
#include "support/catch.h"

#include <random>
#include <set>

using namespace imago::consumequeue;

TEST_CASE("places rise, and a run ends with its file", "[consumequeue]") {
    block_space space(8);
    space.begin_above(3);
    const block_run first = space.take(5);
    CHECK(first.first == block_place{3, 0});
    CHECK(first.count == 5);
    const block_run second = space.take(5);
    CHECK(second.first == block_place{3, 5});
    CHECK(second.count == 3);
    CHECK(space.take(1).first == block_place{4, 0});
}

TEST_CASE("what was taken last and not written is handed out again, anything else is dead",
          "[consumequeue]") {
    block_space space(8);
    space.begin_above(0);
    const block_run first = space.take(2);
    const block_run second = space.take(2);
    space.give_back(first);
    space.give_back(second);
    CHECK(space.take(1).first == block_place{1, 0});  // all of file 0 was dead
    CHECK(space.take_empty() == std::vector<std::uint32_t>{0});
}

TEST_CASE("a file goes with its last block, also the one that is being filled", "[consumequeue]") {
    block_space space(8);
    space.begin_above(0);
    (void)space.take(2);
    space.dead({0, 1});
    CHECK(space.take_empty().empty());
    space.dead({0, 0});
    CHECK(space.take_empty() == std::vector<std::uint32_t>{0});
    CHECK(space.take(1).first == block_place{1, 0});
}

TEST_CASE("a quarter that is dead becomes holes, neighbours one hole", "[consumequeue]") {
    block_space space(16);
    space.begin_above(0);
    (void)space.take(16);
    for (const std::uint32_t block : {9U, 3U, 8U}) space.dead({0, block});
    CHECK(space.take_holes().empty());
    space.dead({0, 10});
    const auto holes = space.take_holes();
    REQUIRE(holes.size() == 2);
    CHECK(holes[0].first == block_place{0, 3});
    CHECK(holes[0].count == 1);
    CHECK(holes[1].first == block_place{0, 8});
    CHECK(holes[1].count == 3);
}

TEST_CASE("after a start, places that no mark names are dead", "[consumequeue]") {
    block_space space(16);
    space.count_live({2, 1});
    space.count_live({2, 6});
    CHECK(space.knows(2));
    CHECK_FALSE(space.knows(1));
    CHECK(space.highest() == 2);
    space.settle(2, 8);
    const auto holes = space.take_holes();
    REQUIRE(holes.size() == 3);
    CHECK(holes[1].first == block_place{2, 2});
    CHECK(holes[1].count == 4);
    space.dead({2, 1});
    space.dead({2, 6});
    CHECK(space.take_empty() == std::vector<std::uint32_t>{2});
}

TEST_CASE("room is asked for once, before a block needs it", "[consumequeue]") {
    block_space space(300);
    space.begin_above(0);
    std::uint32_t room = 0;
    for (std::uint32_t i = 0; i < 300; ++i) {
        const block_run run = space.take(1);
        const block_run more = space.room_for(run);
        if (more.count > 0) {
            CHECK(more.first == block_place{0, room});
            room += more.count;
        }
        REQUIRE(room > run.first.block);
    }
    CHECK(room == 300);
}

TEST_CASE("no place is handed out twice, and what is not live is given back", "[consumequeue]") {
    std::mt19937_64 random(1);
    block_space space(32);
    space.begin_above(0);
    std::set<block_place> live, ever, given_back;
    std::set<std::uint32_t> gone;
    for (int i = 0; i < 20'000; ++i) {
        if (random() % 8 == 0) {
            const block_run run = space.take(static_cast<std::uint32_t>(1 + random() % 10));
            for (std::uint32_t n = 0; n < run.count; ++n) {
                const block_place place{run.first.file, run.first.block + n};
                REQUIRE(ever.insert(place).second);
                live.insert(place);
            }
        } else if (!live.empty()) {
            auto at = live.lower_bound({ever.rbegin()->file, static_cast<std::uint32_t>(random() % 32)});
            if (at == live.end() || random() % 2 == 0) at = live.begin();
            const block_place place = *at;
            live.erase(at);
            space.dead(place);
        }
        for (const std::uint32_t file : space.take_empty()) gone.insert(file);
        for (const block_run& hole : space.take_holes())
            for (std::uint32_t n = 0; n < hole.count; ++n)
                given_back.insert({hole.first.file, hole.first.block + n});
    }
    std::size_t kept = 0;
    for (const block_place place : ever) {
        const bool is_gone = gone.contains(place.file) || given_back.contains(place);
        if (live.contains(place)) REQUIRE_FALSE(is_gone);
        if (!is_gone) ++kept;
    }
    std::set<std::uint32_t> files;
    for (const block_place place : live) files.insert(place.file);
    CHECK(kept <= live.size() + (files.size() + 1) * 32 / 4);
}
