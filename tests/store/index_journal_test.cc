// The index journal by itself, on a simulated disk: what it tells is what it was told, in every combination of files, and it never
// tells more.
#include "store/index_journal.h"

#include <cerrno>

#include "base/checksum.h"
#include "io/sim_disk.h"
#include "support/catch.h"

using namespace imago;
using namespace imago::store;

namespace {

constexpr std::uint64_t frame_bytes = 512;
constexpr const char* journal_a = "d/journal.a";
constexpr const char* journal_b = "d/journal.b";

/// What recover() gave, with copies of the payloads.
struct recovered {
    log_position end;
    std::vector<journal_entry> entries;
    std::vector<std::string> payloads;
    std::vector<std::uint64_t> positions() const {
        std::vector<std::uint64_t> all;
        for (const journal_entry& entry : entries) all.push_back(entry.index.position.value);
        return all;
    }
};

/// Lives of a journal on one disk, over a log whose frames are all 512 bytes.
struct lives {
    io::sim_disk disk;
    std::unique_ptr<commitlog::segment_set> segments;
    std::unique_ptr<index_journal> journal;
    journal_options options;
    std::vector<std::string> lines;
    std::uint64_t at = 4096;  ///< where the next frame goes

    lives() {
        REQUIRE(disk.make_directories("d"));
        options.directory = "d";
        options.piece_bytes = 4096;
        options.piece_log_bytes = 4 * frame_bytes;
        options.allocate_bytes = 64 * 1024;
        options.log = [this](std::string_view line) { lines.emplace_back(line); };
        open_log();
    }
    void open_log() {
        auto opened = commitlog::segment_set::open(disk, {.directory = "d/log", .segment_bytes = 8 << 20, .zero_fill = false,
                                                          .new_salt = {}, .log = {}});
        if (!opened) {
            REQUIRE(disk.make_directories("d/log"));
            opened = commitlog::segment_set::open(disk, {.directory = "d/log", .segment_bytes = 8 << 20, .zero_fill = false,
                                                         .new_salt = {}, .log = {}});
        }
        REQUIRE(opened);
        segments = std::move(*opened);
    }
    void open() { journal = std::make_unique<index_journal>(disk, *segments, options); }
    /// A new life, which begins where a checkpoint is, with nothing to replay.
    void open_at(std::uint64_t position) {
        open();
        journal->begin_at({position});
        journal->resume_at({position});
        at = position;
    }
    /// A new life after kill -9, with the checkpoint at `replay_from`.
    recovered recover(std::uint64_t replay_from) {
        open();
        recovered found;
        const auto ring = disk.make_ring({}).value();
        found.end = journal->recover(*ring, {replay_from}, [&](std::span<const journal_entry> entries) {
            for (const journal_entry& entry : entries) {
                found.entries.push_back(entry);
                found.payloads.emplace_back(as_text(entry.payload));
            }
        });
        at = found.end.value;
        return found;
    }
    consumequeue::index_entry frame() {
        consumequeue::index_entry entry;
        entry.base = {static_cast<std::int64_t>(at / frame_bytes)};
        entry.position = {at};
        entry.max_timestamp = 1000;
        entry.size = 300;
        entry.count = 1;
        return entry;
    }
    /// One group of so many frames.
    void add(int frames) {
        journal->begin_group({at});
        for (int i = 0; i < frames; ++i) {
            journal->add({17}, frame());
            at += frame_bytes;
        }
        if (journal->finish_group({at})) journal->write();
    }
    /// A checkpoint that is finished, with all that was added below it. Returns its replay_from.
    std::uint64_t checkpoint() {
        journal->begin_checkpoint();
        journal->finish_checkpoint({at});
        return at;
    }
};

std::vector<std::uint64_t> frames(std::uint64_t from, std::uint64_t to) {
    std::vector<std::uint64_t> all;
    for (; from < to; from += frame_bytes) all.push_back(from);
    return all;
}

void flip(io::sim_disk& disk, const char* name, std::uint64_t at) { REQUIRE(disk.flip_bit(name, at, 3)); }

}  // namespace

TEST_CASE("what went into the journal comes back, kind by kind, and ends where the last piece does", "[journal]") {
    lives l;
    l.open_at(4096);
    const std::string payload(300, 'c');
    consumequeue::index_entry entry = l.frame();
    entry.tag_hash = 7;
    entry.count = 3;
    entry.max_timestamp = -5;
    l.journal->begin_group({4096});
    l.journal->add({16}, entry);
    entry.position = {4608};
    l.journal->add({17}, entry, {1LL << 40, -1, 99, 12, 3});
    entry.position = {5120};
    l.journal->add_change({0}, entry, as_bytes(payload));
    REQUIRE_FALSE(l.journal->finish_group({5632}));
    l.at = 5632;
    l.add(1);  // the piece covers enough now
    l.add(2);  // not written
    const recovered found = l.recover(4096);
    CHECK(found.end == log_position{6144});
    CHECK(found.positions() == frames(4096, 6144));
    CHECK(found.entries[0].queue == queue_id{16});
    CHECK(found.entries[0].kind == journal_kind::plain);
    CHECK(found.entries[0].index.base == entry.base);
    CHECK(found.entries[0].index.size == 300);
    CHECK(found.entries[0].index.count == 3);
    CHECK(found.entries[0].index.max_timestamp == -5);
    CHECK(found.entries[0].index.tag_hash == 7);
    CHECK(found.entries[0].index.flags == 0);
    REQUIRE(found.entries[1].kind == journal_kind::producer);
    CHECK(found.entries[1].producer.producer_id == 1LL << 40);
    CHECK(found.entries[1].producer.time == -1);
    CHECK(found.entries[1].producer.last_used == 99);
    CHECK(found.entries[1].producer.base_sequence == 12);
    CHECK(found.entries[1].producer.epoch == 3);
    REQUIRE(found.entries[2].kind == journal_kind::change);
    CHECK(found.payloads[2] == payload);
    CHECK(l.lines.empty());
}

TEST_CASE("the worked example of the journal's format is what the code writes", "[journal]") {
    std::vector<std::byte> piece(journal_head_size + journal_entry_size);
    put_journal_entry(piece.data() + journal_head_size, {16}, {{5}, {4096}, 1000, 70, 1, 0, 0}, journal_kind::plain);
    journal_head head;
    head.sequence = 3;
    head.salt = 0x1122334455667788;
    head.previous = 0x99;
    head.from = {4096};
    head.to = {4608};
    head.log_salt = 0x0102030405060708;
    head.number = 1;
    head.entries = 1;
    seal_journal_piece(piece, head);
    std::string text;
    for (std::size_t i = 0; i < piece.size(); ++i) {
        if (i >= 72 && i < 80) continue;
        text += "0123456789abcdef"[std::to_integer<int>(piece[i]) >> 4];
        text += "0123456789abcdef"[std::to_integer<int>(piece[i]) & 15];
    }
    CHECK(text ==
          "494d4a500100000003000000000000008877665544332211"
          "99000000000000000010000000000000001200000000000008070605040302010100000001000000"
          "7c00000000000000"
          "05000000000000000010000000000000e803000000000000"
          "4600000001000000100000000000000000000000");
    CHECK(head.checksum == xxh3(byte_view(piece).subspan(80), xxh3(byte_view(piece).first(72))));
}

TEST_CASE("entries below the checkpoint's position are left out, and a journal that begins above it is not used", "[journal]") {
    lives l;
    l.open_at(4096 + 4 * frame_bytes);
    const std::uint64_t from = l.at;
    l.add(8);
    CHECK(l.recover(from + 3 * frame_bytes).positions() == frames(from + 3 * frame_bytes, from + 8 * frame_bytes));
    const recovered none = l.recover(from - frame_bytes);
    CHECK(none.entries.empty());
    CHECK(none.end == log_position{from - frame_bytes});
}

TEST_CASE("a torn piece ends the journal in front of it, and the next life goes on there", "[journal]") {
    for (const std::uint64_t torn : {3 * 4096 + 5, 3 * 4096 + 90, 3 * 4096 + 250}) {
        lives l;
        l.open_at(4096);
        for (int i = 0; i < 4; ++i) l.add(4);
        flip(l.disk, journal_a, torn);  // the beginning, then pieces 1, 2, 3 and 4: the third
        const std::uint64_t end = 4096 + 8 * frame_bytes;
        CHECK(l.recover(4096).positions() == frames(4096, end));
        CHECK(l.at == end);
        l.add(4);
        // What was piece 4 lies behind it still, and covers just what would come next.
        CHECK(l.recover(4096).positions() == frames(4096, end + 4 * frame_bytes));
    }
}

TEST_CASE("what an earlier use of the file left behind is never taken for its continuation", "[journal]") {
    lives l;
    l.open_at(4096);
    for (int i = 0; i < 8; ++i) l.add(4);
    const std::uint64_t first = l.checkpoint();
    l.add(4);
    const std::uint64_t second = l.checkpoint();  // into the first file again
    l.add(4);
    const recovered found = l.recover(second);
    CHECK(found.positions() == frames(second, second + 4 * frame_bytes));
    // Of the older checkpoint: over both files.
    CHECK(l.recover(first).positions() == frames(first, second + 4 * frame_bytes));
}

TEST_CASE("the older of two checkpoints goes on from the older file to the newer", "[journal]") {
    lives l;
    l.open_at(4096);
    l.add(6);
    l.add(1);
    l.checkpoint();
    const std::uint64_t changed = l.at;
    l.add(5);
    CHECK(l.recover(4096).positions() == frames(4096, changed + 5 * frame_bytes));
    l.add(4);
    CHECK(l.recover(4096).positions() == frames(4096, changed + 9 * frame_bytes));
    // With a tear at the end of the older file the newer one does not follow it.
    flip(l.disk, journal_a, 2 * 4096 + 100);
    CHECK(l.recover(4096).end.value < changed);
    // But it is all that the newer checkpoint needs.
    CHECK(l.recover(changed).positions() == frames(changed, changed + 9 * frame_bytes));
}

TEST_CASE("a file that was begun for a checkpoint that came to nothing serves the next one", "[journal]") {
    lives l;
    l.open_at(4096);
    l.add(4);
    l.journal->begin_checkpoint();
    l.add(4);
    l.journal->begin_checkpoint();
    l.add(4);
    CHECK(l.recover(4096).positions() == frames(4096, 4096 + 12 * frame_bytes));
    // Also when the one that came to nothing is the last thing that was.
    l.journal->begin_checkpoint();
    const std::uint64_t replay_from = l.at;
    l.journal->finish_checkpoint({replay_from});
    l.add(4);
    CHECK(l.recover(replay_from).positions() == frames(replay_from, replay_from + 4 * frame_bytes));
}

TEST_CASE("a journal of another version is not read", "[journal]") {
    lives l;
    l.open_at(4096);
    l.add(4);
    auto beginning = io::read_file(l.disk, journal_a).value();
    beginning.resize(journal_head_size);
    store_le<std::uint32_t>(beginning.data() + 4, 2);
    store_le<std::uint64_t>(beginning.data() + 72, xxh3({}, xxh3(byte_view(beginning).first(72))));
    REQUIRE(l.disk.overwrite(journal_a, 0, beginning));
    CHECK(l.recover(4096).entries.empty());
}

TEST_CASE("a gap in what it is told ends the journal", "[journal]") {
    lives l;
    l.open_at(4096);
    l.add(4);
    const std::uint64_t gap = l.at;
    l.at += frame_bytes;
    l.add(8);
    CHECK_FALSE(l.journal->covering());
    CHECK(l.recover(4096).positions() == frames(4096, gap));
}

TEST_CASE("a journal that cannot keep up ends, and what it says until there holds", "[journal]") {
    lives l;
    l.options.waiting_pieces_max = 3;
    l.open_at(4096);
    l.add(4);
    for (int i = 0; i < 40; ++i) {
        l.journal->begin_group({l.at});
        for (int j = 0; j < 4; ++j) {
            l.journal->add({17}, l.frame());
            l.at += frame_bytes;
        }
        (void)l.journal->finish_group({l.at});
    }
    CHECK_FALSE(l.journal->covering());
    l.journal->write();
    CHECK(l.lines.size() == 1);
    CHECK(l.recover(4096).positions() == frames(4096, 4096 + 16 * frame_bytes));
    // The next checkpoint begins anew.
    l.at = 4096 + 160 * frame_bytes;
    l.journal->end();
    l.journal->resume_at({l.at});
    const std::uint64_t from = l.checkpoint();
    l.add(4);
    CHECK(l.journal->covering());
    CHECK(l.recover(from).positions() == frames(from, from + 4 * frame_bytes));
}

TEST_CASE("a write error ends the journal until the next checkpoint, and is told of", "[journal]") {
    for (const int error : {EIO, ENOSPC}) {
        lives l;
        l.open_at(4096);
        l.add(4);
        l.disk.fail_after(io::sim_operation::write, 0, error);
        l.add(4);
        CHECK_FALSE(l.journal->covering());
        CHECK(l.lines.size() == 1);
        l.add(4);
        const std::uint64_t from = l.checkpoint();
        l.add(4);
        CHECK(l.recover(from).positions() == frames(from, from + 4 * frame_bytes));
        CHECK(l.lines.size() == 1);
        CHECK(l.recover(4096).positions() == frames(4096, 4096 + 4 * frame_bytes));
    }
}

TEST_CASE("a file of the journal has a largest size, and the journal ends there", "[journal]") {
    lives l;
    l.options.file_bytes_max = 3 * 4096;
    l.open_at(4096);
    for (int i = 0; i < 6; ++i) l.add(4);
    CHECK_FALSE(l.journal->covering());
    CHECK(l.recover(4096).positions() == frames(4096, 4096 + 8 * frame_bytes));
}

TEST_CASE("an entry that is larger than a piece gets one of its own", "[journal]") {
    lives l;
    l.open_at(4096);
    l.add(1);
    const std::string large(5'000'000, 'x');
    consumequeue::index_entry entry = l.frame();
    entry.size = static_cast<std::uint32_t>(large.size());
    l.journal->begin_group({l.at});
    l.journal->add_change({0}, entry, as_bytes(large));
    l.at += frame_bytes;
    (void)l.journal->finish_group({l.at});
    l.add(4);
    l.add(4);
    const recovered found = l.recover(4096);
    CHECK(found.positions() == frames(4096, 4096 + 10 * frame_bytes));
    REQUIRE(found.payloads.size() == 10);
    CHECK(found.payloads[1] == large);
}

TEST_CASE("pieces above a cut of the log that the journal was not told of are not read", "[journal]") {
    lives l;
    l.open_at(4096);
    l.add(4);
    const std::uint64_t cut = l.at;
    l.add(4);
    REQUIRE(l.segments->cut({cut}));
    CHECK(l.recover(4096).positions() == frames(4096, cut));
}

TEST_CASE("many pieces come back in order through large reads", "[journal]") {
    lives l;
    l.options.piece_log_bytes = 1 << 30;
    l.open_at(4096);
    const std::uint64_t end = 4096 + 15'000 * frame_bytes;
    while (l.at < end) l.add(100);
    const recovered found = l.recover(4096);
    CHECK(found.entries.size() > 14'800);
    CHECK(found.positions() == frames(4096, found.end.value));
}
