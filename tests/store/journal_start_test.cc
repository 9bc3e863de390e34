// Starts of a store by its index journal: what the journal tells is not read in the log, and nothing else changes.
#include <algorithm>

#include "store_fixture.h"
#include "support/catch.h"

using namespace imago;
using namespace imago::store;
using namespace imago::store::test;

namespace {

void flip(io::sim_disk& disk, const std::string& name, std::uint64_t at) { REQUIRE(disk.flip_bit(name, at, 3)); }

store_options journalled() {
    store_options options = small_options();
    options.checkpoint_interval = 1 << 30;
    options.journal_piece_log_bytes = 2048;
    return options;
}

/// "m<first>" .. up to "m<last>", each in a batch of its own.
void write(harness& h, queue_id queue, int first, int last) {
    for (int i = first; i < last; ++i) REQUIRE_FALSE(h.append(queue, make_batch("m" + std::to_string(i))).error);
}

/// A new store with a queue of so many messages.
queue_id filled(harness& h, int count) {
    REQUIRE(h.open());
    const queue_id queue = h.make_queue();
    write(h, queue, 0, count);
    return queue;
}

void cut(harness& h, io::sim_disk& disk) {
    h.keep_journal();
    h.cut_power();
    disk.crash();
    h.topics.state.clear();
    h.lines.clear();
}

}  // namespace

TEST_CASE("a start after kill -9 reads the log only behind the journal's end", "[journal]") {
    io::sim_disk disk;
    harness h(disk, journalled());
    REQUIRE(h.open());
    const queue_id queue = h.make_queue();
    REQUIRE_FALSE(h.change({{table_id::topics, "name", "value", false}}));
    for (int i = 0; i < 300; ++i) REQUIRE_FALSE(h.append(queue, make_batch("m" + std::to_string(i), 1, 7, 0, i)).error);
    for (int life = 0; life < 3; ++life) {
        cut(h, disk);
        REQUIRE(h.open());
        const recovery_report report = h.opened->recovered();
        CHECK_FALSE(report.clean);
        CHECK(report.journal_entries > 280);
        CHECK(report.frames_replayed < 10);
        CHECK(report.bytes_cut == 0);
        CHECK(h.topics.state.at("name") == "value");
        CHECK(h.read_all(queue, {0}).size() == static_cast<std::size_t>(300 + life));
        // The producer is known: a retry gets the offset of the original, a gap is refused, the next is taken.
        const auto again = h.append(queue, make_batch("m299", 1, 7, 0, 299 + life));
        CHECK(again.duplicate);
        CHECK(again.base == queue_offset{299 + life});
        CHECK(h.append(queue, make_batch("gap", 1, 7, 0, 400)).error == make_error_code(store_errc::out_of_order_sequence));
        CHECK_FALSE(h.append(queue, make_batch("next", 1, 7, 0, 300 + life)).error);
    }
}

TEST_CASE("a damaged newer checkpoint falls back to the older, and the journal goes on from one file to the other", "[journal]") {
    for (const char* damaged : {"d/checkpoint/checkpoint.a", "d/checkpoint/checkpoint.b"}) {
        io::sim_disk disk;
        harness h(disk, journalled());
        REQUIRE(h.open());
        const queue_id queue = h.make_queue();
        int sent = 0;
        for (int part = 0; part < 3; ++part) {
            for (int i = 0; i < 40; ++i) REQUIRE_FALSE(h.append(queue, make_batch("m" + std::to_string(sent++))).error);
            if (part < 2) h.opened->checkpoint_soon();
            h.settle();
        }
        cut(h, disk);
        flip(disk, damaged, 20);
        harness again(disk, journalled());
        REQUIRE(again.open());
        CHECK_FALSE(again.opened->recovered().rebuilt);
        CHECK(again.opened->recovered().journal_entries > 30);
        CHECK(again.opened->recovered().frames_replayed < 10);
        const auto found = again.read_all(queue, {0});
        REQUIRE(found.size() == 120);
        for (int i = 0; i < 120; ++i) CHECK(found.at(i) == "m" + std::to_string(i));
    }
}

TEST_CASE("any flipped byte of the journal costs no message", "[journal]") {
    io::sim_disk disk;
    queue_id queue;
    {
        harness h(disk, journalled());
        queue = filled(h, 60);
        cut(h, disk);
    }
    int less = 0;
    for (const char* name : {"d/checkpoint/journal.a", "d/checkpoint/journal.b"}) {
        for (std::uint64_t at = 0; at < 20 * 4096; at += 61) {
            if (!disk.flip_bit(name, at, at % 8)) continue;
            {
                harness h(disk, journalled());
                REQUIRE(h.open());
                const auto found = h.read_all(queue, {0});
                REQUIRE(found.size() == 60);
                less += h.opened->recovered().frames_replayed > 8 ? 1 : 0;
                h.cut_power();
            }
            disk.crash();
            (void)disk.flip_bit(name, at, at % 8);
        }
    }
    CHECK(less > 10);
}

TEST_CASE("damage in the log below the journal's end is told by who reads it, with a clear error", "[journal]") {
    io::sim_disk disk;
    harness h(disk, journalled());
    const queue_id queue = filled(h, 60);
    cut(h, disk);
    const auto log = io::read_file(disk, "d/log/00000000000000000000.seg").value();
    const auto text = std::string_view(as_text(log));
    const std::size_t victim = text.find("m20");
    REQUIRE(victim != std::string_view::npos);
    flip(disk, "d/log/00000000000000000000.seg", victim);
    REQUIRE(h.open());
    CHECK(h.opened->recovered().damaged_ranges == 0);
    CHECK(h.opened->recovered().bytes_cut == 0);
    CHECK(h.read(queue, {20}, 1).error == make_error_code(store_errc::damaged));
    CHECK(std::any_of(h.lines.begin(), h.lines.end(), [](const std::string& line) { return line.find("offsets 20..20") != line.npos; }));
    CHECK_FALSE(h.read(queue, {19}, 1).error);
    CHECK(h.read_all(queue, {21}).size() == 39);
    CHECK(h.opened->statistics().end.value > 0);
}

TEST_CASE("damage behind the journal's end is found by the walk, and found again by the next start", "[journal]") {
    io::sim_disk disk;
    store_options options = journalled();
    options.journal_piece_log_bytes = 16 * 1024;
    queue_id queue;
    {
        harness h(disk, options);
        queue = filled(h, 60);
        cut(h, disk);
    }
    const auto log = io::read_file(disk, "d/log/00000000000000000000.seg").value();
    const std::size_t victim = std::string_view(as_text(log)).find("m50");
    flip(disk, "d/log/00000000000000000000.seg", victim);
    for (int start = 0; start < 3; ++start) {
        harness h(disk, options);
        REQUIRE(h.open());
        CHECK(h.opened->recovered().journal_entries > 10);
        CHECK(h.opened->recovered().damaged_ranges == 1);
        CHECK(h.read(queue, {50}, 1).error == make_error_code(store_errc::damaged));
        CHECK(h.read_all(queue, {51}).size() >= 9);
        CHECK_FALSE(h.append(queue, make_batch("more")).error);
        cut(h, disk);
    }
}

TEST_CASE("a start that had to walk far for lack of a journal is followed by a checkpoint, and by a journal", "[journal]") {
    io::sim_disk disk;
    store_options options = journalled();
    options.journal_piece_log_bytes = 512;  // more pieces than may wait
    harness h(disk, options);
    const queue_id queue = filled(h, 100);
    cut(h, disk);
    REQUIRE(disk.remove("d/checkpoint/journal.a"));
    REQUIRE(disk.remove("d/checkpoint/journal.b"));
    REQUIRE(h.open());
    CHECK(h.opened->recovered().journal_entries == 0);
    CHECK(h.opened->recovered().frames_replayed >= 100);
    h.settle();
    CHECK(h.opened->statistics().checkpoints == 1);
    CHECK(h.lines.empty());
    write(h, queue, 100, 120);
    cut(h, disk);
    REQUIRE(h.open());
    CHECK(h.opened->recovered().journal_entries > 10);
    CHECK(h.opened->recovered().frames_replayed < 10);
    CHECK(h.read_all(queue, {0}).size() == 120);
    h.settle();
    CHECK(h.opened->statistics().checkpoints == 0);
}

TEST_CASE("after a clean stop nothing is replayed, and the journal begins with what comes", "[journal]") {
    io::sim_disk disk;
    harness h(disk, journalled());
    const queue_id queue = filled(h, 20);
    h.shut();
    h.topics.state.clear();
    REQUIRE(h.open());
    CHECK(h.opened->recovered().clean);
    CHECK(h.opened->recovered().journal_entries == 0);
    write(h, queue, 20, 60);
    cut(h, disk);
    REQUIRE(h.open());
    CHECK(h.opened->recovered().journal_entries > 30);
    CHECK(h.opened->recovered().frames_replayed < 10);
    CHECK(h.read_all(queue, {0}).size() == 60);
}

TEST_CASE("without a checkpoint the journal is not used: everything is rebuilt from the log", "[journal]") {
    io::sim_disk disk;
    harness h(disk, journalled());
    const queue_id queue = filled(h, 60);
    cut(h, disk);
    REQUIRE(disk.remove("d/checkpoint/checkpoint.a"));
    REQUIRE(disk.remove("d/checkpoint/checkpoint.b"));
    REQUIRE(h.open());
    CHECK(h.opened->recovered().rebuilt);
    CHECK(h.opened->recovered().journal_entries == 0);
    CHECK(h.read_all(queue, {0}).size() == 60);
}
