// The crash model of io/disk.h, as sim_disk plays it. What may happen has to happen for some seed; what must
// not, for none.
#include "io/backends.h"

#include <map>
#include <set>

using namespace imago;
using namespace imago::io;
using kind = request::kind;

namespace {

constexpr int seeds = 300;

std::unique_ptr<file> create(sim_disk& disk, std::string_view name) {
    open_mode mode;
    mode.write = mode.create = true;
    return disk.open(name, mode).value();
}

std::vector<std::byte> filled(std::size_t size, int value) {
    return std::vector<std::byte>(size, static_cast<std::byte>(value));
}

// A durable file of `size` bytes, all `value`.
std::unique_ptr<file> durable_file(sim_disk& disk, std::string_view name, std::size_t size, int value) {
    auto file = create(disk, name);
    REQUIRE(disk.write_at(*file, 0, filled(size, value)).has_value());
    REQUIRE(disk.sync(*file).has_value());
    REQUIRE(disk.sync_directory(".").has_value());
    return file;
}

// What each sector holds: its byte value, or -1 when it is mixed.
std::vector<int> sectors_of(const std::vector<std::byte>& bytes) {
    std::vector<int> found;
    for (std::size_t at = 0; at < bytes.size(); at += sector_size) {
        const auto end = std::min(bytes.size(), at + sector_size);
        bool same = true;
        for (std::size_t i = at; i < end; ++i) same = same && bytes[i] == bytes[at];
        found.push_back(same ? std::to_integer<int>(bytes[at]) : -1);
    }
    return found;
}

}  // namespace

TEST_CASE("a write without a sync may be lost, each sector by itself; a synced one never", "[io][sim]") {
    std::set<std::vector<int>> outcomes;
    for (int seed = 0; seed < seeds; ++seed) {
        sim_disk disk({.seed = static_cast<std::uint64_t>(seed)});
        auto file = durable_file(disk, "data", 4 * 512, 1);
        REQUIRE(disk.write_at(*file, 0, filled(2 * 512, 2)).has_value());
        REQUIRE(disk.write_at(*file, 512, filled(512, 3)).has_value());
        disk.crash();
        const auto found = sectors_of(read_file(disk, "data").value());
        REQUIRE(found.size() == 4);
        CHECK(found[2] == 1);
        CHECK(found[3] == 1);
        outcomes.insert({found[0], found[1]});
    }
    CHECK(outcomes == std::set<std::vector<int>>{{1, 1}, {1, 2}, {1, 3}, {2, 1}, {2, 2}, {2, 3}});
}

TEST_CASE("a second crash loses as the first one did, also what a lost cut gave back", "[io][sim]") {
    std::set<int> written;
    std::set<int> given_back;
    for (int seed = 0; seed < seeds; ++seed) {
        sim_disk disk({.seed = static_cast<std::uint64_t>(seed)});
        {
            auto file = durable_file(disk, "data", 2 * 4096, 1);
            REQUIRE(disk.write_at(*file, 0, filled(2 * 4096, 2)).has_value());
            REQUIRE(disk.truncate(*file, 4096).has_value());
        }
        disk.crash();
        auto file = create(disk, "data");
        const bool cut = disk.size(*file).value() == 4096;
        REQUIRE(disk.write_at(*file, 0, filled(cut ? 4096 : 2 * 4096, 3)).has_value());
        disk.crash();
        const auto found = sectors_of(read_file(disk, "data").value());
        written.insert(found[0]);
        if (!cut) given_back.insert(found[8]);
    }
    CHECK(written == std::set<int>{1, 2, 3});
    CHECK(given_back == std::set<int>{1, 2, 3});
}

TEST_CASE("a durable write is never lost, and saves no other", "[io][sim]") {
    bool lost_other = false;
    for (int seed = 0; seed < seeds; ++seed) {
        sim_disk disk({.seed = static_cast<std::uint64_t>(seed)});
        auto file = durable_file(disk, "data", 4 * 512, 1);
        auto ring = disk.make_ring().value();
        auto two = filled(512, 2);
        auto three = filled(512, 3);
        counted plain(kind::write, file.get(), 0, two.data(), 512);
        counted durable(kind::write, file.get(), 512, three.data(), 512);
        durable.durable = true;
        run(*ring, {&plain});
        run(*ring, {&durable});
        disk.crash();
        const auto found = sectors_of(read_file(disk, "data").value());
        CHECK(found[1] == 3);
        CHECK((found[0] == 1 || found[0] == 2));
        lost_other = lost_other || found[0] == 1;
    }
    CHECK(lost_other);
}

TEST_CASE("a durable write that makes the file longer keeps its size", "[io][sim]") {
    for (int seed = 0; seed < seeds; ++seed) {
        sim_disk disk({.seed = static_cast<std::uint64_t>(seed)});
        auto file = create(disk, "data");
        REQUIRE(disk.sync_directory(".").has_value());
        REQUIRE(disk.allocate(*file, 0, 10'000).has_value());
        auto ring = disk.make_ring().value();
        auto two = filled(8192, 2);
        counted inside(kind::write, file.get(), 0, two.data(), 512);
        counted beyond(kind::write, file.get(), 8192, two.data(), 8192);
        inside.durable = beyond.durable = true;
        run(*ring, {&inside});
        if (seed % 2 == 0) run(*ring, {&beyond});
        disk.crash();
        const auto content = read_file(disk, "data").value();
        REQUIRE(content.size() == (seed % 2 == 0 ? 16'384 : 10'000));
        const auto found = sectors_of(content);
        CHECK(found[0] == 2);
        CHECK(found[1] == 0);
        CHECK(found[16] == (seed % 2 == 0 ? 2 : 0));
    }
}

TEST_CASE("a sync covers the writes that completed before it was submitted, no later ones", "[io][sim]") {
    const bool shuffle =
        GENERATE(true, false);  // false: the write completes first, but after the sync's submission
    bool lost_later = false;
    for (int seed = 0; seed < seeds; ++seed) {
        sim_disk disk({.seed = static_cast<std::uint64_t>(seed), .shuffle = shuffle});
        auto file = durable_file(disk, "data", 1024, 1);
        auto ring = disk.make_ring().value();
        auto two = filled(512, 2);
        counted before(kind::write, file.get(), 0, two.data(), 512);
        counted beside(kind::write, file.get(), 512, two.data(), 512);
        counted sync(kind::sync_data, file.get());
        run(*ring, {&before});
        run(*ring, {&beside, &sync});
        disk.crash();
        const auto found = sectors_of(read_file(disk, "data").value());
        CHECK(found[0] == 2);
        lost_later = lost_later || found[1] == 1;
    }
    CHECK(lost_later);
}

TEST_CASE("what a failed sync did not make durable, the next sync does not either", "[io][sim]") {
    bool lost = false;
    for (int seed = 0; seed < seeds; ++seed) {
        sim_disk disk({.seed = static_cast<std::uint64_t>(seed)});
        auto file = durable_file(disk, "data", 1024, 1);
        REQUIRE(disk.write_at(*file, 0, filled(1024, 2)).has_value());
        disk.fail_after(sim_operation::sync, 0, EIO);
        CHECK(disk.sync(*file).error() == std::errc::io_error);
        REQUIRE(disk.sync(*file).has_value());
        CHECK(sectors_of(read_file(disk, "data").value()) ==
              std::vector<int>{2, 2});  // as the page cache has it
        REQUIRE(disk.write_at(*file, 512, filled(512, 3)).has_value());
        REQUIRE(disk.sync(*file).has_value());
        disk.crash();
        const auto found = sectors_of(read_file(disk, "data").value());
        CHECK(found[1] == 3);
        lost = lost || found[0] == 1;
    }
    CHECK(lost);
}

TEST_CASE("each sector of a write in flight comes back old, new or garbage", "[io][sim]") {
    const bool durable = GENERATE(false, true);
    std::array<std::set<int>, 3> outcomes;
    for (int seed = 0; seed < seeds; ++seed) {
        sim_disk disk({.seed = static_cast<std::uint64_t>(seed)});
        auto file = durable_file(disk, "data", 5 * 512, 1);
        auto ring = disk.make_ring().value();
        auto two = filled(3 * 512, 2);
        counted write(kind::write, file.get(), 512, two.data(), two.size());
        write.durable = durable;
        ring->submit(write);
        ring->flush();
        disk.crash();
        CHECK(write.times_done == 0);
        CHECK(ring->in_flight() == 0);
        const auto found = sectors_of(read_file(disk, "data").value());
        REQUIRE(found.size() == 5);
        CHECK(found[0] == 1);
        CHECK(found[4] == 1);
        for (std::size_t i = 0; i < 3; ++i) outcomes[i].insert(found[i + 1]);
    }
    for (const auto& each : outcomes) CHECK(each == std::set<int>{-1, 1, 2});
}

TEST_CASE("a request that was not flushed never reached the disk", "[io][sim]") {
    sim_disk disk;
    auto file = durable_file(disk, "data", 512, 1);
    auto ring = disk.make_ring().value();
    auto two = filled(512, 2);
    counted write(kind::write, file.get(), 0, two.data(), 512);
    ring->submit(write);
    disk.crash();
    CHECK(sectors_of(read_file(disk, "data").value()) == std::vector<int>{1});
}

TEST_CASE("a size that was not synced may be lost, a cut comes back with its bytes", "[io][sim]") {
    std::set<std::size_t> grown;
    std::set<std::size_t> cut;
    for (int seed = 0; seed < seeds; ++seed) {
        sim_disk disk({.seed = static_cast<std::uint64_t>(seed)});
        auto a = durable_file(disk, "a", 6'000, 1);
        auto b = durable_file(disk, "b", 9'000, 1);
        REQUIRE(disk.write_at(*a, 6'000, filled(1'000, 2)).has_value());
        REQUIRE(disk.allocate(*a, 0, 20'000).has_value());
        REQUIRE(disk.truncate(*b, 3'000).has_value());
        REQUIRE(disk.truncate(*b, 7'000).has_value());
        disk.crash();
        const auto content = read_file(disk, "b").value();
        grown.insert(read_file(disk, "a").value().size());
        cut.insert(content.size());
        for (std::size_t i = 0; i < content.size(); ++i)
            REQUIRE(content[i] == static_cast<std::byte>(i < 3'000 || content.size() == 9'000 ? 1 : 0));
    }
    CHECK(grown == std::set<std::size_t>{6'000, 7'000, 20'000});
    CHECK(cut == std::set<std::size_t>{9'000, 3'000, 7'000});
}

TEST_CASE("a punched hole is there whole or not at all", "[io][sim]") {
    std::set<int> outcomes;
    for (int seed = 0; seed < seeds; ++seed) {
        sim_disk disk({.seed = static_cast<std::uint64_t>(seed)});
        auto file = durable_file(disk, "data", 16'384, 1);
        REQUIRE(disk.punch_hole(*file, 1'024, 10'240).has_value());
        if (seed % 3 == 0) REQUIRE(disk.sync(*file).has_value());
        disk.crash();
        const auto found = sectors_of(read_file(disk, "data").value());
        REQUIRE(found.size() == 32);
        for (std::size_t i = 0; i < 32; ++i) CHECK(found[i] == (i < 2 || i >= 22 ? 1 : found[2]));
        if (seed % 3 == 0) CHECK(found[2] == 0);
        if (seed % 3 != 0) outcomes.insert(found[2]);
    }
    CHECK(outcomes == std::set<int>{0, 1});
}

TEST_CASE("a rename that was not synced leaves the old name or the new one, never both or none",
          "[io][sim]") {
    std::set<std::string> outcomes;
    for (int seed = 0; seed < seeds; ++seed) {
        sim_disk disk({.seed = static_cast<std::uint64_t>(seed)});
        durable_file(disk, "target", 512, 1);
        durable_file(disk, "source", 512, 2);
        REQUIRE(disk.rename("source", "target").has_value());
        if (seed % 3 == 0) REQUIRE(disk.sync_directory(".").has_value());
        disk.crash();
        const int target = sectors_of(read_file(disk, "target").value()).at(0);
        CHECK(target == (disk.exists("source") ? 1 : 2));
        if (seed % 3 == 0) CHECK(target == 2);
        if (seed % 3 != 0) outcomes.insert(disk.exists("source") ? "old" : "new");
    }
    CHECK(outcomes == std::set<std::string>{"old", "new"});
}

TEST_CASE("a directory entry that was not synced may be lost; others are not taken along", "[io][sim]") {
    std::set<std::vector<std::string>> outcomes;
    for (int seed = 0; seed < seeds; ++seed) {
        sim_disk disk({.seed = static_cast<std::uint64_t>(seed)});
        REQUIRE(disk.make_directories("/log").has_value());
        REQUIRE(disk.make_directories("/queues").has_value());
        durable_file(disk, "old", 512, 1);
        create(disk, "/queues/new");
        REQUIRE(disk.remove("old").has_value());
        create(disk, "/log/synced");
        REQUIRE(disk.sync_directory("/log").has_value());
        disk.crash();
        CHECK(disk.exists("/log/synced"));
        std::vector<std::string> found = disk.list("/queues").value();
        if (disk.exists("old")) found.push_back("old");
        outcomes.insert(found);
    }
    CHECK(outcomes == std::set<std::vector<std::string>>{{}, {"new"}, {"old"}, {"new", "old"}});
}

TEST_CASE("after a crash handles and rings from before are dead, new ones work", "[io][sim]") {
    sim_disk disk;
    auto file = durable_file(disk, "data", 512, 1);
    auto lock = disk.lock("lock");
    auto ring = disk.make_ring().value();
    disk.crash();
    auto bytes = filled(512, 2);
    counted write(kind::write, file.get(), 0, bytes.data(), 512);
    run(*ring, {&write});
    CHECK(write.error == std::errc::bad_file_descriptor);
    CHECK(disk.size(*file).error() == std::errc::bad_file_descriptor);
    CHECK(disk.read_at(*file, 0, bytes).error() == std::errc::bad_file_descriptor);
    CHECK(disk.lock("lock").has_value());
    auto new_file = create(disk, "data");
    auto new_ring = disk.make_ring().value();
    counted again(kind::write, new_file.get(), 0, bytes.data(), 512);
    run(*new_ring, {&again});
    CHECK_FALSE(again.error);
    counted stale(kind::write, file.get(), 0, bytes.data(), 512);
    run(*new_ring, {&stale});
    CHECK(stale.error == std::errc::bad_file_descriptor);
}

TEST_CASE("when the power is off everything fails and nothing changes", "[io][sim]") {
    sim_disk disk;
    auto file = durable_file(disk, "data", 512, 1);
    auto ring = disk.make_ring().value();
    disk.power_off_after(1);
    auto two = filled(512, 2);
    REQUIRE(disk.write_at(*file, 0, filled(512, 1)).has_value());
    counted first(kind::write, file.get(), 512, two.data(), 512);
    counted second(kind::write, file.get(), 1024, two.data(), 512);
    run(*ring, {&first, &second});
    CHECK(disk.powered_off());
    CHECK(first.error == std::errc::io_error);
    CHECK(second.error == std::errc::io_error);
    CHECK_FALSE(disk.sync(*file).has_value());
    CHECK_FALSE(disk.remove("data").has_value());
    CHECK_FALSE(disk.open("data", {}).has_value());
    counted late(kind::write, file.get(), 0, two.data(), 512);
    run(*ring, {&late});
    CHECK(late.error == std::errc::io_error);
    disk.crash();
    CHECK(sectors_of(read_file(disk, "data").value()).at(0) == 1);
}

TEST_CASE("replace_file leaves the old content or the new, at whatever step the power goes", "[io][sim]") {
    const auto old_content = filled(3'000, 1);
    const auto new_content = filled(9'000, 2);
    for (int seed = 0; seed < 40; ++seed) {
        bool finished = false;
        for (std::uint64_t step = 0; !finished; ++step) {
            REQUIRE(step < 20);
            sim_disk disk({.seed = static_cast<std::uint64_t>(seed)});
            REQUIRE(replace_file(disk, "data", old_content).has_value());
            disk.power_off_after(step);
            finished = replace_file(disk, "data", new_content).has_value();
            CHECK(finished != disk.powered_off());
            disk.crash();
            const auto content = read_file(disk, "data").value();
            REQUIRE((content == new_content || (!finished && content == old_content)));
            // What is left over must not stop the next one.
            REQUIRE(replace_file(disk, "data", old_content).has_value());
            REQUIRE(read_file(disk, "data").value() == old_content);
        }
    }
}

TEST_CASE("random work and crashes never leave a sector that the model forbids", "[io][sim]") {
    constexpr std::size_t sectors = 40;
    constexpr int rounds = 2'000;
    sim_disk disk({.short_write = 0.1});
    sim_random dice(77);
    for (int round = 0; round < rounds; ++round) {
        INFO("seed " << round);
        disk.reset(static_cast<std::uint64_t>(round));
        auto file = durable_file(disk, "data", sectors * 512, 0);
        // The values each sector may have after a crash; -1 stands for garbage. The last one is what a read
        // sees now.
        std::vector<std::vector<int>> allowed(sectors, {0});
        int value = 0;
        for (int crash = 0; crash < 3; ++crash) {
            auto ring = disk.make_ring().value();
            const auto turns = 1 + dice.below(20);
            std::vector<std::vector<std::byte>> kept;
            std::vector<counted> requests(turns);
            for (auto& each : requests) {
                const auto what = dice.below(8);
                if (what == 0) {
                    each = counted(kind::sync_data, file.get());
                    run(*ring, {&each});
                    for (auto& values : allowed) values = {values.back()};
                    continue;
                }
                value = value % 250 + 1;
                const std::size_t first = dice.below(sectors);
                const std::size_t count = 1 + dice.below(std::min<std::size_t>(sectors - first, 12));
                kept.push_back(filled(count * 512, value));
                each = counted(kind::write, file.get(), first * 512, kept.back().data(), count * 512);
                each.durable = what < 4;
                run(*ring, {&each});
                REQUIRE_FALSE(each.error);
                for (std::size_t i = first; i < first + count; ++i) {
                    if (each.durable) allowed[i].clear();
                    allowed[i].push_back(value);
                }
            }
            // One more write that is under way.
            value = value % 250 + 1;
            const std::size_t first = dice.below(sectors - 4);
            auto bytes = filled(4 * 512, value);
            counted torn(kind::write, file.get(), first * 512, bytes.data(), bytes.size());
            torn.durable = dice.below(2) == 0;
            ring->submit(torn);
            ring->flush();
            disk.crash();
            for (std::size_t i = first; i < first + 4; ++i) allowed[i].insert(allowed[i].end(), {value, -1});
            const auto found = sectors_of(read_file(disk, "data").value());
            REQUIRE(found.size() == sectors);
            for (std::size_t i = 0; i < sectors; ++i) {
                INFO("sector " << i);
                REQUIRE(std::count(allowed[i].begin(), allowed[i].end(), found[i]) > 0);
                allowed[i] = {found[i]};
            }
            file = create(disk, "data");
        }
    }
}
