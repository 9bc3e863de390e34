#include "inspect/check.h"

#include "inspect/log_maker.h"
#include "support/catch.h"

using namespace imago;
using namespace imago::inspect;
using inspect_test::log_maker;
using inspect_test::made_frame;

namespace {

inspection look(const log_maker& log) {
    const std::unique_ptr<io::disk> disk = io::make_posix_disk();
    auto opened = folder::open(*disk, log.root());
    REQUIRE(opened);
    return inspect::inspect(*opened, true);
}

const finding* first_error(const inspection& found) {
    for (const finding& each : found.findings)
        if (each.level == severity::error) return &each;
    return nullptr;
}

void fill(log_maker& log) {
    log.add(16, 0, 3);
    log.add(17, 100, 1, std::string(700, 'x'));
    log.add(16, 3, 2);
    log.add(17, 101, 4);
    log.add(16, 5, 1);
}

}  // namespace

TEST_CASE("a log as the document describes it is sound", "[inspect]") {
    log_maker log;
    fill(log);
    log.write(log.end(), true);
    const inspection found = look(log);
    CHECK(found.findings.empty());
    CHECK(found.sound());
    CHECK(found.frames == 5);
    CHECK(found.log.end == log.end());
    CHECK(found.log.durable == log.end());
    REQUIRE(found.queues.count(16) == 1);
    CHECK(found.queues.at(16).start == 0);
    CHECK(found.queues.at(16).end == 6);
    CHECK(found.queues.at(16).batches == 3);
    CHECK(found.queues.at(17).start == 100);
    CHECK(found.queues.at(17).end == 105);
}

TEST_CASE("any flipped byte of a frame below the frontier is an error at that frame's place", "[inspect]") {
    log_maker log;
    fill(log);
    log.write(log.end(), true);
    std::vector<std::byte>& bytes = log.bytes();
    for (const made_frame& frame : log.frames()) {
        for (std::uint64_t at = frame.position; at < frame.position + frame.size; ++at) {
            const std::uint64_t payload_end = frame.position + frame.size - 32;
            const bool padding = at < payload_end && bytes[at] == std::byte{0} && at + 8 > payload_end;
            if (padding) continue;  // zeros between payload and trailer say nothing
            CAPTURE(at, frame.position);
            bytes[at] ^= std::byte{0x10};
            log.save("/log/00000000000000000000.seg", bytes);
            const inspection found = look(log);
            bytes[at] ^= std::byte{0x10};
            const finding* error = first_error(found);
            REQUIRE(error != nullptr);
            CHECK(error->from <= at);
            CHECK(error->to > at);
            // Header or trailer still names the owner.
            CHECK(error->queue == frame.queue);
            CHECK(error->first_offset == frame.base);
            CHECK(error->end_offset == frame.base + frame.count);
            CHECK(found.log.end == log.end());  // nothing is cut: what follows is served
        }
    }
}

TEST_CASE("a torn frame above the frontier is a note, and ends the log", "[inspect]") {
    log_maker log;
    fill(log);
    const std::uint64_t last = log.frames().back().position;
    log.write(last, false);
    log.bytes()[last + 120] ^= std::byte{1};
    log.save("/log/00000000000000000000.seg", log.bytes());
    const inspection found = look(log);
    CHECK(found.sound());
    REQUIRE(found.log.torn);
    CHECK(found.log.torn->from == last);
    CHECK(found.log.end == last);
    CHECK(found.queues.at(16).end == 5);
    REQUIRE(found.findings.size() == 1);
    CHECK(found.findings.front().level == severity::note);
}

TEST_CASE("a bad frame in the middle is damage, because the frames behind it vouch for it", "[inspect]") {
    log_maker log;
    fill(log);
    log.write(4096, false);  // the frontier file knows nothing
    log.bytes()[log.frames()[1].position + 200] ^= std::byte{1};
    log.save("/log/00000000000000000000.seg", log.bytes());
    const inspection found = look(log);
    CHECK_FALSE(found.sound());
    REQUIRE(found.log.damage.size() == 1);
    CHECK(found.log.damage.front().from == log.frames()[1].position);
    CHECK_FALSE(found.log.torn);
    CHECK(found.queues.at(17).end == 105);
}

TEST_CASE("bytes of an earlier life of the file are no torn tail", "[inspect]") {
    log_maker log;
    fill(log);
    const std::uint64_t end = log.end();
    log_maker older(0x9999);
    for (int i = 0; i < 20; ++i) older.add(99, i, 1);
    for (std::uint64_t at = end; at < older.end(); ++at) log.bytes()[at] = older.bytes()[at];
    log.write(end, false);
    const inspection found = look(log);
    CHECK(found.findings.empty());
    CHECK(found.log.end == end);
}

TEST_CASE("what lies in the gap of an earlier cut does not count, and frames go on behind it", "[inspect]") {
    log_maker log;
    log.add(16, 0, 3, "value", 8);
    log.add(16, 3, 1, "value", 8);  // whole, but its group was torn before it
    log.cut(log.frames()[1].position);
    log.add(16, 3, 2, "value", 8);
    log.cut(log.end());
    log.add(16, 5, 1);
    log.write(log.end(), true);
    const inspection found = look(log);
    CHECK(found.sound());
    CHECK(found.log.end == log.end());
    CHECK(found.log.damage.empty());
    CHECK(found.log.gaps == 2);
    CHECK(found.frames == 3);
    CHECK(found.queues.at(16).end == 6);
}

TEST_CASE("missing and repeated offsets of a queue are errors", "[inspect]") {
    log_maker gap;
    gap.add(16, 0, 3);
    gap.add(16, 5, 1);
    gap.write(gap.end(), true);
    const inspection missing = look(gap);
    const finding* error = first_error(missing);
    REQUIRE(error != nullptr);
    CHECK(error->queue == 16);
    CHECK(error->first_offset == 3);
    CHECK(error->end_offset == 5);

    log_maker twice;
    twice.add(16, 0, 3);
    twice.add(16, 2, 1);
    twice.write(twice.end(), true);
    const inspection repeated = look(twice);
    error = first_error(repeated);
    REQUIRE(error != nullptr);
    CHECK(error->first_offset == 2);
}

TEST_CASE("a missing segment file is damage, and a folder without a manifest is an error", "[inspect]") {
    log_maker log;
    fill(log);
    log.write(log.end(), true);
    std::filesystem::remove(log.root() + "/log/manifest");
    inspection found = look(log);
    CHECK_FALSE(found.sound());
    CHECK(found.frames == 5);  // still readable
    log.write(log.end(), true);
    std::filesystem::remove(log.root() + "/log/00000000000000000000.seg");
    found = look(log);
    CHECK_FALSE(found.sound());
    CHECK(found.log.damage.size() == 1);
    const std::unique_ptr<io::disk> disk = io::make_posix_disk();
    CHECK_FALSE(folder::open(*disk, log.root() + "/nothing"));
}

TEST_CASE("an index entry that points elsewhere is an error", "[inspect]") {
    log_maker log;
    fill(log);
    log.write(log.end(), true);
    // A checkpoint whose only queue has one block, and that block's file.
    std::vector<std::byte> content;
    const auto put = [&]<class T>(T value) {
        const std::size_t at = content.size();
        content.resize(at + sizeof(T));
        store_le<T>(content.data() + at, value);
    };
    put(std::uint8_t{2});
    put(std::uint32_t{16});
    put(std::int64_t{0});
    put(std::int64_t{6});
    put(std::uint64_t{0});
    put(std::uint64_t{300});
    put(std::int64_t{-1});
    put(std::uint32_t{1});
    put(std::uint32_t{0});
    for (int i = 0; i < 5; ++i) put(std::uint64_t{0});
    put(std::uint8_t{0});
    std::vector<std::byte> file(4096 + 65536);
    std::byte* head = file.data();
    store_le<std::uint32_t>(head, 0x50434d49);
    store_le<std::uint32_t>(head + 4, 2);
    store_le<std::uint64_t>(head + 8, 1);
    store_le<std::uint64_t>(head + 16, log.end());
    store_le<std::uint64_t>(head + 24, log.end());
    store_le<std::uint32_t>(head + 32, 18);
    store_le<std::uint32_t>(head + 36, 1);
    store_le<std::uint64_t>(head + 40, 65536);
    store_le<std::uint64_t>(head + 48, xxh3({head, 48}));
    std::byte* piece = head + 4096;
    store_le<std::uint32_t>(piece, 0x45504d49);
    store_le<std::uint64_t>(piece + 8, 1);
    store_le<std::uint64_t>(piece + 16, 32 + content.size());
    std::memcpy(piece + 32, content.data(), content.size());
    store_le<std::uint64_t>(piece + 24, xxh3({piece + 32, content.size()}, xxh3({piece, 24})));
    log.save("/checkpoint/checkpoint.b", file);

    std::vector<std::byte> block(4096);
    const made_frame& first = log.frames()[0];
    store_le<std::uint32_t>(block.data() + 8, 0x4b4c4249);
    store_le<std::uint16_t>(block.data() + 12, 1);
    store_le<std::uint16_t>(block.data() + 14, 1);
    store_le<std::uint32_t>(block.data() + 16, 16);
    store_le<std::int64_t>(block.data() + 40, 3);
    std::byte* entry = block.data() + 96;
    store_le<std::int64_t>(entry, 0);
    store_le<std::uint64_t>(entry + 8, first.position);
    store_le<std::int64_t>(entry + 16, 1002);
    store_le<std::uint32_t>(entry + 24, load_le<std::uint32_t>(log.bytes().data() + first.position + 32));
    store_le<std::uint32_t>(entry + 28, 3);
    const auto save_block = [&] {
        store_le<std::uint64_t>(block.data(), xxh3(byte_view(block).subspan(8)));
        std::filesystem::create_directories(log.root() + "/index");
        log.save("/index/00000000.blk", block);
    };
    save_block();
    inspection found = look(log);
    CHECK(found.sound());
    CHECK(found.index_blocks == 1);
    REQUIRE(found.checkpoints.newest);
    CHECK(found.checkpoints.newest->queues.size() == 1);

    store_le<std::uint64_t>(entry + 8, log.frames()[2].position);
    save_block();
    found = look(log);
    const finding* error = first_error(found);
    REQUIRE(error != nullptr);
    CHECK(error->queue == 16);
    CHECK(error->first_offset == 0);

    block[300] ^= std::byte{1};
    log.save("/index/00000000.blk", block);
    CHECK_FALSE(look(log).sound());
    std::filesystem::remove(log.root() + "/index/00000000.blk");
    CHECK_FALSE(look(log).sound());
    save_block();

    piece[40] ^= std::byte{1};  // now the checkpoint cannot be read
    log.save("/checkpoint/checkpoint.b", file);
    CHECK_FALSE(look(log).sound());
}

namespace {

/// A journal whose first piece is empty and whose second covers all of the log, as docs/format/journal.md says.
std::vector<std::byte> make_journal(const log_maker& log, const std::vector<made_frame>& told, std::uint64_t log_salt) {
    std::vector<std::byte> file(2 * 4096);
    std::uint64_t previous = 0;
    for (int number = 0; number < 2; ++number) {
        std::byte* piece = file.data() + number * 4096;
        const std::uint64_t entries = number == 0 ? 0 : told.size();
        const std::uint64_t size = 80 + 44 * entries;
        store_le<std::uint32_t>(piece, 0x504a4d49);
        store_le<std::uint32_t>(piece + 4, 1);
        store_le<std::uint64_t>(piece + 8, 1);
        store_le<std::uint64_t>(piece + 24, previous);
        store_le<std::uint64_t>(piece + 32, 4096);
        store_le<std::uint64_t>(piece + 40, number == 0 ? 4096 : log.end());
        store_le<std::uint64_t>(piece + 48, number == 0 ? 0 : log_salt);
        store_le<std::uint32_t>(piece + 56, static_cast<std::uint32_t>(number));
        store_le<std::uint32_t>(piece + 60, static_cast<std::uint32_t>(entries));
        store_le<std::uint64_t>(piece + 64, size);
        for (std::uint64_t i = 0; i < entries; ++i) {
            std::byte* at = piece + 80 + 44 * i;
            store_le<std::int64_t>(at, told[i].base);
            store_le<std::uint64_t>(at + 8, told[i].position);
            store_le<std::int64_t>(at + 16, 1000 + told[i].count - 1);
            store_le<std::uint32_t>(at + 24, load_le<std::uint32_t>(log.bytes().data() + told[i].position + 32));
            store_le<std::uint32_t>(at + 28, told[i].count);
            store_le<std::uint32_t>(at + 32, told[i].queue);
        }
        previous = xxh3({piece + 80, size - 80}, xxh3({piece, 72}));
        store_le<std::uint64_t>(piece + 72, previous);
    }
    return file;
}

}  // namespace

TEST_CASE("an index journal that tells of every frame it covers is sound, and one that leaves one out is not", "[inspect]") {
    log_maker log;
    fill(log);
    log.write(log.end(), true);
    auto told = log.frames();
    log.save("/checkpoint/journal.b", make_journal(log, told, 0x1122334455667788));
    const inspection whole = look(log);
    CHECK(whole.findings.empty());
    REQUIRE(whole.journals.size() == 1);
    CHECK(whole.journals[0].entries.size() == 5);
    CHECK(whole.journals[0].to == log.end());

    told.erase(told.begin() + 2);
    log.save("/checkpoint/journal.b", make_journal(log, told, 0x1122334455667788));
    const inspection less = look(log);
    REQUIRE(first_error(less) != nullptr);
    CHECK(first_error(less)->queue == 16);
    CHECK(first_error(less)->first_offset == 3);

    told = log.frames();
    told[1].queue = 16;
    log.save("/checkpoint/journal.b", make_journal(log, told, 0x1122334455667788));
    CHECK_FALSE(look(log).sound());

    // Of a log that was cut since: not used, and no fault.
    log.save("/checkpoint/journal.b", make_journal(log, log.frames(), 0x99));
    const inspection cut = look(log);
    CHECK(cut.findings.empty());
    CHECK(cut.journals[0].to == 4096);
}
