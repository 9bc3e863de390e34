#include "store/store.h"

#include <algorithm>
#include <list>

#include "store_fixture.h"
#include "support/catch.h"

using namespace imago;
using namespace imago::store;
using namespace imago::store::test;

TEST_CASE("what was appended is read back at its offset", "[store]") {
    io::sim_disk disk;
    harness h(disk);
    REQUIRE(h.open());
    const queue_id queue = h.make_queue();
    const auto first = h.append(queue, make_batch("one", 3));
    const auto second = h.append(queue, make_batch("two"));
    CHECK_FALSE(first.error);
    CHECK(first.base == queue_offset{0});
    CHECK(second.base == queue_offset{3});
    CHECK(h.opened->bounds(queue)->end == queue_offset{4});
    CHECK(h.read_all(queue, {0}) == std::map<std::int64_t, std::string>{{0, "one"}, {3, "two"}});
    // The whole batch that holds an offset in its middle.
    const auto middle = h.read(queue, {1}, 1);
    REQUIRE(middle.slices.size() == 1);
    CHECK(batch_view(middle.slices[0].bytes).base_offset() == queue_offset{0});
    CHECK(h.read(queue, {4}, 100).slices.empty());
    CHECK(h.read(queue, {5}, 100).error == make_error_code(store_errc::offset_out_of_range));
    CHECK(h.read({999}, {0}, 100).error == make_error_code(store_errc::unknown_queue));
    CHECK(h.append({999}, make_batch("x")).error == make_error_code(store_errc::unknown_queue));
}

TEST_CASE("one request for a thousand queues costs one flush", "[store]") {
    io::sim_disk disk;
    auto options = small_options();
    options.segment_bytes = 8 << 20;
    options.group_bytes_max = 1 << 20;
    options.cache_bytes = 32 << 20;
    options.checkpoint_interval = 1 << 30;
    harness h(disk, options);
    REQUIRE(h.open());
    std::vector<table_change> changes;
    const queue_id first = h.opened->new_queue_ids(1000);
    for (std::uint32_t i = 0; i < 1000; ++i) changes.push_back(store::store::queue_created({first.value + i}));
    REQUIRE_FALSE(h.change(std::move(changes)));
    sent all;
    for (std::uint32_t i = 0; i < 1000; ++i) all.add({first.value + i}, make_batch(std::string(100, 'x')));
    const auto before = disk.counts().flushes();
    const auto groups = h.opened->statistics().groups;
    h.opened->append(all.ready());
    h.settle();
    REQUIRE(all.done);
    CHECK(disk.counts().flushes() - before == 1);
    CHECK(h.opened->statistics().groups - groups == 1);
    for (const auto& batch : all.batches) CHECK_FALSE(batch.error);
}

TEST_CASE("single small messages, each synced alone, cost at most three times their stored size", "[store]") {
    io::sim_disk disk;
    auto options = small_options();
    options.segment_bytes = 8 << 20;
    options.checkpoint_interval = 1 << 30;
    harness h(disk, options);
    REQUIRE(h.open());
    const queue_id queue = h.make_queue();
    const auto before = h.opened->statistics();
    const auto written = disk.counts().bytes_written;
    for (int i = 0; i < 200; ++i) REQUIRE_FALSE(h.append(queue, make_batch(std::string(109, 'x'))).error);
    const auto after = h.opened->statistics();
    const auto stored = after.batch_bytes - before.batch_bytes;
    CHECK(stored == 200 * 170);
    // A message of 100 bytes is a batch of 170, and takes 512 of the log.
    CHECK(after.log_bytes - before.log_bytes == 200 * 512);
    CHECK(disk.counts().bytes_written - written <= stored * 3 + 200 * 2 + 8192);
}

TEST_CASE("a clean stop is found clean and nothing is replayed", "[store]") {
    io::sim_disk disk;
    queue_id queue;
    {
        harness h(disk);
        REQUIRE(h.open());
        queue = h.make_queue();
        for (int i = 0; i < 50; ++i) REQUIRE_FALSE(h.append(queue, make_batch(std::to_string(i))).error);
        h.shut();
    }
    harness h(disk);
    REQUIRE(h.open());
    CHECK(h.opened->recovered().clean);
    CHECK(h.opened->recovered().frames_replayed == 0);
    const auto found = h.read_all(queue, {0});
    CHECK(found.size() == 50);
    CHECK(found.at(49) == "49");
    CHECK(h.append(queue, make_batch("on")).base == queue_offset{50});
}

TEST_CASE("tables come back from the checkpoint and the log, and from the log alone", "[store]") {
    io::sim_disk disk;
    {
        harness h(disk);
        REQUIRE(h.open());
        for (int i = 0; i < 300; ++i) {
            REQUIRE_FALSE(h.change({{table_id::topics, "k" + std::to_string(i % 40), std::string(100, 'v') + std::to_string(i), false}}));
        }
        REQUIRE_FALSE(h.change({{table_id::topics, "k7", {}, true}}));
        h.reads.reset();
        h.opened.reset();
    }
    std::map<std::string, std::string> expected;
    for (int i = 0; i < 300; ++i) expected["k" + std::to_string(i % 40)] = std::string(100, 'v') + std::to_string(i);
    expected.erase("k7");
    {
        harness h(disk);
        REQUIRE(h.open());
        CHECK(h.topics.state == expected);
    }
    REQUIRE(disk.remove("d/checkpoint/checkpoint.a"));
    REQUIRE(disk.remove("d/checkpoint/checkpoint.b"));
    harness h(disk);
    REQUIRE(h.open());
    CHECK(h.topics.state == expected);
}

TEST_CASE("an idempotent producer's retry gets the offset of the original, also after a restart", "[store]") {
    io::sim_disk disk;
    queue_id queue;
    {
        harness h(disk);
        REQUIRE(h.open());
        queue = h.make_queue();
        for (int i = 0; i < 7; ++i) CHECK(h.append(queue, make_batch("m", 1, 9, 0, i)).base == queue_offset{i});
        const auto again = h.append(queue, make_batch("m", 1, 9, 0, 4));
        CHECK(again.duplicate);
        CHECK(again.base == queue_offset{4});
        CHECK(h.append(queue, make_batch("m", 1, 9, 0, 9)).error == make_error_code(store_errc::out_of_order_sequence));
        h.cut_power();
    }
    disk.crash();
    harness h(disk);
    REQUIRE(h.open());
    const auto again = h.append(queue, make_batch("m", 1, 9, 0, 6));
    CHECK(again.duplicate);
    CHECK(again.base == queue_offset{6});
    CHECK(h.append(queue, make_batch("m", 1, 9, 0, 7)).base == queue_offset{7});
    CHECK(h.append(queue, make_batch("m", 1, 9, 1, 0)).base == queue_offset{8});
    CHECK(h.append(queue, make_batch("m", 1, 9, 0, 8)).error == make_error_code(store_errc::invalid_producer_epoch));
}

TEST_CASE("retention by size moves the start and gives whole segments back", "[store]") {
    io::sim_disk disk;
    auto options = small_options();
    options.retention_of = [](queue_id) { return retention{-1, 100 * 1024}; };
    harness h(disk, options);
    REQUIRE(h.open());
    const queue_id queue = h.make_queue();
    for (int i = 0; i < 600; ++i) REQUIRE_FALSE(h.append(queue, make_batch(std::string(1000, 'a'))).error);
    h.settle();
    const auto bounds = *h.opened->bounds(queue);
    CHECK(bounds.end == queue_offset{600});
    CHECK(bounds.start > queue_offset{350});
    CHECK(bounds.start < queue_offset{520});
    CHECK(h.opened->live_bytes(queue) >= 100 * 1024);
    // 600 KB went through segments of 64 KB.
    CHECK(h.opened->statistics().segments <= 6);
    CHECK(h.read(queue, {0}, 100).error == make_error_code(store_errc::offset_out_of_range));
    CHECK(h.read_all(queue, bounds.start).size() == static_cast<std::size_t>(600 - bounds.start.value));
}

TEST_CASE("retention by time empties a quiet queue, and its offsets go on", "[store]") {
    io::sim_disk disk;
    auto options = small_options();
    unix_ms now = 10'000;
    options.clock = [&] { return now; };
    options.retention_of = [](queue_id) { return retention{5'000, -1}; };
    harness h(disk, options);
    REQUIRE(h.open());
    const queue_id queue = h.make_queue();
    for (int i = 0; i < 5; ++i) REQUIRE_FALSE(h.append(queue, make_batch("old", 1, -1, -1, -1, 10'000)).error);
    h.settle();
    CHECK(h.opened->bounds(queue)->start == queue_offset{0});
    now = 15'001;
    h.settle();
    CHECK(h.opened->bounds(queue)->start == queue_offset{5});
    CHECK(h.append(queue, make_batch("new", 1, -1, -1, -1, 15'001)).base == queue_offset{5});
    CHECK(h.read_all(queue, {5}).at(5) == "new");
}

TEST_CASE("deleting queues frees the log although changes of other tables lie between", "[store]") {
    io::sim_disk disk;
    harness h(disk);
    REQUIRE(h.open());
    REQUIRE_FALSE(h.change({{table_id::topics, "kept", "value", false}}));
    for (int round = 0; round < 6; ++round) {
        const queue_id queue = h.make_queue();
        for (int i = 0; i < 150; ++i) REQUIRE_FALSE(h.append(queue, make_batch(std::string(1000, 'b'))).error);
        REQUIRE_FALSE(h.change({store::store::queue_removed(queue)}));
        h.settle();
    }
    // 900 KB went through: without rewriting the change queue the first segment would pin itself.
    CHECK(h.opened->statistics().segments <= 4);
    CHECK_FALSE(disk.exists("d/log/00000000000000000000.seg"));
    h.reads.reset();
    h.opened.reset();
    REQUIRE(disk.remove("d/checkpoint/checkpoint.a"));
    REQUIRE(disk.remove("d/checkpoint/checkpoint.b"));
    harness again(disk);
    REQUIRE(again.open());
    CHECK(again.topics.state.at("kept") == "value");
}

TEST_CASE("a full disk refuses messages, serves reads, and goes on by itself when there is room", "[store]") {
    io::sim_disk disk;
    auto options = small_options();
    unix_ms now = 1'000;
    options.clock = [&] { return now += 50; };
    harness h(disk, options);
    REQUIRE(h.open());
    const queue_id queue = h.make_queue();
    const queue_id doomed = h.make_queue();
    disk.options().capacity = 1'200 * 1024;
    int accepted = 0;
    std::error_code error;
    for (int i = 0; i < 3000 && !error; ++i) {
        error = h.append(i % 2 == 0 ? queue : doomed, make_batch(std::string(1000, 'c'))).error;
        accepted += error ? 0 : 1;
    }
    REQUIRE(error == make_error_code(store_errc::no_space));
    CHECK(accepted > 100);
    CHECK(h.opened->statistics().out_of_space);
    CHECK(h.read_all(queue, {0}).size() == static_cast<std::size_t>((accepted + 1) / 2));
    // Deleting works on a full disk, and is what makes room.
    REQUIRE_FALSE(h.change({store::store::queue_removed(doomed), store::store::queue_trimmed(queue, {accepted / 2})}));
    h.settle();
    std::error_code after;
    for (int i = 0; i < 10; ++i) {
        after = h.append(queue, make_batch("more")).error;
        if (!after) break;
    }
    CHECK_FALSE(after);
}

TEST_CASE("a small request to an idle log is durable and answered when append returns", "[store]") {
    io::sim_disk disk;
    harness h(disk);
    REQUIRE(h.open());
    const queue_id queue = h.make_queue();
    const auto writes = disk.counts().durable_writes;
    test::sent one;
    one.add(queue, make_batch("alone"));
    h.opened->append(one.ready());
    REQUIRE(one.done);
    CHECK_FALSE(one.batches[0].error);
    CHECK(disk.counts().durable_writes == writes + 1);
    CHECK(h.read_all(queue, {0}).size() == 1);

    // The next finds a log that is busy with a large one, and waits for its turn.
    test::sent large;
    large.add(queue, make_batch(std::string(h.options.direct_bytes_max, 'x')));
    test::sent small;
    small.add(queue, make_batch("behind"));
    h.opened->append(large.ready());
    h.opened->append(small.ready());
    CHECK_FALSE(large.done);
    CHECK_FALSE(small.done);
    h.settle();
    CHECK(small.done);
    CHECK(small.batches[0].base == large.batches[0].base + 1);

    h.cut_power();
    disk.crash();
    REQUIRE(h.open());
    CHECK(h.read_all(queue, {0}).size() == 3);
}

TEST_CASE("requests that come together share a flush and keep their order, on an idle log and behind others", "[store]") {
    io::sim_disk disk;
    harness h(disk);
    REQUIRE(h.open());
    const queue_id queue = h.make_queue();
    std::list<test::sent> all;
    const auto together = [&](int count) {
        append_request* first = nullptr;
        append_request** last = &first;
        for (int i = 0; i < count; ++i) {
            all.emplace_back().add(queue, make_batch("of many"));
            append_request& request = all.back().ready();
            request.next = nullptr;
            *last = &request;
            last = &request.next;
        }
        h.opened->append_all(first);
    };
    const auto writes = disk.counts().durable_writes;
    together(10);
    CHECK(std::all_of(all.begin(), all.end(), [](const test::sent& each) { return each.done; }));
    CHECK(disk.counts().durable_writes == writes + 1);

    all.emplace_back().add(queue, make_batch(std::string(h.options.direct_bytes_max, 'x')));
    h.opened->append(all.back().ready());
    together(10);
    all.emplace_back().add(queue, make_batch("last"));
    h.opened->append(all.back().ready());
    CHECK_FALSE(all.back().done);
    h.settle();
    std::int64_t next = 0;
    for (const test::sent& each : all) {
        REQUIRE(each.done);
        CHECK_FALSE(each.batches[0].error);
        CHECK(each.batches[0].base.value == next++);
    }
    h.opened->append_all(nullptr);
}

TEST_CASE("a direct write that fails acknowledges nothing, and nothing after it", "[store]") {
    io::sim_disk disk;
    harness h(disk);
    REQUIRE(h.open());
    const queue_id queue = h.make_queue();
    disk.fail_after(io::sim_operation::write, 0, EIO);
    test::sent one;
    one.add(queue, make_batch("lost"));
    h.opened->append(one.ready());
    REQUIRE(one.done);
    CHECK(one.batches[0].error == make_error_code(store_errc::failed));
    CHECK(h.append(queue, make_batch("late")).error == make_error_code(store_errc::failed));
    CHECK(h.opened->statistics().failed);
}

TEST_CASE("direct writes go on over the end of a segment", "[store]") {
    io::sim_disk disk;
    harness h(disk);
    REQUIRE(h.open());
    const queue_id queue = h.make_queue();
    for (int i = 0; i < 400; ++i) {
        test::sent one;
        one.add(queue, make_batch(std::to_string(i) + std::string(700, '.')));
        h.opened->append(one.ready());
        if (i % 7 == 0 || !one.done) h.settle();
        REQUIRE(one.done);
        REQUIRE_FALSE(one.batches[0].error);
        REQUIRE(one.batches[0].base.value == i);
    }
    h.cut_power();
    disk.crash();
    REQUIRE(h.open());
    CHECK(h.read_all(queue, {0}).size() == 400);
}

TEST_CASE("an error of the disk while writing acknowledges nothing, ever again", "[store]") {
    io::sim_disk disk;
    harness h(disk);
    REQUIRE(h.open());
    std::error_code told;
    const queue_id queue = h.make_queue();
    REQUIRE_FALSE(h.append(queue, make_batch("before")).error);
    disk.fail_after(io::sim_operation::write, 0, EIO);
    CHECK(h.append(queue, make_batch("lost")).error == make_error_code(store_errc::failed));
    CHECK(h.append(queue, make_batch("late")).error == make_error_code(store_errc::failed));
    CHECK(h.change({{table_id::topics, "k", "v", false}}) == make_error_code(store_errc::failed));
    CHECK(h.opened->statistics().failed);
    CHECK(h.read_all(queue, {0}).size() == 1);
}

TEST_CASE("when the next segment cannot be written the store fails instead of waiting for ever", "[store]") {
    io::sim_disk disk;
    harness h(disk);
    REQUIRE(h.open());
    const queue_id queue = h.make_queue();
    std::error_code error;
    int accepted = 0;
    // Blocking writes of the maintenance thread fail from now on, which only touch the disk to prepare segments.
    disk.fail_after(io::sim_operation::sync, 0, EIO, 1'000'000);
    for (int i = 0; i < 200 && !error; ++i) {
        error = h.append(queue, make_batch(std::string(1000, 'e'))).error;
        accepted += error ? 0 : 1;
    }
    CHECK(error == make_error_code(store_errc::failed));
    CHECK(accepted > 10);
    CHECK(h.read_all(queue, {0}).size() == static_cast<std::size_t>(accepted));
}

TEST_CASE("batches are found by time, in memory and on disk", "[store]") {
    io::sim_disk disk;
    harness h(disk);
    REQUIRE(h.open());
    const queue_id queue = h.make_queue();
    for (int i = 0; i < 500; ++i) {
        REQUIRE_FALSE(h.append(queue, make_batch(std::string(900, 'd'), 1, -1, -1, -1, 1000 + 10 * i)).error);
    }
    for (const int i : {0, 1, 99, 100, 101, 250, 499}) {
        const auto found = h.find(queue, time_request::kind::at_or_after, 1000 + 10 * i - 5);
        REQUIRE(found.found);
        CHECK(found.base == queue_offset{i});
        CHECK(batch_view(found.batch.bytes).base_offset() == queue_offset{i});
    }
    CHECK_FALSE(h.find(queue, time_request::kind::at_or_after, 100'000).found);
    CHECK(h.find(queue, time_request::kind::max_timestamp, 0).base == queue_offset{499});
}

namespace {

/// Reads what is there and checks it against what was written; true if the answer came at once.
bool check_read(harness& h, queue_id queue, std::int64_t& from, std::size_t max_bytes, const std::vector<std::string>& wanted) {
    read_request request;
    request.queue = queue;
    request.from = {from};
    request.max_bytes = max_bytes;
    bool done = false;
    request.context = &done;
    request.done = [](read_request& r) { *static_cast<bool*>(r.context) = true; };
    const bool at_once = h.reads->read(request);
    h.reads->start();
    while (!at_once && !done) h.reads->ring().wait(std::chrono::nanoseconds(-1));
    REQUIRE_FALSE(request.error);
    REQUIRE_FALSE(request.slices.empty());
    for (const slice& slice : request.slices) {
        REQUIRE(batch_view(slice.bytes).base_offset().value == from);
        REQUIRE(payload_of(slice.bytes) == wanted[static_cast<std::size_t>(from)]);
        from += 1;
    }
    return at_once;
}

}  // namespace

TEST_CASE("who reads a queue from the disk in order is read ahead for, and gets the same bytes", "[store]") {
    io::sim_disk disk;
    harness h(disk);
    REQUIRE(h.open());
    const queue_id deep = h.make_queue();
    const queue_id other = h.make_queue();
    std::vector<std::string> wanted;
    for (int i = 0; i < 600; ++i) {
        wanted.push_back(std::to_string(i) + std::string(static_cast<std::size_t>(200 + i * 37 % 1500), 'd'));
        REQUIRE_FALSE(h.append(deep, make_batch(wanted.back())).error);
        if (i % 3 == 0) REQUIRE_FALSE(h.append(other, make_batch(std::string(700, 'o'))).error);
    }
    constexpr std::int64_t cold = 400;  // the newest are in memory
    const auto come_to_rest = [&] {
        while (h.reads->ring().in_flight() > 0) h.reads->ring().wait(std::chrono::nanoseconds(-1));
    };

    SECTION("one reader") {
        const auto cached = h.opened->statistics().cache_reads;
        int at_once = 0;
        int all = 0;
        for (std::int64_t at = 0; at < cold; ++all) {
            at_once += check_read(h, deep, at, 4096, wanted) ? 1 : 0;
            come_to_rest();
        }
        CHECK(h.opened->statistics().cache_reads == cached);
        // The first two requests show that somebody reads in order, and blocks of the index were not read yet.
        CHECK(at_once > all / 2);
    }
    SECTION("two readers, of which one jumps, ask for different sizes and do not wait for what is read ahead") {
        std::int64_t steady = 0;
        std::int64_t jumpy = 150;
        std::uint32_t random = 1;
        while (steady < cold) {
            (void)check_read(h, deep, steady, 3000, wanted);
            random = random * 1664525 + 1013904223;
            if (random >> 29 == 0) jumpy = (random >> 8) % cold;
            if (jumpy >= cold) jumpy = 0;
            (void)check_read(h, deep, jumpy, 500 + (random >> 16) % 9000, wanted);
        }
    }
    SECTION("what is under way when the reader goes is let go") {
        std::int64_t at = 0;
        for (int i = 0; i < 3; ++i) (void)check_read(h, deep, at, 4096, wanted);
        CHECK(h.reads->ring().in_flight() > 0);
        h.reads.reset();
    }
    SECTION("a queue that is removed while it is read ahead") {
        std::int64_t at = 0;
        for (int i = 0; i < 3; ++i) (void)check_read(h, deep, at, 4096, wanted);
        REQUIRE_FALSE(h.change({store::store::queue_removed(deep)}));
        come_to_rest();
        CHECK(h.read(deep, {at}, 4096).error == store_errc::unknown_queue);
        CHECK(h.read_all(other, {0}).size() == 200);
    }
}

TEST_CASE("messages wait while more of the index waits to be written than it may hold", "[store]") {
    io::sim_disk disk;
    store_options options = small_options();
    options.segment_bytes = 4 << 20;
    options.index_tail_memory = 64 * 1024;
    harness h(disk, options);
    REQUIRE(h.open());
    std::vector<queue_id> queues;
    for (int i = 0; i < 40; ++i) queues.push_back(h.make_queue());
    const auto log_only = [&] {
        while (h.opened->step()) {
        }
    };
    std::list<sent> all;
    const auto send_round = [&] {
        sent& round = all.emplace_back();
        for (const queue_id queue : queues) round.add(queue, make_batch("m"));
        h.opened->append(round.ready());
        log_only();
        return round.done;
    };
    // The maintenance thread does nothing: what may wait is bounded, and then messages do.
    int rounds = 0;
    while (send_round() && rounds < 1000) ++rounds;
    CHECK(rounds > 5);
    REQUIRE(rounds < 1000);
    CHECK(h.opened->statistics().index_tail_bytes < 2 * options.index_tail_memory);
    REQUIRE_FALSE(send_round());
    // What changes topics does not wait for messages.
    change_request change;
    change.changes = {store::store::queue_trimmed(queues[0], {0})};
    bool changed = false;
    change.context = &changed;
    change.done = [](change_request& r) { *static_cast<bool*>(r.context) = true; };
    h.opened->change(change);
    log_only();
    CHECK(changed);
    // It works again, and by itself.
    h.settle();
    INFO(h.opened->statistics().index_tail_bytes << " bytes, " << h.opened->statistics().index_blocks_waiting << " blocks wait, "
         << h.opened->statistics().index_blocks_written << " written, rounds " << rounds);
    for (const sent& round : all) {
        REQUIRE(round.done);
        for (const append_batch& batch : round.batches) REQUIRE_FALSE(batch.error);
    }
    for (const queue_id queue : queues) CHECK(h.read_all(queue, {0}).size() == all.size());
}

TEST_CASE("a folder is served by one process at a time", "[store]") {
    io::sim_disk disk;
    harness h(disk);
    REQUIRE(h.open());
    harness second(disk);
    const auto refused = second.open();
    REQUIRE_FALSE(refused);
    CHECK(refused.error() == make_error_code(store_errc::locked));
}
