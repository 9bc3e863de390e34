// Publisher, readers, waiters and the writer as real threads on a real disk; worth most under
// ThreadSanitizer.
#include "consumequeue/index_fixture.h"

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <thread>

using namespace imago;
using namespace imago::consumequeue;

namespace {

struct temporary_folder {
    temporary_folder() {
        std::string name = (std::filesystem::temp_directory_path() / "imago-index-XXXXXX").string();
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        path = name;
    }
    ~temporary_folder() { std::filesystem::remove_all(path); }
    std::string path;
};

// Catch's assertions are not for several threads.
std::atomic<int> failures{0};
void expect(bool held) {
    if (!held) failures.fetch_add(1);
}

struct blocking_waiter : waiter {
    std::mutex mutex;
    std::condition_variable changed;
    bool called = false;

    blocking_waiter() {
        woken = [](waiter& w) {
            auto& self = static_cast<blocking_waiter&>(w);
            const std::lock_guard hold(self.mutex);
            self.called = true;
            self.changed.notify_one();
        };
    }
    void await() {
        std::unique_lock hold(mutex);
        changed.wait(hold, [this] { return called; });
        called = false;
    }
};

/// Reads a queue from its start to `last` and checks each entry; waits at the end.
void consume(const queue_index& index_in, queue_index& index, queue_id id, std::int64_t last,
             std::uint64_t seed) {
    std::mt19937_64 random(seed);
    blocking_waiter w;
    queue_offset at{0};
    std::vector<index_entry> found;
    const aligned_bytes bytes = make_aligned_bytes(block_size);
    const auto disk = io::make_posix_disk();
    while (at.value < last) {
        found.clear();
        block_ref ref;
        switch (index_in.locate(id, at, 2000, found, ref)) {
            case lookup::found:
                break;
            case lookup::at_end:
                if (index.wait(id, at, w)) {
                    if (random() % 4 == 0 && index.cancel(w)) continue;
                    w.await();
                    expect(index.bounds(id)->end > at);
                } else {
                    expect(index.bounds(id)->end > at);
                }
                continue;
            case lookup::out_of_range:
                at = index.bounds(id)->start;
                continue;
            case lookup::in_block: {
                auto block = index.cached_block(ref);
                if (!block) {
                    const auto file = index.block_file(ref);
                    expect(file.has_value());
                    const auto size =
                        disk->read_at(**file, ref.byte_offset(), {bytes.get(), block_size});
                    expect(size.has_value());
                    auto admitted = index.admit_block(ref, {bytes.get(), *size});
                    if (!admitted) {  // trimmed meanwhile, so that its place may be a hole
                        expect(index.bounds(id)->start >= ref.end);
                        continue;
                    }
                    block = *admitted;
                }
                const auto part = block->locate(at, 2000);
                found.assign(part.begin(), part.end());
                break;
            }
            case lookup::unknown_queue:
                expect(false);
                return;
        }
        expect(!found.empty());
        for (const index_entry& entry : found) {
            expect(entry == entry_at(at.value));
            at = entry.end();
        }
    }
}

}  // namespace

TEST_CASE("threads publish, read, wait, cancel and write at once", "[consumequeue][threads]") {
    temporary_folder folder;
    const std::unique_ptr<io::disk> disk =
        GENERATE(false, true) ? io::make_disk(nullptr) : io::make_posix_disk();
    queue_index index(*disk, {.directory = folder.path,
                              .tail_memory_max = 256 << 10,
                              .block_cache_bytes = 4 * block_size,
                              .open_files_max = 3});
    constexpr std::uint32_t queues = 6;
    constexpr std::int64_t each = 4000;
    for (std::uint32_t i = 0; i < queues; ++i) index.create({i}, {0});

    std::atomic<bool> stop{false};
    std::mutex mutex;
    std::condition_variable work;
    bool has_work = false;
    index.on_work = [&] {
        const std::lock_guard hold(mutex);
        has_work = true;
        work.notify_one();
    };
    std::thread maintenance([&] {
        const auto ring = *disk->make_ring();
        std::uint64_t rounds = 0;
        while (!stop.load() || index.has_writes()) {
            if (index.pump(*ring, 4) > 0) {
                ring->wait(std::chrono::nanoseconds(-1));
            } else {
                std::unique_lock hold(mutex);
                work.wait(hold, [&] { return has_work || stop.load(); });
                has_work = false;
            }
            expect(!index.error());
            if (++rounds % 8 == 0) {
                expect(index.sync_blocks(*ring).has_value());
                index.snapshot([&](const queue_snapshot& one) {
                    queue_offset end = one.tail_first;
                    for (const index_entry& entry : one.tail) end = entry.end();
                    expect(end == one.end);
                });
            }
        }
        expect(index.sync_blocks(*ring).has_value());
    });
    std::vector<std::thread> readers;
    for (std::uint32_t i = 0; i < queues; ++i)
        readers.emplace_back([&index, i] { consume(index, index, {i}, each, i); });

    // Queues that come and go, with a waiter each.
    std::atomic<std::uint32_t> newest{0};
    std::thread churn([&] {
        std::uint32_t seen = 0;
        blocking_waiter w;
        while (!stop.load()) {
            const std::uint32_t id = newest.load();
            if (id == 0 || id == seen) {
                std::this_thread::yield();
                continue;
            }
            seen = id;
            if (index.wait({id}, {0}, w)) w.await();
        }
    });
    for (std::int64_t i = 0; i < each; ++i) {
        for (std::uint32_t j = 0; j < queues; ++j) expect(index.publish({j}, entry_at(i)).has_value());
        if (i % 500 == 499) index.trim({0}, {i - 300});
        if (i % 4 == 0) {
            const auto id = static_cast<std::uint32_t>(1000 + i);
            index.create({id}, {0});
            newest.store(id);
            if (i >= 8) index.remove({id - 8});
        }
    }
    for (auto& reader : readers) reader.join();
    {
        const std::lock_guard hold(mutex);
        stop.store(true);
        work.notify_one();
    }
    for (std::uint32_t id = 1000; id < 1000 + each; ++id) index.remove({id});
    churn.join();
    maintenance.join();
    CHECK(failures.load() == 0);
    CHECK(index.used().waiters == 0);
    CHECK(index.used().queues == queues);
    CHECK(index.used().blocks_written >=
          (queues - 1) * (each / 100));  // of queue 0 some were trimmed in time
}

TEST_CASE("a few open files serve many queues", "[consumequeue]") {
    temporary_folder folder;
    const auto disk = io::make_disk(nullptr);
    const auto count_files = [] {
        const auto files = std::filesystem::directory_iterator("/proc/self/fd");
        return std::distance(begin(files), end(files));
    };
    const auto ring = *disk->make_ring();
    queue_index index(*disk, {.directory = folder.path, .open_files_max = 4});
    for (std::uint32_t i = 0; i < 64; ++i) {
        index.create({i}, {0});
        for (std::int64_t n = 0; n < 100; ++n) index.publish({i}, entry_at(n));
    }
    const auto before = count_files();
    while (index.has_writes())
        if (index.pump(*ring, 2) > 0) ring->wait(std::chrono::nanoseconds(-1));
    while (index.pump(*ring, 2) > 0) ring->wait(std::chrono::nanoseconds(-1));
    REQUIRE(index.sync_blocks(*ring));
    for (std::uint32_t i = 0; i < 64; ++i) {
        block_ref ref;
        std::vector<index_entry> found;
        REQUIRE(index.locate({i}, {0}, 1, found, ref) == lookup::in_block);
        const auto file = index.block_file(ref);
        REQUIRE(file);
        const aligned_bytes bytes = make_aligned_bytes(block_size);
        const auto size = disk->read_at(**file, ref.byte_offset(), {bytes.get(), block_size});
        REQUIRE(size);
        REQUIRE(index.admit_block(ref, {bytes.get(), *size}));
        REQUIRE(count_files() <= before + 5);
    }
}
