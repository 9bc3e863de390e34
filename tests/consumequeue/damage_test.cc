// What happens when blocks on disk are not what they should be, and when the disk fails.
#include "consumequeue/index_fixture.h"

#include <cstring>

using namespace imago;
using namespace imago::consumequeue;

namespace {

constexpr queue_id q{5};
const char* const path = "/index/00000000.blk";

std::vector<std::byte> block_bytes(index_fixture& f, std::uint64_t number) {
    const auto whole = io::read_file(f.disk, path);
    REQUIRE(whole);
    const auto at = whole->begin() + static_cast<std::ptrdiff_t>(number * block_size);
    return {at, at + block_size};
}

block_ref ref_of(index_fixture& f, std::int64_t offset) {
    block_ref ref;
    std::vector<index_entry> found;
    REQUIRE(f.index->locate(q, {offset}, 1, found, ref) == lookup::in_block);
    return ref;
}

std::vector<index_entry> entries_between(std::int64_t from, std::int64_t to) {
    std::vector<index_entry> entries;
    for (; from < to; ++from) entries.push_back(entry_at(from));
    return entries;
}

}  // namespace

TEST_CASE("a block with any byte changed is bad", "[consumequeue]") {
    index_fixture f;
    f.index->create(q, {0});
    f.fill(q, 130);
    f.settle();
    const block_ref ref = ref_of(f, 50);
    std::vector<std::byte> bytes = block_bytes(f, 0);
    REQUIRE(f.index->admit_block(ref, bytes));
    for (std::size_t i = 0; i < block_size; ++i) {
        bytes[i] ^= std::byte(1 << (i % 8));
        const auto admitted = f.index->admit_block(ref, bytes);
        REQUIRE_FALSE(admitted);
        REQUIRE(admitted.error() == index_errc::bad_block);
        bytes[i] ^= std::byte(1 << (i % 8));
    }
}

TEST_CASE("a block that is torn, missing, cut or in the wrong place is bad", "[consumequeue]") {
    index_fixture f;
    f.index->create(q, {0});
    f.fill(q, 230);
    f.index->create({6}, {0});
    f.fill({6}, 100);
    f.settle();
    const block_ref ref = ref_of(f, 50);
    const std::vector<std::byte> good = block_bytes(f, 0);
    for (std::size_t sectors = 0; sectors < 8; ++sectors) {
        std::vector<std::byte> torn(block_size);
        std::memcpy(torn.data(), good.data(), sectors * 512);
        CHECK_FALSE(f.index->admit_block(ref, torn));
        CHECK_FALSE(f.index->admit_block(ref, byte_view(good).first(sectors * 512)));
    }
    CHECK_FALSE(f.index->admit_block(ref, block_bytes(f, 1)));
    block_ref other = ref;
    other.queue = {6};
    CHECK_FALSE(f.index->admit_block(other, good));
    other = ref;
    other.end = {99};
    CHECK_FALSE(f.index->admit_block(other, good));
    other = ref;
    other.from_position = other.from_position + 512;
    CHECK_FALSE(f.index->admit_block(other, good));
    CHECK(f.index->admit_block(ref, good));
}

TEST_CASE("a block whose checksum holds but whose content cannot be is bad", "[consumequeue]") {
    const block_header header{
        .queue = q, .number = 0, .first = {0}, .end = {3}, .first_position = entry_at(0).position};
    alignas(8) std::byte bytes[block_size];
    const auto decodes = [&](const std::vector<index_entry>& entries) {
        encode_block(bytes, header, entries);
        return decode_block(bytes).has_value();
    };
    CHECK(decodes({entry_at(0), entry_at(1), entry_at(2)}));
    CHECK(decodes({entry_at(1)}));
    CHECK(decodes({}));
    CHECK_FALSE(decodes({entry_at(1), entry_at(0)}));
    CHECK_FALSE(decodes({entry_at(3)}));
    index_entry wide = entry_at(0);
    wide.count = 4;
    CHECK_FALSE(decodes({wide}));
    wide.count = 0;
    CHECK_FALSE(decodes({wide}));
}

TEST_CASE("a rebuilt block has the very bytes of the lost one", "[consumequeue]") {
    index_fixture f;
    f.index->create(q, {0});
    f.fill(q, 170);
    REQUIRE(f.index->publish(q, entry_at(175)));  // a hole in block 1
    f.fill(q, 100);
    f.settle();
    const std::vector<std::byte> before = block_bytes(f, 1);
    const block_ref ref = ref_of(f, 180);
    const std::vector<std::byte> garbage(block_size, std::byte{0x5a});
    REQUIRE(f.disk.overwrite(path, block_size, garbage));
    REQUIRE(f.read(ref).error() == index_errc::bad_block);

    std::vector<index_entry> entries = entries_between(90, 170);  // a scan may find more than belongs in
    for (const index_entry& entry : entries_between(175, 230)) entries.push_back(entry);
    const auto rebuilt = f.index->rebuild_block(ref, std::move(entries));
    CHECK(rebuilt->entries.size() == 100);
    CHECK(rebuilt->locate({172}, 1).front() == entry_at(175));
    CHECK(f.index->has_writes());
    CHECK(f.index->cached_block(ref) == rebuilt);
    f.settle();
    CHECK(block_bytes(f, 1) == before);
    CHECK(block_bytes(f, 0) != before);
}

TEST_CASE("a lost index file is rebuilt block by block", "[consumequeue]") {
    index_fixture f;
    f.index->create(q, {0});
    f.fill(q, 250);
    f.settle();
    const auto before = block_bytes(f, 1);
    REQUIRE(f.disk.remove(path));
    f.restart();
    const block_ref ref = ref_of(f, 120);
    CHECK(f.read(ref).error() == std::errc::no_such_file_or_directory);
    (void)f.index->rebuild_block(ref, entries_between(100, 200));
    f.settle();
    CHECK(block_bytes(f, 1) == before);
    CHECK(f.read(ref_of(f, 20)).error() == index_errc::bad_block);
}

TEST_CASE("a rebuild of what was trimmed or removed meanwhile writes nothing", "[consumequeue]") {
    index_fixture f;
    f.index->create(q, {0});
    f.fill(q, 250);
    f.settle();
    const block_ref first = ref_of(f, 0);
    const block_ref second = ref_of(f, 100);
    f.index->trim(q, {120});
    (void)f.index->rebuild_block(first, entries_between(0, 100));
    f.settle();
    CHECK(f.index->used().blocks_written == 2);
    f.index->remove(q);
    (void)f.index->rebuild_block(second, entries_between(100, 200));
    f.settle();
    CHECK(f.index->used().blocks_written == 2);
    CHECK_FALSE(f.disk.exists(path));
}

TEST_CASE("a full disk keeps blocks in memory until there is room", "[consumequeue]") {
    index_fixture f;
    f.index->create(q, {0});
    f.fill(q, 350);
    f.disk.fail_after(io::sim_operation::write, 0, ENOSPC, 3);
    const auto places = [&] {
        const auto file = io::read_file(f.disk, path);
        return file ? file->size() / block_size : 0;
    };
    int tries = 0;
    while (!f.index->error()) {
        if (f.index->pump(*f.ring, 8) > 0) f.ring->wait(std::chrono::nanoseconds(-1));
        REQUIRE(++tries < 10);
    }
    CHECK(f.index->error() == std::errc::no_space_on_device);
    CHECK(f.index->has_writes());
    std::vector<index_entry> found;
    CHECK(f.locate(q, {10}, 1, found) == lookup::found);
    for (int i = 0; i < 20; ++i)
        if (f.index->pump(*f.ring, 8) > 0) f.ring->wait(std::chrono::nanoseconds(-1));
    CHECK_FALSE(f.index->error());
    f.settle();
    CHECK(f.index->used().blocks_written == 3);
    CHECK(ref_of(f, 0).place == block_place{0, 0});  // tries that failed take no places
    CHECK(places() == 16);
    for (std::int64_t i = 0; i < 350; ++i) {
        found.clear();
        REQUIRE(f.locate(q, {i}, 1, found) == lookup::found);
        REQUIRE(found[0] == entry_at(i));
    }
}

TEST_CASE("a write error ends writing; entries stay readable", "[consumequeue]") {
    index_fixture f;
    f.index->create(q, {0});
    f.fill(q, 150);
    REQUIRE(f.index->pump(*f.ring, 1) == 1);
    f.ring->wait(std::chrono::nanoseconds(-1));
    f.fill(q, 100);
    f.disk.fail_after(io::sim_operation::write, 0, EIO);
    for (int i = 0; i < 10; ++i)
        if (f.index->pump(*f.ring, 1) > 0) f.ring->wait(std::chrono::nanoseconds(-1));
    CHECK(f.index->error() == std::errc::io_error);
    CHECK(f.index->used().blocks_written == 1);
    CHECK(f.index->pump(*f.ring, 8) == 0);
    CHECK_FALSE(f.index->sync_blocks(*f.ring));
    std::vector<index_entry> found;
    CHECK(f.locate(q, {150}, 1, found) == lookup::found);
    CHECK(f.snapshots()[0].tail.size() == 250);
}

TEST_CASE("a failed sync makes nothing durable, also not when it is tried again", "[consumequeue]") {
    index_fixture f;
    f.index->create(q, {0});
    f.fill(q, 150);
    f.write_all();
    f.disk.fail_after(io::sim_operation::sync, 0, EIO);
    CHECK(f.index->sync_blocks(*f.ring).error() == std::errc::io_error);
    CHECK_FALSE(f.index->sync_blocks(*f.ring));
    CHECK(f.snapshots()[0].marks.empty());
    CHECK(f.snapshots()[0].tail.size() == 150);
}

TEST_CASE("written blocks are made durable without a checkpoint when they take much memory",
          "[consumequeue]") {
    index_fixture f({.directory = "/index", .tail_memory_max = 256 << 10});
    f.index->create(q, {0});
    f.fill(q, 10'000);
    f.write_all();
    CHECK(f.disk.counts().syncs > 0);
    CHECK(f.index->used().tail_bytes < 128 << 10);
    CHECK(f.snapshots()[0].marks.size() > 70);
}
