// Reading what is no longer in memory: by many at once, and in order.
#include <deque>

#include "store/disk_turns.h"
#include "store/waiting_reads.h"
#include "store_fixture.h"
#include "support/catch.h"

namespace imago::store::test {
namespace {

/// A read on its way.
struct asked {
    read_request request;
    bool done = false;

    void begin(harness& h, queue_id queue, std::int64_t from, std::size_t max_bytes) {
        request.queue = queue;
        request.from = {from};
        request.max_bytes = max_bytes;
        request.context = this;
        request.done = [](read_request& r) { static_cast<asked*>(r.context)->done = true; };
        done = h.reads->read(request);
    }
};

void wait_for(harness& h, const std::deque<asked>& all) {
    for (const asked& each : all) {
        while (!each.done) {
            REQUIRE(h.reads->ring().in_flight() > 0);  // or nobody would ever answer it
            h.reads->ring().wait(std::chrono::nanoseconds(-1));
        }
    }
}

std::string message(std::size_t queue, int number, std::size_t size) {
    std::string text = std::to_string(queue) + " " + std::to_string(number) + " ";
    text.resize(size, 'm');
    return text;
}

/// Queues with messages side by side in the log, none of them in memory.
std::vector<queue_id> fill(harness& h, std::size_t queues, int messages, std::size_t size) {
    std::vector<queue_id> made;
    for (std::size_t q = 0; q < queues; ++q) made.push_back(h.make_queue());
    for (int i = 0; i < messages; ++i) {
        sent write;
        for (std::size_t q = 0; q < queues; ++q) write.add(made[q], make_batch(message(q, i, size)));
        h.opened->append(write.ready());
        h.settle();
        REQUIRE(write.done);
    }
    h.shut();
    REQUIRE(h.open());
    // The blocks of the index come into memory.
    for (const queue_id queue : made) REQUIRE(h.read(queue, {0}, 1).slices.size() == 1);
    return made;
}

store_options large_segments() {
    store_options options = small_options();
    options.segment_bytes = 16 << 20;
    options.group_bytes_max = 256 * 1024;
    options.direct_bytes_max = 0;
    return options;
}

}  // namespace

TEST_CASE("what many queues have side by side in the log is read in one go", "[cold_reads][store]") {
    io::sim_disk disk;
    harness h(disk, large_segments());
    REQUIRE(h.open());
    constexpr std::size_t queues = 16;
    constexpr int messages = 30;
    const auto made = fill(h, queues, messages, 7000);
    const auto reads_before = h.opened->statistics().disk_reads;

    std::deque<asked> all(queues);
    for (std::size_t q = 0; q < queues; ++q) {
        all[q].begin(h, made[q], 0, 1 << 20);
        CHECK_FALSE(all[q].done);
    }
    CHECK(h.reads->ring().in_flight() == 0);
    h.reads->start();
    wait_for(h, all);

    for (std::size_t q = 0; q < queues; ++q) {
        REQUIRE_FALSE(all[q].request.error);
        REQUIRE(all[q].request.slices.size() == messages);
        for (int i = 0; i < messages; ++i) {
            CHECK(payload_of(all[q].request.slices[static_cast<std::size_t>(i)].bytes) == message(q, i, 7000));
        }
    }
    // 3.4 MB in reads of 128 KiB, some of them cut where one began and ended.
    const auto reads = h.opened->statistics().disk_reads - reads_before;
    CHECK(reads >= queues * messages * 7000 / waiting_reads::together_max);
    CHECK(reads < 60);
}

TEST_CASE("an answer does not hold what was read with it for other consumers", "[cold_reads][store]") {
    io::sim_disk disk;
    harness h(disk, large_segments());
    REQUIRE(h.open());
    constexpr std::size_t queues = 8;
    constexpr std::size_t size = 8 * 1024;
    const auto made = fill(h, queues, 1, size);
    const bool many = GENERATE(true, false);
    std::deque<asked> all(queues);
    const auto before = h.opened->statistics().disk_reads;
    for (std::size_t q = 0; q < queues; ++q) {
        all[q].request.consumer = many ? &all[q] : nullptr;
        all[q].begin(h, made[q], 0, 1 << 20);
    }
    h.reads->start();
    wait_for(h, all);
    CHECK(h.opened->statistics().disk_reads - before == 1);
    for (std::size_t q = 0; q < queues; ++q) {
        REQUIRE(all[q].request.slices.size() == 1);
        CHECK(payload_of(all[q].request.slices[0].bytes) == message(q, 0, size));
        // How many hold the memory it is in.
        CHECK(all[q].request.slices[0].owner.use_count() == (many ? 1 : static_cast<long>(queues)));
    }
}

TEST_CASE("a damaged message among those read in one go harms no other", "[cold_reads][store]") {
    io::sim_disk disk;
    harness h(disk, large_segments());
    REQUIRE(h.open());
    const auto made = fill(h, 4, 1, 7000);
    const std::string file = disk.list("d/log")->front();
    auto log = *disk.open("d/log/" + file, {.write = true});
    std::vector<std::byte> bytes(1 << 20);
    REQUIRE(disk.read_at(*log, 0, bytes));
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    const auto at = text.find("2 0 mmm");
    REQUIRE(at != std::string_view::npos);
    const auto other = std::vector<std::byte>(1, std::byte{'x'});
    REQUIRE(disk.write_durable_at(*log, at + 100, other));

    std::deque<asked> all(4);
    for (std::size_t q = 0; q < 4; ++q) all[q].begin(h, made[q], 0, 1 << 20);
    h.reads->start();
    wait_for(h, all);
    for (std::size_t q = 0; q < 4; ++q) {
        if (q == 2) {
            CHECK(all[q].request.error == store_errc::damaged);
        } else {
            REQUIRE(all[q].request.slices.size() == 1);
            CHECK(payload_of(all[q].request.slices[0].bytes) == message(q, 0, 7000));
        }
    }
}

TEST_CASE("who reads faster than the disk reads ahead waits for it, and gets everything", "[cold_reads][store]") {
    io::sim_disk disk;
    harness h(disk, large_segments());
    REQUIRE(h.open());
    constexpr int messages = 300;
    constexpr std::size_t size = 20'000;
    const auto made = fill(h, 2, messages, size);
    const std::size_t at_once = GENERATE(std::size_t{200'000}, std::size_t{1} << 20);
    // More is read ahead than may be under way, so what is asked for next waits for its turn still.
    STATIC_REQUIRE(read_allowance::alone < (std::size_t{1} << 20));
    std::vector<int> next(2);
    while (next[0] < messages || next[1] < messages) {
        std::deque<asked> all(2);
        for (std::size_t q = 0; q < 2; ++q) all[q].begin(h, made[q], next[q], at_once);
        h.reads->start();
        wait_for(h, all);
        for (std::size_t q = 0; q < 2; ++q) {
            REQUIRE_FALSE(all[q].request.error);
            for (const slice& slice : all[q].request.slices) REQUIRE(payload_of(slice.bytes) == message(q, next[q]++, size));
            REQUIRE((next[q] == messages || !all[q].request.slices.empty()));
        }
    }
}

}  // namespace imago::store::test
