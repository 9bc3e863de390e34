// The store with its threads on a real disk: many producers, readers that wait, changes and checkpoints at once.
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <thread>

#include "store_fixture.h"
#include "support/catch.h"

using namespace imago;
using namespace imago::store;
using namespace imago::store::test;

namespace {

/// Blocks a thread until a callback came.
struct event {
    std::mutex mutex;
    std::condition_variable changed;
    bool set = false;
    void signal() {
        const std::lock_guard lock(mutex);
        set = true;
        changed.notify_one();
    }
    void wait() {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return set; });
        set = false;
    }
};

struct folder {
    std::string path;
    folder() {
        char name[] = "/tmp/imago-store-XXXXXX";
        path = ::mkdtemp(name);
    }
    ~folder() { std::filesystem::remove_all(path); }
};

store_options real_options(const std::string& path) {
    store_options options;
    options.directory = path;
    options.segment_bytes = 1 << 20;
    options.cache_bytes = 1 << 20;
    options.group_bytes_max = 256 * 1024;
    options.checkpoint_interval = 3 << 20;
    options.journal_piece_log_bytes = 64 << 10;
    return options;
}

void change_now(store::store& s, std::vector<table_change> changes) {
    change_request request;
    event done;
    request.changes = std::move(changes);
    request.context = &done;
    request.done = [](change_request& r) { static_cast<event*>(r.context)->signal(); };
    s.change(request);
    done.wait();
    if (request.error) throw std::system_error(request.error);
}

/// Follows a queue from the start until `until` records came; checks that nothing is skipped or comes twice.
int follow(store::store& s, queue_id queue, std::int64_t until) {
    auto opened = s.make_reader();
    reader& reads = **opened;
    queue_offset at{0};
    event grown;
    int wrong = 0;
    while (at.value < until) {
        read_request request;
        request.queue = queue;
        request.from = at;
        request.max_bytes = 64 * 1024;
        bool done = false;
        request.context = &done;
        request.done = [](read_request& r) { *static_cast<bool*>(r.context) = true; };
        const bool at_once = reads.read(request);
        reads.start();
        if (!at_once) {
            while (!done) reads.ring().wait(std::chrono::nanoseconds(-1));
        }
        if (request.error) return -1;
        for (const slice& slice : request.slices) {
            const batch_view batch(slice.bytes);
            wrong += batch.base_offset() != at ? 1 : 0;
            at = batch.base_offset() + batch.count();
        }
        if (!request.slices.empty()) continue;
        waiter waiting;
        waiting.context = &grown;
        waiting.woken = [](waiter& w) { static_cast<event*>(w.context)->signal(); };
        if (s.wait(queue, at, waiting)) grown.wait();
    }
    return wrong;
}

void work(io::disk& disk) {
    folder place;
    constexpr int producers = 3;
    constexpr int rounds = 150;
    constexpr int queue_count = 5;
    queue_id first;
    {
        map_table topics;
        auto opened = store::store::open(disk, real_options(place.path), {{table_id::topics, &topics}});
        REQUIRE(opened);
        store::store& s = **opened;
        first = s.new_queue_ids(queue_count);
        std::vector<table_change> create;
        for (std::uint32_t i = 0; i < queue_count; ++i) create.push_back(store::store::queue_created({first.value + i}));
        change_now(s, create);

        std::atomic<int> failed{0};
        std::vector<std::thread> threads;
        for (int p = 0; p < producers; ++p) {
            threads.emplace_back([&, p] {
                for (int i = 0; i < rounds; ++i) {
                    sent request;
                    event done;
                    for (std::uint32_t q = 0; q < queue_count; ++q) {
                        request.add({first.value + q}, make_batch(std::string(static_cast<std::size_t>(700 + i), 'x'), 1, p, 0, i));
                    }
                    append_request& ready = request.ready();
                    ready.context = &done;
                    ready.done = [](append_request& r) { static_cast<event*>(r.context)->signal(); };
                    s.append(ready);
                    done.wait();
                    for (const auto& batch : request.batches) failed += batch.error ? 1 : 0;
                    if (i % 50 == 0) s.checkpoint_soon();
                    if (i % 20 == 0) change_now(s, {{table_id::topics, "p" + std::to_string(p), std::to_string(i), false}});
                }
            });
        }
        std::vector<int> wrong(queue_count);
        for (std::uint32_t q = 0; q < queue_count; ++q) {
            threads.emplace_back([&, q] { wrong[q] = follow(s, {first.value + q}, producers * rounds); });
        }
        for (auto& thread : threads) thread.join();
        CHECK(failed == 0);
        CHECK(wrong == std::vector<int>(queue_count));
        CHECK(s.statistics().groups > 0);
        s.close();
    }
    map_table topics;
    auto opened = store::store::open(disk, real_options(place.path), {{table_id::topics, &topics}});
    REQUIRE(opened);
    CHECK((*opened)->recovered().clean);
    CHECK(topics.state.at("p1") == "140");
    for (std::uint32_t q = 0; q < queue_count; ++q) {
        CHECK((*opened)->bounds({first.value + q})->end == queue_offset{producers * rounds});
        CHECK(follow(**opened, {first.value + q}, producers * rounds) == 0);  // cold: from the disk
    }
}

}  // namespace

TEST_CASE("producers, waiting readers, changes and checkpoints at once, on system calls", "[threads]") {
    work(*io::make_posix_disk());
}

TEST_CASE("producers, waiting readers, changes and checkpoints at once, on io_uring where there is one", "[threads]") {
    work(*io::make_disk(nullptr));
}
