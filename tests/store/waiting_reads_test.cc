#include "store/waiting_reads.h"

#include <map>
#include <random>
#include <set>

#include "support/catch.h"

namespace imago::store {
namespace {

using urgency = waiting_reads::urgency;

constexpr std::uint64_t unit = 4096;

std::shared_ptr<commitlog::segment> make_segment(std::uint64_t base) {
    return std::make_shared<commitlog::segment>(commitlog::segment_entry{.base = {base}, .bytes = 1 << 30}, nullptr);
}

/// Ranges of one segment, in units.
struct fixture {
    waiting_reads waiting;
    std::shared_ptr<commitlog::segment> segment = make_segment(0);
    std::map<int, log_range> ranges;

    void add(int name, std::uint64_t from, std::uint64_t size, urgency how = urgency::wanted) {
        waiting.add(ranges[name] = {{from * unit}, size * unit, segment}, how);
    }
    /// Who goes next, by position.
    std::vector<int> next() {
        std::vector<int> names;
        for (const log_range* range : waiting.peek().ranges) {
            for (const auto& [name, each] : ranges) {
                if (&each == range) names.push_back(name);
            }
        }
        waiting.pop();
        return names;
    }
};

using names = std::vector<int>;

}  // namespace

TEST_CASE("reads that lie far apart go one by one, as they came", "[waiting_reads]") {
    fixture f;
    f.add(1, 5000, 2);
    f.add(2, 100, 2);
    f.add(3, 900, 2);
    CHECK(f.next() == names{1});
    CHECK(f.next() == names{2});
    CHECK(f.next() == names{3});
    CHECK(f.waiting.empty());
}

TEST_CASE("whoever's turn it is takes along what lies close to it, before and behind", "[waiting_reads]") {
    fixture f;
    f.add(1, 104, 4);
    f.add(2, 100, 4);
    f.add(3, 108, 4);
    f.add(4, 200, 4);
    const auto& next = f.waiting.peek();
    CHECK(next.whole.from.value == 100 * unit);
    CHECK(next.whole.size == 12 * unit);
    CHECK(f.next() == names{2, 1, 3});
    CHECK(f.next() == names{4});
}

TEST_CASE("what nobody wants is read with the rest only where it is little", "[waiting_reads]") {
    fixture f;
    SECTION("a small gap") {
        f.add(1, 100, 4);
        f.add(2, 106, 4);
        CHECK(f.waiting.peek().whole.size == 10 * unit);
        CHECK(f.next() == names{1, 2});
    }
    SECTION("a gap larger than a read of its own costs") {
        f.add(1, 100, 9);
        f.add(2, 109 + waiting_reads::gap_max / unit + 1, 9);
        CHECK(f.next() == names{1});
    }
    SECTION("more than what somebody wants") {
        f.add(1, 100, 1);
        f.add(2, 104, 1);
        CHECK(f.next() == names{1});
    }
}

TEST_CASE("a read is no larger than a disk needs, but for a range that is", "[waiting_reads]") {
    constexpr std::uint64_t most = waiting_reads::together_max / unit;
    fixture f;
    f.add(1, 0, most - 2);
    f.add(2, most - 2, 2);
    f.add(3, most, 2);
    f.add(4, 1000, 3 * most);
    f.add(5, 1000 + 3 * most, 1);
    CHECK(f.next() == names{1, 2});
    CHECK(f.next() == names{3});
    CHECK(f.next() == names{4});
    CHECK(f.next() == names{5});
}

TEST_CASE("ranges that overlap, or are the same, are read once", "[waiting_reads]") {
    fixture f;
    f.add(1, 100, 4);
    f.add(2, 100, 4);
    f.add(3, 103, 4);
    f.add(4, 101, 1);
    CHECK(f.waiting.peek().whole.size == 7 * unit);
    CHECK(f.next().size() == 4);
    CHECK(f.waiting.empty());
}

TEST_CASE("one read does not go over the end of a segment", "[waiting_reads]") {
    fixture f;
    f.add(1, 100, 4);
    f.segment = make_segment(104 * unit);
    f.add(2, 104, 4);
    CHECK(f.next() == names{1});
    CHECK(f.next() == names{2});
}

TEST_CASE("what is read ahead comes last, unless it is hurried or lies beside what is wanted", "[waiting_reads]") {
    fixture f;
    f.add(1, 100, 4, urgency::ahead);
    f.add(2, 300, 4, urgency::ahead);
    f.add(3, 500, 4, urgency::ahead);
    f.add(4, 700, 4);
    f.add(5, 704, 4, urgency::ahead);
    f.waiting.hurry(f.ranges[3]);
    f.waiting.hurry(f.ranges[3]);
    CHECK(f.next() == names{4, 5});
    f.waiting.hurry(f.ranges[4]);  // does not wait any more
    CHECK(f.next() == names{3});
    CHECK(f.next() == names{1});
    CHECK(f.next() == names{2});
}

TEST_CASE("what is taken back is not read", "[waiting_reads]") {
    fixture f;
    f.add(1, 100, 4);
    f.add(2, 104, 4);
    CHECK(f.waiting.remove(f.ranges[1]));
    CHECK_FALSE(f.waiting.remove(f.ranges[1]));
    CHECK(f.next() == names{2});
    CHECK_FALSE(f.waiting.remove(f.ranges[2]));
}

TEST_CASE("whatever comes and goes, each range is covered by the read that takes it, once, and nobody waits for ever", "[waiting_reads]") {
    std::mt19937 random(7);
    const auto below = [&](std::uint32_t most) { return random() % most; };
    for (int round = 0; round < 200; ++round) {
        waiting_reads waiting;
        const auto segment = make_segment(0);
        std::vector<std::unique_ptr<log_range>> ranges;
        std::set<const log_range*> waits;
        for (int step = 0; step < 200; ++step) {
            const std::uint32_t what = below(10);
            if (what < 6) {
                auto& range = ranges.emplace_back(std::make_unique<log_range>(log_range{
                    {below(600) * unit}, (1 + below(below(8) == 0 ? 60 : 6)) * unit, segment}));
                waiting.add(*range, below(2) == 0 ? urgency::wanted : urgency::ahead);
                waits.insert(range.get());
            } else if (what == 6 && !ranges.empty()) {
                log_range& range = *ranges[below(static_cast<std::uint32_t>(ranges.size()))];
                CHECK(waiting.remove(range) == (waits.erase(&range) == 1));
            } else if (what == 7 && !ranges.empty()) {
                waiting.hurry(*ranges[below(static_cast<std::uint32_t>(ranges.size()))]);
            } else if (!waiting.empty()) {
                const auto& next = waiting.peek();
                std::uint64_t covered = 0;
                log_position end = next.whole.from;
                for (const log_range* range : next.ranges) {
                    REQUIRE(waits.erase(range) == 1);
                    REQUIRE(range->from >= next.whole.from);
                    REQUIRE(range->end() <= next.whole.end());
                    const log_position fresh = std::max(end, range->from);
                    if (range->end() > fresh) covered += range->end() - fresh;
                    end = std::max(end, range->end());
                }
                REQUIRE(end == next.whole.end());
                REQUIRE(next.whole.size <= 2 * covered);
                std::uint64_t largest = 0;
                for (const log_range* range : next.ranges) largest = std::max(largest, range->size);
                REQUIRE(next.whole.size <= std::max(largest, waiting_reads::together_max));
                waiting.pop();
            }
            REQUIRE(waiting.empty() == waits.empty());
        }
        std::size_t reads = 0;
        for (const std::size_t most = waits.size(); !waiting.empty(); waiting.pop(), ++reads) {
            REQUIRE(reads < most);
            (void)waiting.peek();
        }
    }
}

}  // namespace imago::store
