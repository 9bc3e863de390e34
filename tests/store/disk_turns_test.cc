#include "store/disk_turns.h"

#include "store_fixture.h"
#include "support/catch.h"

namespace imago::store::test {

namespace {

constexpr std::uint64_t unit = 32 * 1024;

/// Starts as many reads of a unit as may be, ends them all again; how many.
std::uint64_t at_once(read_allowance& allowance, const small_writes& writes) {
    std::uint64_t count = 0;
    for (; allowance.may_start(unit, writes); ++count) allowance.started(unit);
    for (std::uint64_t i = 0; i < count; ++i) allowance.ended(unit);
    return count;
}

}  // namespace

TEST_CASE("a reader has least under way during a small write, less between them, and most when none comes", "[disk_turns]") {
    small_writes writes;
    read_allowance allowance;
    CHECK(at_once(allowance, writes) == read_allowance::alone / unit);
    writes.begin(4096);
    CHECK(at_once(allowance, writes) == read_allowance::during_write / unit);
    writes.end();
    CHECK(at_once(allowance, writes) == read_allowance::between_writes / unit);

    SECTION("until it has read much without seeing another") {
        std::uint64_t read = read_allowance::between_writes;
        while (at_once(allowance, writes) == read_allowance::between_writes / unit) read += read_allowance::between_writes;
        // The last of these reached it, and so was allowed more at once.
        CHECK(read + read_allowance::between_writes == read_allowance::quiet_after);
        CHECK(at_once(allowance, writes) == read_allowance::alone / unit);
    }
    SECTION("and a write that began and ended unseen counts as one") {
        while (at_once(allowance, writes) != read_allowance::alone / unit) {
        }
        writes.begin(4096);
        writes.end();
        CHECK(at_once(allowance, writes) == read_allowance::between_writes / unit);
    }
}

TEST_CASE("a reader does not give way to large groups", "[disk_turns]") {
    small_writes writes;
    read_allowance allowance;
    writes.begin(small_writes::bytes_max);
    CHECK(at_once(allowance, writes) == read_allowance::alone / unit);
    writes.end();
    CHECK(at_once(allowance, writes) == read_allowance::alone / unit);
}

TEST_CASE("a read larger than what is allowed starts when nothing else is under way", "[disk_turns]") {
    small_writes writes;
    read_allowance allowance;
    writes.begin(1);
    REQUIRE(allowance.may_start(16 << 20, writes));
    allowance.started(16 << 20);
    CHECK_FALSE(allowance.may_start(1, writes));
    writes.end();
    CHECK_FALSE(allowance.may_start(1, writes));
    allowance.ended(16 << 20);
    CHECK(allowance.may_start(1, writes));
}

TEST_CASE("a cold read gives way to a write of the log that is under way", "[disk_turns][store]") {
    io::sim_disk disk;
    store_options options = small_options();
    options.segment_bytes = 4 << 20;
    harness h(disk, options);
    REQUIRE(h.open());
    const queue_id deep = h.make_queue();
    const std::string message(15 * 1024, 'd');
    for (int i = 0; i < 100; ++i) REQUIRE_FALSE(h.append(deep, make_batch(message)).error);
    h.shut();
    REQUIRE(h.open());  // with nothing in memory
    REQUIRE(h.read(deep, {0}, 1).slices.size() == 1);  // but the block of the index

    bool done = false;
    read_request request;
    request.queue = deep;
    request.max_bytes = 1 << 20;
    request.context = &done;
    request.done = [](read_request& r) { *static_cast<bool*>(r.context) = true; };

    SECTION("and goes on with more once it is over") {
        sent write;
        write.add(deep, make_batch(message));
        h.opened->append(write.ready());
        REQUIRE(h.opened->step());
        REQUIRE_FALSE(write.done);  // on its way to the disk

        REQUIRE_FALSE(h.reads->read(request));
        h.reads->start();
        CHECK(h.reads->ring().in_flight() == 1);
        h.settle();
        REQUIRE(write.done);
        h.reads->ring().wait(std::chrono::nanoseconds(-1));
        CHECK(h.reads->ring().in_flight() == 2);
    }
    SECTION("with none there are four at once") {
        REQUIRE_FALSE(h.reads->read(request));
        h.reads->start();
        CHECK(h.reads->ring().in_flight() == 4);
    }
    while (!done) h.reads->ring().wait(std::chrono::nanoseconds(-1));
    CHECK_FALSE(request.error);
    CHECK(request.slices.size() > 60);
}

}  // namespace imago::store::test
