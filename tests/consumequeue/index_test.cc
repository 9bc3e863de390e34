#include "consumequeue/index_fixture.h"
#include "consumequeue/queue_index.h"

#include <algorithm>

using namespace imago;
using namespace imago::consumequeue;

namespace {
constexpr queue_id q{0x12ab};
}

TEST_CASE("a queue that was not created is unknown", "[consumequeue]") {
    index_fixture f;
    std::vector<index_entry> found;
    index_entry entry;
    block_ref ref;
    waiter w;
    CHECK_FALSE(f.index->bounds(q));
    CHECK_FALSE(f.index->publish(q, entry_at(0)));
    CHECK(f.index->locate(q, {0}, 1, found, ref) == lookup::unknown_queue);
    CHECK(f.index->locate_time(q, 0, entry, ref) == lookup::unknown_queue);
    CHECK(f.index->locate_max_timestamp(q, entry, ref) == lookup::unknown_queue);
    CHECK_FALSE(f.index->wait(q, {0}, w));
    CHECK(f.index->live_bytes(q) == 0);
    f.index->trim(q, {1});
    f.index->remove(q);
    CHECK(f.index->queues().empty());
}

TEST_CASE("lookups at the edges of a queue", "[consumequeue]") {
    index_fixture f;
    f.index->create(q, {10});
    std::vector<index_entry> found;
    index_entry entry;
    block_ref ref;
    CHECK(f.index->locate(q, {10}, 1, found, ref) == lookup::at_end);
    CHECK(f.index->locate_time(q, 0, entry, ref) == lookup::at_end);
    CHECK(f.index->locate_max_timestamp(q, entry, ref) == lookup::at_end);
    f.fill(q, 5);
    CHECK(f.index->bounds(q)->start == queue_offset{10});
    CHECK(f.index->bounds(q)->end == queue_offset{15});
    CHECK(f.index->locate(q, {9}, 1, found, ref) == lookup::out_of_range);
    CHECK(f.index->locate(q, {16}, 1, found, ref) == lookup::out_of_range);
    CHECK(f.index->locate(q, {15}, 1, found, ref) == lookup::at_end);
    CHECK(found.empty());
    CHECK(f.index->locate(q, {12}, 0, found, ref) == lookup::found);
    CHECK(found == std::vector<index_entry>{entry_at(12)});
    found.clear();
    CHECK(f.index->locate(q, {11}, 299, found, ref) == lookup::found);
    CHECK(found == std::vector<index_entry>{entry_at(11), entry_at(12)});
    CHECK_FALSE(f.index->publish(q, entry_at(14)));
}

TEST_CASE("a block is written once and read back as it was", "[consumequeue]") {
    index_fixture f;
    f.index->create(q, {0});
    f.fill(q, 250);
    CHECK(f.index->has_writes());
    f.settle();
    CHECK_FALSE(f.index->has_writes());
    CHECK(f.index->used().blocks_written == 2);
    CHECK(f.disk.counts().writes == 1);
    CHECK(f.disk.exists("/index/00000000.blk"));
    block_ref ref;
    std::vector<index_entry> found;
    REQUIRE(f.index->locate(q, {150}, 1, found, ref) == lookup::in_block);
    CHECK(ref.number == 1);
    CHECK(ref.place == block_place{0, 1});
    CHECK(ref.first == queue_offset{100});
    CHECK(ref.end == queue_offset{200});
    CHECK(ref.from_position == entry_at(100).position);
    CHECK(ref.to_position == entry_at(200).position);
    CHECK(ref.max_timestamp == entry_at(199).max_timestamp);
    for (std::int64_t i = 0; i < 250; ++i) {
        found.clear();
        REQUIRE(f.locate(q, {i}, 100, found) == lookup::found);
        REQUIRE(found == std::vector<index_entry>{entry_at(i)});
    }
    CHECK(f.index->used().tail_bytes == 100 * entry_size);
}

TEST_CASE("a sealed block is readable from memory until it is durable", "[consumequeue]") {
    index_fixture f;
    f.index->create(q, {0});
    f.fill(q, 100);
    const auto in_memory = [&] {
        block_ref ref;
        std::vector<index_entry> found;
        return f.index->locate(q, {50}, 1, found, ref) == lookup::found && found[0] == entry_at(50);
    };
    CHECK(in_memory());
    CHECK(f.index->pump(*f.ring, 4) == 1);
    CHECK(in_memory());
    f.write_all();
    CHECK(in_memory());
    CHECK(f.snapshots()[0].marks.empty());
    CHECK(f.snapshots()[0].tail.size() == 100);
    REQUIRE(f.index->sync_blocks(*f.ring));
    CHECK_FALSE(in_memory());
    CHECK(f.snapshots()[0].marks.size() == 1);
    CHECK(f.snapshots()[0].tail.empty());
}

TEST_CASE("lookup by time finds the first batch that reaches it, in memory and on disk", "[consumequeue]") {
    index_fixture f;
    f.index->create(q, {0});
    f.fill(q, 230);
    f.settle();
    index_entry entry;
    block_ref ref;
    REQUIRE(f.index->locate_time(q, 1'000'150, entry, ref) == lookup::in_block);
    CHECK(ref.number == 1);
    REQUIRE((*f.read(ref))->locate_time(1'000'150, {0}) != nullptr);
    CHECK(*(*f.read(ref))->locate_time(1'000'150, {0}) == entry_at(150));
    REQUIRE(f.index->locate_time(q, 1'000'215, entry, ref) == lookup::found);
    CHECK(entry == entry_at(215));
    CHECK(f.index->locate_time(q, 1'000'230, entry, ref) == lookup::at_end);
    REQUIRE(f.index->locate_max_timestamp(q, entry, ref) == lookup::found);
    CHECK(entry == entry_at(229));
}

TEST_CASE("a time that only batches below the start reach is looked for behind their block",
          "[consumequeue]") {
    index_fixture f;
    f.index->create(q, {0});
    for (std::int64_t i = 0; i < 150; ++i) {
        index_entry entry = entry_at(i);
        if (i < 10) entry.max_timestamp = 9'000'000;  // a burst from the future
        REQUIRE(f.index->publish(q, entry));
    }
    f.settle();
    f.index->trim(q, {20});
    index_entry entry;
    block_ref ref;
    REQUIRE(f.index->locate_time(q, 1'000'120, entry, ref) == lookup::in_block);
    CHECK((*f.read(ref))->locate_time(1'000'120, {20}) == nullptr);
    REQUIRE(f.index->locate_time(q, 1'000'120, entry, ref, ref.end) == lookup::found);
    CHECK(entry == entry_at(120));
    REQUIRE(f.index->locate_max_timestamp(q, entry, ref) == lookup::in_block);
    const index_entry* largest = (*f.read(ref))->locate_max_timestamp({20});
    REQUIRE(largest != nullptr);
    CHECK(largest->max_timestamp < ref.max_timestamp);
    REQUIRE(f.index->locate_max_timestamp(q, entry, ref, ref.end) == lookup::found);
    CHECK(entry == entry_at(149));
}

TEST_CASE("an offset in a hole leads to the batch behind it", "[consumequeue]") {
    // The hole comes at the border of a block, in the middle of one, and in front of the tail after a
    // restart.
    const std::int64_t at = GENERATE(100, 130, 200, 210);
    index_fixture f;
    f.index->create(q, {0});
    f.fill(q, at);
    REQUIRE(f.index->publish(q, entry_at(at + 7)));
    f.fill(q, 30);
    f.settle();
    if (GENERATE(false, true)) f.restart();
    std::vector<index_entry> found;
    for (std::int64_t i = 0; i < at + 37; ++i) {
        found.clear();
        REQUIRE(f.locate(q, {i}, 1, found) == lookup::found);
        CHECK(found.at(0) == entry_at(i < at ? i : std::max(i, at + 7)));
    }
}

TEST_CASE("trimming gives back tails, blocks and disk space", "[consumequeue]") {
    index_fixture f;
    f.index->create(q, {0});
    f.fill(q, 350);
    f.settle();
    CHECK(f.index->live_bytes(q) == 350 * 100);
    f.index->trim(q, {150});
    CHECK(f.index->live_bytes(q) == 250 * 100);  // the block that the start cuts counts whole
    std::vector<index_entry> found;
    block_ref ref;
    CHECK(f.index->locate(q, {149}, 1, found, ref) == lookup::out_of_range);
    REQUIRE(f.locate(q, {150}, 1, found) == lookup::found);
    CHECK(found[0] == entry_at(150));
    f.write_all();  // punches block 0
    CHECK(f.snapshots()[0].first_block == 1);
    f.index->trim(q, {100});
    CHECK(f.index->bounds(q)->start == queue_offset{150});
    f.index->trim(q, {1000});
    CHECK(f.index->bounds(q)->start == queue_offset{350});
    CHECK(f.index->bounds(q)->end == queue_offset{350});
    CHECK(f.index->live_bytes(q) == 0);
    CHECK(f.index->used().tail_bytes == 0);
    f.write_all();
    f.fill(q, 120);
    f.settle();
    CHECK(f.snapshots()[0].first_block == 3);
    found.clear();
    REQUIRE(f.locate(q, {360}, 1, found) == lookup::found);
    CHECK(found[0] == entry_at(360));
    CHECK(f.index->live_bytes(q) == 120 * 100);
    f.index->trim(q, {460});
    CHECK(f.index->live_bytes(q) == 10 * 100);
}

TEST_CASE("removing queues removes files without others and forgets blocks in flight", "[consumequeue]") {
    index_fixture f({.directory = "/index", .blocks_per_file = 2});
    const queue_id other{7};
    f.index->create(q, {0});
    f.index->create(other, {0});
    f.fill(q, 200);
    f.fill(other, 100);
    f.settle();
    f.fill(q, 250);
    REQUIRE(f.index->pump(*f.ring, 1) == 1);  // one in flight, one waiting
    f.index->remove(q);
    CHECK_FALSE(f.index->bounds(q));
    f.settle();
    CHECK_FALSE(f.disk.exists("/index/00000000.blk"));
    CHECK(f.disk.exists("/index/00000001.blk"));  // the other queue's block is in there
    CHECK_FALSE(f.disk.exists("/index/00000002.blk"));
    CHECK(f.index->used().tail_bytes == 0);
    CHECK(f.index->queues() == std::vector<queue_id>{other});
}

TEST_CASE("files that nothing names are removed, others are left alone", "[consumequeue]") {
    index_fixture f({.directory = "/index", .blocks_per_file = 1});
    const queue_id other{0x7ab};
    f.index->create(q, {0});
    f.index->create(other, {0});
    f.fill(q, 150);
    f.fill(other, 150);
    f.settle();
    REQUIRE(f.disk.open("/index/notes.txt", {.write = true, .create = true}));
    REQUIRE(f.disk.make_directories("/index/ab"));
    REQUIRE(f.disk.open("/index/ab/notes.txt", {.write = true, .create = true}));
    REQUIRE(f.disk.open("/index/ab/000012ab.idx", {.write = true, .create = true}));  // of an older version
    REQUIRE(f.disk.open("/index/ab/000007ac.idx", {.write = true, .create = true}));  // never one of ours
    auto all = f.snapshots();
    f.start();
    f.index->restore(std::move(all[1]));
    CHECK(f.index->remove_unknown_files() == 2);
    f.settle();
    CHECK(f.disk.exists("/index/00000000.blk"));
    CHECK_FALSE(f.disk.exists("/index/00000001.blk"));
    CHECK_FALSE(f.disk.exists("/index/ab/000012ab.idx"));
    CHECK(f.disk.exists("/index/notes.txt"));
    CHECK(f.disk.exists("/index/ab/notes.txt"));
    CHECK(f.disk.exists("/index/ab/000007ac.idx"));
}

TEST_CASE("a queue that keeps its block pins no more than that", "[consumequeue]") {
    index_fixture f({.directory = "/index", .blocks_per_file = 8});
    const queue_id slow{7};
    f.index->create(slow, {0});
    f.fill(slow, 100);
    f.index->create(q, {0});
    f.fill(q, 1500);
    f.settle();
    f.index->trim(q, {1500});
    f.write_all();
    CHECK(f.disk.exists("/index/00000000.blk"));
    CHECK_FALSE(f.disk.exists("/index/00000001.blk"));
    const auto file = io::read_file(f.disk, "/index/00000000.blk");
    REQUIRE(file);
    // Seven of its blocks are dead; the last of them waits for company.
    CHECK(std::all_of(file->begin() + block_size, file->begin() + 7 * block_size,
                      [](std::byte each) { return each == std::byte{0}; }));
    std::vector<index_entry> found;
    REQUIRE(f.locate(slow, {50}, 1, found) == lookup::found);
    CHECK(found[0] == entry_at(50));
    f.index->trim(slow, {100});
    f.write_all();
    CHECK_FALSE(f.disk.exists("/index/00000000.blk"));
}

TEST_CASE("each life writes into files of its own, and what no mark names becomes a hole", "[consumequeue]") {
    index_fixture f({.directory = "/index", .blocks_per_file = 8});
    f.index->create(q, {0});
    f.fill(q, 100);
    f.settle();
    auto checkpoint = f.snapshots();
    f.fill(q, 400);
    f.settle();  // four blocks that no checkpoint knows
    f.start();
    f.index->restore(std::move(checkpoint[0]));
    CHECK(f.index->remove_unknown_files() == 0);
    f.fill(q, 400);
    f.settle();
    CHECK(f.disk.exists("/index/00000001.blk"));
    const auto file = io::read_file(f.disk, "/index/00000000.blk");
    REQUIRE(file);
    CHECK(std::all_of(file->begin() + block_size, file->end(),
                      [](std::byte each) { return each == std::byte{0}; }));
    std::vector<index_entry> found;
    for (std::int64_t i = 0; i < 500; ++i) {
        found.clear();
        REQUIRE(f.locate(q, {i}, 1, found) == lookup::found);
        REQUIRE(found[0] == entry_at(i));
    }
}

TEST_CASE("blocks wait for each other and are written together", "[consumequeue]") {
    index_fixture f({.directory = "/index", .write_together = 10});
    for (std::uint32_t i = 0; i < 9; ++i) {
        f.index->create({i}, {0});
        f.fill({i}, 100);
    }
    int calls = 0;
    f.index->on_work = [&] { ++calls; };
    CHECK_FALSE(f.index->has_writes());
    CHECK(f.index->pump(*f.ring, 8) == 0);
    REQUIRE(f.index->sync_blocks(*f.ring));
    CHECK(f.snapshots()[3].tail.size() == 100);  // until then they are part of the checkpoint
    f.fill({8}, 100);
    CHECK(calls == 1);
    CHECK(f.index->has_writes());
    f.settle();
    CHECK(f.disk.counts().writes == 1);
    CHECK(f.index->used().blocks_written == 10);
    CHECK(f.snapshots()[3].tail.empty());
    std::vector<index_entry> found;
    REQUIRE(f.locate({3}, {42}, 1, found) == lookup::found);
    CHECK(found[0] == entry_at(42));
}

TEST_CASE("a snapshot brings everything back", "[consumequeue]") {
    index_fixture f;
    const bool synced = GENERATE(false, true);
    for (std::uint32_t i = 0; i < 40; ++i) {
        f.index->create({i * 97}, {i});
        f.fill({i * 97}, i * 11);
        f.index->trim({i * 97}, {i + i * 3});
    }
    f.write_all();
    if (synced) REQUIRE(f.index->sync_blocks(*f.ring));
    const auto before = f.snapshots();
    f.restart();
    const auto after = f.snapshots();
    REQUIRE(before.size() == 40);
    REQUIRE(after.size() == 40);
    for (std::size_t i = 0; i < 40; ++i) {
        CHECK(before[i].id == after[i].id);
        CHECK(before[i].start == after[i].start);
        CHECK(before[i].end == after[i].end);
        CHECK(before[i].tail_first == after[i].tail_first);
        CHECK(before[i].first_block == after[i].first_block);
        CHECK(before[i].bytes_total == after[i].bytes_total);
        CHECK(before[i].marks.size() == after[i].marks.size());
        CHECK(before[i].tail == after[i].tail);
    }
    std::vector<index_entry> found;
    for (std::uint32_t i = 1; i < 40; ++i) {
        const queue_bounds bounds = *f.index->bounds({i * 97});
        CHECK(f.index->live_bytes({i * 97}) >= static_cast<std::uint64_t>(bounds.end - bounds.start) * 100);
        for (queue_offset at = bounds.start; at < bounds.end; at = at + 1) {
            found.clear();
            REQUIRE(f.locate({i * 97}, at, 1, found) == lookup::found);
            CHECK(found[0] == entry_at(at.value));
        }
    }
}

TEST_CASE("tails beyond the budget become blocks that are not full", "[consumequeue]") {
    index_fixture f({.directory = "/index", .tail_memory_max = 64 << 10});
    for (std::uint32_t i = 0; i < 300; ++i) {
        f.index->create({i}, {0});
        f.fill({i}, 20);  // 1,920 bytes each
        f.write_all();
    }
    REQUIRE(f.index->sync_blocks(*f.ring));
    CHECK(f.index->used().tail_bytes <= 64 << 10);
    CHECK(f.index->used().blocks_written > 250);
    std::vector<index_entry> found;
    for (std::uint32_t i = 0; i < 300; ++i) {
        found.clear();
        REQUIRE(f.locate({i}, {0}, 100'000, found) == lookup::found);
        REQUIRE(f.locate({i}, found.back().end(), 100'000, found) != lookup::out_of_range);
        REQUIRE(found.size() == 20);
        CHECK(found[19] == entry_at(19));
    }
}

TEST_CASE("chunks of the table come and go with their queues", "[consumequeue]") {
    index_fixture f;
    for (std::uint32_t i = 0; i < 5000; ++i) {
        f.index->create({i}, {i});
        if (i >= 600) f.index->remove({i - 600});
    }
    const auto ids = f.index->queues();
    REQUIRE(ids.size() == 600);
    CHECK(ids.front() == queue_id{4400});
    CHECK(f.index->bounds({4999})->end == queue_offset{4999});
    CHECK_FALSE(f.index->bounds({4399}));
    CHECK(f.index->used().queues == 600);
    f.index->create({0xfffffffe}, {1});
    CHECK(f.index->queues().back() == queue_id{0xfffffffe});
}
