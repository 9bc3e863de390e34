// Damage to a stopped folder: whatever byte is changed, no reader gets anything but what was written, neighbours are served,
// and nothing is deleted.
#include <algorithm>

#include "store_fixture.h"
#include "support/catch.h"

using namespace imago;
using namespace imago::store;
using namespace imago::store::test;

namespace {

struct written {
    std::vector<queue_id> queues;
    std::vector<std::map<std::int64_t, std::string>> content;
};

/// Fills a few queues and stops cleanly or not.
written fill(io::sim_disk& disk, bool clean, int batches = 60, std::size_t size = 300) {
    harness h(disk);
    REQUIRE(h.open());
    written w;
    for (int q = 0; q < 4; ++q) w.queues.push_back(h.make_queue());
    w.content.resize(4);
    for (int i = 0; i < batches; ++i) {
        const std::size_t q = static_cast<std::size_t>(i % 4);
        const std::string payload = std::to_string(i) + ":" + std::string(size, static_cast<char>('a' + i % 26));
        const auto sent = h.append(w.queues[q], make_batch(payload));
        REQUIRE_FALSE(sent.error);
        w.content[q][sent.base.value] = payload;
    }
    if (clean) {
        h.shut();
    } else {
        h.cut_power();
        disk.crash();
    }
    return w;
}

/// Reads every offset of every queue by itself. Returns how many could not be read.
int read_everything(harness& h, const written& w) {
    int unreadable = 0;
    for (std::size_t q = 0; q < w.queues.size(); ++q) {
        for (const auto& [offset, payload] : w.content[q]) {
            const auto request = h.read(w.queues[q], {offset}, 1);
            if (request.error) {
                REQUIRE(request.error == make_error_code(store_errc::damaged));
                unreadable += 1;
                continue;
            }
            REQUIRE(request.slices.size() == 1);
            REQUIRE(batch_view(request.slices[0].bytes).base_offset() == queue_offset{offset});
            REQUIRE(payload_of(request.slices[0].bytes) == payload);
        }
    }
    return unreadable;
}

constexpr const char* first_segment = "d/log/00000000000000000000.seg";

}  // namespace

TEST_CASE("any flipped byte of a stopped log hurts at most the one batch it lies in", "[damage]") {
    for (const bool clean : {true, false}) {
        io::sim_disk disk;
        const written w = fill(disk, clean);
        // With the last group durable without a witness, an unclean stop may cut it; the fill ends with frames behind.
        for (std::uint64_t at = 4096; at < 40'000; at += 97) {
            INFO("clean " << clean << ", byte " << at);
            REQUIRE(disk.flip_bit(first_segment, at, at % 8));
            {
                harness h(disk);
                REQUIRE(h.open());
                CHECK(read_everything(h, w) <= 1);
                h.cut_power();  // a clean close would record what was found
            }
            disk.crash();
            REQUIRE(disk.flip_bit(first_segment, at, at % 8));
        }
    }
}

TEST_CASE("damage found while replaying keeps the offsets of what was lost", "[damage]") {
    io::sim_disk disk;
    auto w = fill(disk, false);
    // The header of a frame in the middle: its trailer tells whose it was. Nothing replays from a checkpoint here.
    (void)disk.remove("d/checkpoint/checkpoint.a");
    (void)disk.remove("d/checkpoint/checkpoint.b");
    const auto segment = disk.open(first_segment, {});
    std::vector<std::byte> bytes(40'000);
    REQUIRE(disk.read_at(**segment, 0, bytes));
    std::size_t victim = 0;
    for (std::size_t at = 4096; at < 20'000; at += 512) {
        if (load_le<std::uint32_t>(bytes.data() + at) == 0x52464D49 && load_le<std::uint32_t>(bytes.data() + at + 40) == w.queues[3].value) victim = at;
    }
    REQUIRE(victim != 0);
    const auto lost = load_le<std::int64_t>(bytes.data() + victim + 48);
    REQUIRE(disk.flip_bit(first_segment, victim + 20, 1));
    harness h(disk);
    REQUIRE(h.open());
    CHECK(h.opened->recovered().damaged_ranges == 1);
    CHECK(h.read(w.queues[3], {lost}, 1).error == make_error_code(store_errc::damaged));
    CHECK(read_everything(h, w) == 1);
    bool named = false;
    for (const auto& line : h.lines) named |= line.find("queue " + std::to_string(w.queues[3].value)) != std::string::npos;
    CHECK(named);
    CHECK(h.append(w.queues[3], make_batch("next")).base.value == static_cast<std::int64_t>(w.content[3].size()));
}

TEST_CASE("any flipped byte of checkpoint, frontier or index costs no message", "[damage]") {
    io::sim_disk disk;
    const written w = fill(disk, true, 900, 60);
    auto names = std::vector<std::string>{"d/checkpoint/checkpoint.a", "d/checkpoint/checkpoint.b", "d/log/frontier"};
    for (const auto& name : disk.list("d/index").value_or(std::vector<std::string>{})) names.push_back("d/index/" + name);
    CHECK(names.size() > 3);
    for (const auto& name : names) {
        auto file = disk.open(name, {});
        if (!file) continue;
        const std::uint64_t size = std::min<std::uint64_t>(disk.size(**file).value(), 12'000);
        for (std::uint64_t at = 0; at < size; at += 131) {
            INFO(name << " byte " << at);
            REQUIRE(disk.flip_bit(name, at, at % 8));
            {
                harness h(disk);
                REQUIRE(h.open());
                CHECK(read_everything(h, w) == 0);
                h.cut_power();
            }
            disk.crash();
            if (disk.exists(name)) (void)disk.flip_bit(name, at, at % 8);
        }
    }
}

TEST_CASE("a lost block file costs no message, for none of the queues that were in it", "[damage]") {
    io::sim_disk disk;
    const written w = fill(disk, true, 900, 60);
    REQUIRE(disk.remove("d/index/00000000.blk"));
    harness h(disk);
    REQUIRE(h.open());
    CHECK(read_everything(h, w) == 0);
    h.settle();
    CHECK(disk.exists("d/index/00000000.blk"));
}

TEST_CASE("a checkpoint of another version is told of, and everything comes back from the log", "[damage]") {
    io::sim_disk disk;
    const written w = fill(disk, true, 900, 60);
    for (const char* name : {"d/checkpoint/checkpoint.a", "d/checkpoint/checkpoint.b"}) {
        auto head = io::read_file(disk, name).value();
        if (head.size() < 512) continue;
        head.resize(512);
        store_le<std::uint32_t>(head.data() + 4, 1);
        store_le<std::uint64_t>(head.data() + 48, xxh3(byte_view(head).first(48)));
        REQUIRE(disk.overwrite(name, 0, head));
    }
    for (int start = 0; start < 2; ++start) {
        harness h(disk);
        REQUIRE(h.open());
        const bool told = std::any_of(h.lines.begin(), h.lines.end(),
                                      [](const std::string& line) { return line.find("of version 1") != std::string::npos; });
        CHECK(told == (start == 0));
        CHECK(read_everything(h, w) == 0);
        CHECK_FALSE(h.append(w.queues[0], make_batch("more")).error);
        h.shut();
    }
}

TEST_CASE("a missing segment is damage, the others are served, and nothing is deleted", "[damage]") {
    io::sim_disk disk;
    const written w = fill(disk, true, 400, 600);
    REQUIRE(disk.exists("d/log/00000000000000131072.seg"));
    REQUIRE(disk.remove("d/log/00000000000000065536.seg"));
    harness h(disk);
    REQUIRE(h.open());
    const int lost = read_everything(h, w);
    CHECK(lost > 50);
    CHECK(lost < 110);
    CHECK(disk.exists(first_segment));
}

TEST_CASE("without a manifest the store does not start and changes nothing", "[damage]") {
    io::sim_disk disk;
    (void)fill(disk, true);
    REQUIRE(disk.flip_bit("d/log/manifest", 8, 0));
    REQUIRE(disk.flip_bit("d/log/manifest", 262144 + 8, 0));
    harness h(disk);
    CHECK_FALSE(h.open());
    CHECK(disk.exists(first_segment));
}
