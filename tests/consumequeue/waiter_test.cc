#include "consumequeue/index_fixture.h"

using namespace imago;
using namespace imago::consumequeue;

namespace {

constexpr queue_id q{3};

struct counting_waiter : waiter {
    int calls = 0;
    counting_waiter() {
        woken = [](waiter& w) { ++static_cast<counting_waiter&>(w).calls; };
    }
};

}  // namespace

TEST_CASE("publish wakes every waiter of the queue once, and no other", "[consumequeue]") {
    index_fixture f;
    f.index->create(q, {0});
    f.index->create({4}, {0});
    counting_waiter a, b, other;
    REQUIRE(f.index->wait(q, {0}, a));
    REQUIRE(f.index->wait(q, {0}, b));
    REQUIRE(f.index->wait({4}, {0}, other));
    CHECK(f.index->used().waiters == 3);
    f.fill(q, 1);
    CHECK(a.calls == 1);
    CHECK(b.calls == 1);
    CHECK(other.calls == 0);
    CHECK(f.index->used().waiters == 1);
    f.fill(q, 1);
    CHECK(a.calls == 1);
    CHECK(f.index->cancel(other));
}

TEST_CASE("a waiter for what is already there is not linked", "[consumequeue]") {
    index_fixture f;
    f.index->create(q, {0});
    f.fill(q, 5);
    counting_waiter w;
    CHECK_FALSE(f.index->wait(q, {4}, w));
    CHECK_FALSE(w.linked);
    CHECK(f.index->wait(q, {5}, w));
    CHECK(f.index->cancel(w));
}

TEST_CASE("a cancelled waiter is not called, whichever place it had in the list", "[consumequeue]") {
    for (int victim = 0; victim < 3; ++victim) {
        index_fixture f;
        f.index->create(q, {0});
        counting_waiter w[3];
        for (auto& each : w) REQUIRE(f.index->wait(q, {0}, each));
        CHECK(f.index->cancel(w[victim]));
        CHECK_FALSE(f.index->cancel(w[victim]));
        f.fill(q, 1);
        for (int i = 0; i < 3; ++i) CHECK(w[i].calls == (i == victim ? 0 : 1));
        CHECK(f.index->used().waiters == 0);
    }
}

TEST_CASE("removing a queue wakes its waiters", "[consumequeue]") {
    index_fixture f;
    f.index->create(q, {0});
    counting_waiter w;
    REQUIRE(f.index->wait(q, {0}, w));
    f.index->remove(q);
    CHECK(w.calls == 1);
    CHECK_FALSE(f.index->cancel(w));
}

TEST_CASE("a waiter may wait again, cancel others and end its life when it is woken", "[consumequeue]") {
    index_fixture f;
    f.index->create(q, {0});
    struct again : waiter {
        queue_index* index = nullptr;
        int calls = 0;
    };
    auto dying = std::make_unique<again>();
    dying->context = &dying;
    dying->woken = [](waiter& w) { static_cast<std::unique_ptr<again>*>(w.context)->reset(); };
    again waiting;
    waiting.index = f.index.get();
    waiting.woken = [](waiter& w) {
        auto& self = static_cast<again&>(w);
        ++self.calls;
        REQUIRE(self.index->wait(q, self.index->bounds(q)->end, self));
    };
    REQUIRE(f.index->wait(q, {0}, waiting));
    REQUIRE(f.index->wait(q, {0}, *dying));
    f.fill(q, 3);
    CHECK(dying == nullptr);
    CHECK(waiting.calls == 3);
    CHECK(f.index->cancel(waiting));
}
