// What io::ring promises, on every backend.
#include "io/backends.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <atomic>
#include <thread>

using namespace imago;
using namespace imago::io;
using namespace std::chrono_literals;
using kind = request::kind;

namespace {

constexpr std::chrono::nanoseconds for_ever{-1};

bool readable(int descriptor, int milliseconds) {
    const int poller = ::epoll_create1(0);
    epoll_event event{};
    event.events = EPOLLIN;
    REQUIRE(::epoll_ctl(poller, EPOLL_CTL_ADD, descriptor, &event) == 0);
    int count = -1;
    do count = ::epoll_wait(poller, &event, 1, milliseconds);
    while (count < 0 && errno == EINTR);
    ::close(poller);
    return count == 1;
}

}  // namespace

TEST_CASE("what was written is read back", "[io]") {
    IMAGO_EACH_BACKEND(disk);
    const bool direct = GENERATE(false, true);
    const bool durable = GENERATE(false, true);
    const std::size_t size = 64 * 1024;
    auto file = disk.create("data", direct);
    auto ring = disk.make_ring();
    auto out = pattern(size);
    auto in = make_aligned_bytes(size);

    counted write(kind::write, file.get(), 8192, out.get(), size);
    write.durable = durable;
    run(*ring, {&write});
    CHECK_FALSE(write.error);
    CHECK(write.transferred == size);
    CHECK(write.times_done == 1);

    counted sync(kind::sync_data, file.get());
    run(*ring, {&sync});
    CHECK_FALSE(sync.error);

    counted read(kind::read, file.get(), 8192, in.get(), size);
    run(*ring, {&read});
    CHECK_FALSE(read.error);
    CHECK(read.transferred == size);
    CHECK(same(in.get(), out.get(), size));
    CHECK(disk->size(*file).value() == 8192 + size);

    counted hole(kind::read, file.get(), 0, in.get(), 8192);
    run(*ring, {&hole});
    CHECK(hole.transferred == 8192);
    CHECK(std::all_of(in.get(), in.get() + 8192, [](std::byte b) { return b == std::byte{0}; }));
}

TEST_CASE("a read at the end of the file is shorter, beyond it empty", "[io]") {
    IMAGO_EACH_BACKEND(disk);
    const bool direct = GENERATE(false, true);
    auto ring = disk.make_ring();
    auto out = pattern(4096 + 100);
    {
        auto file = disk.create("data");
        REQUIRE(disk->write_at(*file, 0, {out.get(), 4096 + 100}).has_value());
    }
    auto file = disk.create("data", direct);
    auto in = make_aligned_bytes(16384);
    counted over(kind::read, file.get(), 0, in.get(), 16384);
    counted beyond(kind::read, file.get(), 65536, in.get() + 8192, 4096);
    run(*ring, {&over, &beyond});
    CHECK_FALSE(over.error);
    CHECK(over.transferred == 4096 + 100);
    CHECK(same(in.get(), out.get(), 4096 + 100));
    CHECK_FALSE(beyond.error);
    CHECK(beyond.transferred == 0);
}

TEST_CASE("more requests than entries wait their turn, and each is done once", "[io]") {
    IMAGO_EACH_BACKEND(disk);
    const unsigned entries = GENERATE(1U, 4U, 64U);
    constexpr std::size_t count = 500;
    auto file = disk.create("data");
    auto ring = disk.make_ring(entries);
    auto out = pattern(count * 512);
    auto in = make_aligned_bytes(count * 512);

    std::vector<counted> writes(count);
    for (std::size_t i = 0; i < count; ++i) {
        writes[i].what = kind::write;
        writes[i].target = file.get();
        writes[i].offset = i * 512;
        writes[i].data = out.get() + i * 512;
        writes[i].size = 512;
        ring->submit(writes[i]);
    }
    CHECK(ring->in_flight() == count);
    ring->flush();
    std::size_t done = 0;
    while (done < count) done += ring->wait(for_ever);
    CHECK(done == count);
    CHECK(ring->in_flight() == 0);
    CHECK(ring->reap() == 0);
    for (const auto& each : writes) REQUIRE((!each.error && each.transferred == 512 && each.times_done == 1));

    std::vector<counted> reads(count);
    for (std::size_t i = 0; i < count; ++i) {
        reads[i].target = file.get();
        reads[i].offset = i * 512;
        reads[i].data = in.get() + i * 512;
        reads[i].size = 512;
        ring->submit(reads[i]);
    }
    while (ring->in_flight() > 0) ring->wait(for_ever);
    for (const auto& each : reads) REQUIRE((!each.error && each.transferred == 512 && each.times_done == 1));
    CHECK(same(in.get(), out.get(), count * 512));
}

TEST_CASE("done is not called before reap or wait", "[io]") {
    IMAGO_EACH_BACKEND(disk);
    auto file = disk.create("data");
    auto ring = disk.make_ring();
    auto out = pattern(512);
    counted write(kind::write, file.get(), 0, out.get(), 512);
    ring->submit(write);
    CHECK(write.times_done == 0);
    ring->flush();
    CHECK(write.times_done == 0);
    CHECK(ring->in_flight() == 1);
    while (ring->wait(for_ever) == 0) {
    }
    CHECK(write.times_done == 1);
}

TEST_CASE("done may submit the request again and flush", "[io]") {
    IMAGO_EACH_BACKEND(disk);
    struct chained : request {
        io::ring* owner = nullptr;
        int left = 1000;
    };
    auto file = disk.create("data");
    auto ring = disk.make_ring(2);
    auto out = pattern(512);
    chained write;
    write.what = kind::write;
    write.target = file.get();
    write.data = out.get();
    write.size = 512;
    write.owner = ring.get();
    write.done = [](request& self) {
        auto& chain = static_cast<chained&>(self);
        if (chain.error || --chain.left == 0) return;
        chain.offset += 512;
        chain.owner->submit(chain);
        chain.owner->flush();
    };
    ring->submit(write);
    std::size_t turns = 0;
    for (; ring->in_flight() > 0; ++turns) ring->wait(for_ever);
    CHECK_FALSE(write.error);
    CHECK(write.left == 0);
    CHECK(turns == 1000);  // a chain never keeps one reap() busy
    CHECK(disk->size(*file).value() == 512'000);
}

TEST_CASE("wait comes back when the time is over", "[io]") {
    IMAGO_EACH_BACKEND(disk);
    auto ring = disk.make_ring();
    const auto start = std::chrono::steady_clock::now();
    CHECK(ring->wait(20ms) == 0);
    const auto passed = std::chrono::steady_clock::now() - start;
    if (disk_kind != backend::sim) CHECK(passed >= 20ms);
    CHECK(passed < 5s);
    CHECK(ring->wait(0ns) == 0);
}

TEST_CASE("a wake before a wait ends it, and only one", "[io]") {
    IMAGO_EACH_BACKEND(disk);
    auto ring = disk.make_ring();
    for (int round = 0; round < 3; ++round) {
        ring->wake();
        ring->wake();
        CHECK(ring->wait(for_ever) == 0);
        const auto start = std::chrono::steady_clock::now();
        CHECK(ring->wait(10ms) == 0);
        if (disk_kind != backend::sim) CHECK(std::chrono::steady_clock::now() - start >= 10ms);
    }
}

TEST_CASE("a request without a file fails with bad_file_descriptor", "[io]") {
    IMAGO_EACH_BACKEND(disk);
    auto ring = disk.make_ring();
    auto bytes = pattern(512);
    counted write(kind::write, nullptr, 0, bytes.get(), 512);
    run(*ring, {&write});
    CHECK(write.error == std::errc::bad_file_descriptor);
    CHECK(write.times_done == 1);
}

TEST_CASE("a write to a file opened for reading fails, its neighbours do not", "[io]") {
    IMAGO_EACH_BACKEND(disk);
    auto writable = disk.create("data");
    auto opened = disk->open(disk.path("data"), {});
    REQUIRE(opened.has_value());
    auto ring = disk.make_ring();
    auto bytes = pattern(512);
    counted bad(kind::write, opened->get(), 0, bytes.get(), 512);
    counted good(kind::write, writable.get(), 512, bytes.get(), 512);
    run(*ring, {&bad, &good});
    CHECK(bad.error == std::errc::bad_file_descriptor);
    CHECK_FALSE(good.error);
    CHECK_FALSE(disk->write_at(**opened, 0, {bytes.get(), 512}).has_value());
}

TEST_CASE("direct I/O that is not aligned fails with invalid_argument", "[io]") {
    IMAGO_EACH_BACKEND(disk);
    auto file = disk.create("data", true);
    if (!file->direct()) {
        WARN("no direct I/O in " << disk.folder());
        return;
    }
    CHECK(file->block_size() >= sector_size);
    CHECK((file->block_size() & (file->block_size() - 1)) == 0);
    auto ring = disk.make_ring();
    auto bytes = pattern(8192);
    counted at_odd_offset(kind::write, file.get(), 100, bytes.get(), 4096);
    counted of_odd_size(kind::write, file.get(), 0, bytes.get(), 4095);
    run(*ring, {&at_odd_offset, &of_odd_size});
    CHECK(at_odd_offset.error == std::errc::invalid_argument);
    CHECK(of_odd_size.error == std::errc::invalid_argument);
}

TEST_CASE("a write of nothing completes", "[io]") {
    IMAGO_EACH_BACKEND(disk);
    auto file = disk.create("data");
    auto ring = disk.make_ring();
    std::byte none{};
    counted write(kind::write, file.get(), 0, &none, 0);
    run(*ring, {&write});
    CHECK_FALSE(write.error);
    CHECK(write.transferred == 0);
    CHECK(disk->size(*file).value() == 0);
}

TEST_CASE("the event descriptor is readable when there is something to reap", "[io]") {
    IMAGO_EACH_BACKEND(disk);
    const bool direct = GENERATE(false, true);
    auto file = disk.create("data", direct);
    auto ring = disk.make_ring(4);
    const int descriptor = ring->event_descriptor();
    CHECK_FALSE(readable(descriptor, 0));
    auto out = pattern(4096);
    for (int round = 0; round < 20; ++round) {
        std::vector<counted> writes(10);  // more than entries: reap() has to move them on by itself
        for (std::size_t i = 0; i < writes.size(); ++i) {
            writes[i].what = kind::write;
            writes[i].durable = i % 2 == 0;
            writes[i].target = file.get();
            writes[i].offset = i * 4096;
            writes[i].data = out.get();
            writes[i].size = 4096;
            ring->submit(writes[i]);
        }
        ring->flush();
        std::size_t done = 0;
        while (done < writes.size()) {
            REQUIRE(readable(descriptor, 10'000));
            done += ring->reap();
        }
        CHECK(done == writes.size());
        for (const auto& each : writes) REQUIRE((!each.error && each.times_done == 1));
    }
    ring->reap();
    CHECK_FALSE(readable(descriptor, 0));
}

TEST_CASE("the event descriptor may be asked for late, and tells of what was done before", "[io]") {
    IMAGO_EACH_BACKEND(disk);
    auto file = disk.create("data");
    auto ring = disk.make_ring();
    auto out = pattern(512);
    counted write(kind::write, file.get(), 0, out.get(), 512);
    ring->submit(write);
    ring->flush();
    CHECK(readable(ring->event_descriptor(), 10'000));
    while (ring->reap() == 0) REQUIRE(readable(ring->event_descriptor(), 10'000));
    CHECK(write.times_done == 1);
}

TEST_CASE("a ring with requests in flight can be destroyed", "[io]") {
    IMAGO_EACH_BACKEND(disk);
    auto file = disk.create("data", true);
    auto out = pattern(64 * 4096);
    std::vector<counted> writes(64);
    {
        auto ring = disk.make_ring(8);
        for (std::size_t i = 0; i < writes.size(); ++i) {
            writes[i].what = kind::write;
            writes[i].durable = true;
            writes[i].target = file.get();
            writes[i].offset = i * 4096;
            writes[i].data = out.get() + i * 4096;
            writes[i].size = 4096;
            ring->submit(writes[i]);
        }
        ring->flush();
    }
    for (const auto& each : writes) CHECK(each.times_done == 0);
}

TEST_CASE("another thread wakes a waiting ring", "[io][threads]") {
    const auto which = GENERATE(backend::uring, backend::posix);
    test_disk disk(which);
    auto ring = disk.make_ring();  // made here, used there
    constexpr int rounds = 2000;
    std::atomic<int> given{0};
    std::atomic<int> taken{0};
    std::thread owner([&] {
        while (taken.load() < rounds) {
            ring->wait(for_ever);
            taken.store(given.load());
        }
    });
    for (int i = 1; i <= rounds; ++i) {
        given.store(i);
        ring->wake();
        if (i % 3 == 0) {
            while (taken.load() < i) std::this_thread::yield();  // a lost wake-up hangs here
        }
    }
    owner.join();
    CHECK(taken.load() == rounds);
}

TEST_CASE("wake-ups and completions do not lose each other", "[io][threads]") {
    const auto which = GENERATE(backend::uring, backend::posix);
    test_disk disk(which);
    auto file = disk.create("data");
    auto ring = disk.make_ring(8);
    std::atomic<bool> stop{false};
    std::thread waker([&] {
        while (!stop.load()) ring->wake();
    });
    auto out = pattern(512);
    std::vector<counted> writes(500);
    for (std::size_t i = 0; i < writes.size(); ++i) {
        writes[i].what = kind::write;
        writes[i].target = file.get();
        writes[i].offset = i * 512;
        writes[i].data = out.get();
        writes[i].size = 512;
        ring->submit(writes[i]);
        if (i % 7 == 0) ring->wait(for_ever);
    }
    while (ring->in_flight() > 0) ring->wait(for_ever);
    stop = true;
    waker.join();
    for (const auto& each : writes) REQUIRE((!each.error && each.times_done == 1));
}
