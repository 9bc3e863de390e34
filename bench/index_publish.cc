// What does publishing to the index cost, and how much memory does a queue take, as the number of queues
// grows?
//
// Method: one thread publishes entries to queues 0..N-1 in turn (the worst order for the cache) while the
// same thread, between rounds and outside of the clock, writes blocks that fill up (to DIR, through io_uring
// or what there is). Memory is what the process grew by (resident set) when each queue holds `warm` entries.
// Each N runs in a process of its own. The budget of tails is out of the way: what closing tails early costs
// is not measured here. Prints one line for each N.
//
//   index_publish DIR [publishes] [largest N]
#include "consumequeue/queue_index.h"

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace {

using namespace imago;
using namespace imago::consumequeue;
using clock_type = std::chrono::steady_clock;

std::uint64_t resident_bytes() {
    std::ifstream statm("/proc/self/statm");
    std::uint64_t size = 0;
    std::uint64_t resident = 0;
    statm >> size >> resident;
    return resident * 4096;
}

bool measure(io::disk& disk, const std::string& folder, std::uint32_t queues, std::uint64_t publishes) {
    std::filesystem::remove_all(folder);
    const auto ring = disk.make_ring();
    if (!ring) return false;
    const std::uint64_t before = resident_bytes();
    queue_index index(disk, {.directory = folder, .tail_memory_max = std::size_t{8} << 30});
    std::uint64_t position = 0;
    std::int64_t next = 0;
    const auto round = [&] {
        for (std::uint32_t i = 0; i < queues; ++i) {
            const index_entry entry{
                .base = {next}, .position = {position += 512}, .max_timestamp = 1, .size = 400, .count = 1};
            index.publish({i}, entry);
        }
        ++next;
    };
    const auto write = [&] {
        while (index.has_writes() && !index.error())
            if (index.pump(**ring, 16) > 0) (*ring)->wait(std::chrono::nanoseconds(-1));
        while (index.pump(**ring, 16) > 0) (*ring)->wait(std::chrono::nanoseconds(-1));
    };

    for (std::uint32_t i = 0; i < queues; ++i) index.create({i}, {0});
    const std::uint64_t empty = resident_bytes();
    constexpr int warm = 4;
    for (int i = 0; i < warm; ++i) round();
    const std::uint64_t warmed = resident_bytes();

    std::chrono::nanoseconds took{};
    std::uint64_t done = 0;
    while (done < publishes) {
        const auto start = clock_type::now();
        // Rounds long enough for the clock not to matter.
        for (std::uint64_t part = 0; part < 100'000 && done < publishes; part += queues, done += queues)
            round();
        took += clock_type::now() - start;
        write();
    }
    if (index.error()) {
        fmt::print(stderr, "index_publish: {}\n", index.error().message());
        return false;
    }
    fmt::print(
        "{:>9} queues  {:>7.1f} ns/publish  {:>6.1f} B/queue empty  {:>6.1f} B/queue with {} entries  {} "
        "blocks written\n",
        queues, static_cast<double>(took.count()) / static_cast<double>(done),
        static_cast<double>(empty - before) / queues, static_cast<double>(warmed - before) / queues, warm,
        index.used().blocks_written);
    std::fflush(stdout);
    return true;
}

}  // namespace

int main(int count, char** arguments) {
    if (count < 2) {
        fmt::print(stderr, "usage: index_publish DIR [publishes] [largest number of queues]\n");
        return 2;
    }
    const std::string folder = std::string(arguments[1]) + "/index_publish";
    const std::uint64_t publishes = count > 2 ? std::strtoull(arguments[2], nullptr, 10) : 4'000'000;
    const std::uint64_t largest = count > 3 ? std::strtoull(arguments[3], nullptr, 10) : 1'000'000;
    bool good = true;
    for (const std::uint32_t queues : {16U, 10'000U, 100'000U, 1'000'000U}) {
        if (queues > largest) continue;
        const pid_t child = ::fork();
        if (child == 0) {
            const auto disk = io::make_disk(nullptr);
            std::_Exit(measure(*disk, folder, queues, publishes) ? 0 : 1);
        }
        int status = 1;
        good &= child > 0 && ::waitpid(child, &status, 0) == child && status == 0;
    }
    std::filesystem::remove_all(folder);
    return good ? 0 : 1;
}
