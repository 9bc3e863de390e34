#include "server/net/receive_buffer.h"
#include "support/catch.h"

#include <algorithm>
#include <vector>

using namespace imago;
using namespace imago::net;

namespace {

/// Only timers, and time passes when a test says so.
struct hand_wound_loop final : event_loop {
    void post(task&) override {}
    void watch(int, task&) override {}
    void unwatch(int) override {}
    void at_end_of_turn(task&) override {}
    void start(timer& timer, std::chrono::steady_clock::time_point) override {
        timer.place = 0;
        started = &timer;
    }
    void stop(timer& timer) override {
        timer.place = timer::idle;
        if (started == &timer) started = nullptr;
    }
    /// False if nobody waited for it.
    bool pass_period() {
        if (started == nullptr) return false;
        timer& due = *started;
        stop(due);
        due.expired(due);
        return true;
    }
    timer* started = nullptr;
};

constexpr std::size_t mib = 1 << 20;

void take_and_release(buffer_pool& pool, std::size_t count, std::size_t size) {
    std::vector<receive_buffer*> taken;
    for (std::size_t i = 0; i < count; ++i) taken.push_back(pool.take(size));
    for (receive_buffer* buffer : taken) pool.release(buffer);
}

}  // namespace

TEST_CASE("a buffer is large enough, and not much larger", "[net]") {
    hand_wound_loop loop;
    buffer_pool pool(loop);
    for (std::size_t size = 1; size < 40 * mib; size = size * 5 / 3 + 1) {
        receive_buffer* buffer = pool.take(size);
        CHECK(buffer->capacity() >= size);
        CHECK(buffer->capacity() <= std::max<std::size_t>(3 * size, 1024));
        pool.release(buffer);
    }
}

TEST_CASE("what is taken again and again is the same memory", "[net]") {
    hand_wound_loop loop;
    buffer_pool pool(loop);
    receive_buffer* first = pool.take(16 * mib);
    const std::byte* memory = first->data();
    pool.release(first);
    for (int i = 0; i < 5; ++i) {
        receive_buffer* again = pool.take(16 * mib - 1000);
        CHECK(again->data() == memory);
        pool.release(again);
        REQUIRE(loop.pass_period());
        CHECK(pool.free_bytes() == 16 * mib);
    }
}

TEST_CASE("a buffer that is held twice comes back once both have let go", "[net]") {
    hand_wound_loop loop;
    buffer_pool pool(loop);
    receive_buffer* buffer = pool.take(1000);
    buffer->hold();
    pool.release(buffer);
    CHECK(pool.free_bytes() == 0);
    pool.release(buffer);
    CHECK(pool.free_bytes() == buffer->capacity());
}

TEST_CASE("memory that nobody took for a whole period goes back, but for a little", "[net]") {
    hand_wound_loop loop;
    buffer_pool pool(loop);
    take_and_release(pool, 3, 16 * mib);
    take_and_release(pool, 4, mib);
    const std::size_t all = pool.free_bytes();
    CHECK(all == 52 * mib);
    // One of the large ones is in use now and then, and only that much is kept.
    pool.release(pool.take(16 * mib));
    REQUIRE(loop.pass_period());
    pool.release(pool.take(16 * mib));
    REQUIRE(loop.pass_period());
    CHECK(pool.free_bytes() < all);
    CHECK(pool.free_bytes() >= 16 * mib);
    // Nobody comes any more.
    int periods = 0;
    while (loop.pass_period()) REQUIRE(++periods < 10);
    CHECK(pool.free_bytes() <= buffer_pool::kept_when_idle);
}

TEST_CASE("more than a pool may keep is not kept", "[net]") {
    hand_wound_loop loop;
    buffer_pool pool(loop);
    take_and_release(pool, 10, 16 * mib);
    CHECK(pool.free_bytes() <= buffer_pool::kept_bytes_max);
}
