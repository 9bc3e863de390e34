#include "server/net/loop.h"
#include "support/catch.h"

#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace imago;
using namespace imago::net;
using namespace std::chrono_literals;

namespace {

/// Both ends of a stream; ours on a loop.
struct pipe_end {
    pipe_end() {
        int ends[2];
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
        place.descriptor = ends[0];
        other = ends[1];
        place.context = this;
        place.ready = [](watched& at, bool readable, bool writable) {
            auto* self = static_cast<pipe_end*>(at.context);
            self->reads += readable ? 1 : 0;
            self->writes += writable ? 1 : 0;
            if (self->then) self->then();
        };
    }
    ~pipe_end() {
        ::close(place.descriptor);
        hang_up();
    }
    void hang_up() {
        if (other >= 0) ::close(std::exchange(other, -1));
    }
    void say() const { REQUIRE(::write(other, "x", 1) == 1); }
    void hear() const {
        char byte;
        REQUIRE(::read(place.descriptor, &byte, 1) == 1);
    }
    watched place;
    int other = -1;
    int reads = 0;
    int writes = 0;
    std::function<void()> then;
};

/// A task that does what a test likes.
struct job : task {
    explicit job(std::function<void()> does) : what(std::move(does)) {
        run = [](task& self) { static_cast<job&>(self).what(); };
    }
    std::function<void()> what;
};

}  // namespace

TEST_CASE("what was not read is told again in the next turn", "[net]") {
    loop loop;
    pipe_end end;
    loop.want(end.place, true, false);
    CHECK_FALSE(loop.poll());
    end.say();
    CHECK(loop.poll());
    CHECK(loop.poll());
    CHECK(end.reads == 2);
    end.hear();
    CHECK_FALSE(loop.poll());
    CHECK(end.writes == 0);
    loop.remove(end.place);
}

TEST_CASE("a want that is given up is not told, and comes back with what waited", "[net]") {
    loop loop;
    pipe_end end;
    loop.want(end.place, true, false);
    loop.want(end.place, false, false);
    end.say();
    CHECK_FALSE(loop.poll());
    CHECK_FALSE(loop.poll());
    CHECK(end.reads == 0);
    loop.want(end.place, true, true);
    CHECK(loop.poll());
    CHECK(end.reads == 1);
    CHECK(end.writes == 1);
    loop.remove(end.place);
}

TEST_CASE("a peer that hangs up while nobody wants to hear of it does not keep the loop awake", "[net]") {
    loop loop;
    pipe_end end;
    loop.want(end.place, true, false);
    loop.want(end.place, false, false);
    end.hang_up();
    CHECK_FALSE(loop.poll());
    CHECK(end.place.armed == 0);
    CHECK(end.reads == 0);
    loop.want(end.place, true, false);
    CHECK(loop.poll());
    CHECK(end.reads == 1);
    loop.remove(end.place);
}

TEST_CASE("a descriptor that is removed by another's callback is not told in the same turn", "[net]") {
    loop loop;
    pipe_end one, two;
    for (pipe_end* each : {&one, &two}) {
        loop.want(each->place, true, false);
        each->say();
    }
    one.then = [&] { loop.remove(two.place); };
    two.then = [&] { loop.remove(one.place); };
    CHECK(loop.poll());
    CHECK(one.reads + two.reads == 1);
    loop.remove(one.place);
    loop.remove(two.place);
}

TEST_CASE("the end of a turn comes once, after all that was ready", "[net]") {
    loop loop;
    pipe_end one, two;
    std::vector<std::string> seen;
    bool due = false;
    job end([&] {
        due = false;
        seen.emplace_back("end");
    });
    const auto note = [&](const char* what) {
        seen.emplace_back(what);
        if (!std::exchange(due, true)) loop.at_end_of_turn(end);
    };
    for (pipe_end* each : {&one, &two}) {
        loop.want(each->place, true, false);
        each->say();
        each->then = [&, each] {
            each->hear();
            note("ready");
        };
    }
    job mail([&] { note("mail"); });
    loop.post(mail);
    CHECK(loop.poll());
    CHECK(seen == std::vector<std::string>{"mail", "end", "ready", "ready", "end"});
    for (pipe_end* each : {&one, &two}) loop.remove(each->place);
}

TEST_CASE("every task that others post is run, in each one's order, and a sleeping loop wakes for it", "[net]") {
    loop loop;
    constexpr int threads = 3;
    constexpr int count = 20'000;
    std::atomic<int> last[threads];
    for (auto& each : last) each = -1;
    std::atomic<bool> in_order{true};
    std::vector<std::thread> posting;
    std::thread running([&] { loop.run(); });
    for (int t = 0; t < threads; ++t) {
        posting.emplace_back([&, t] {
            std::vector<std::unique_ptr<job>> jobs;
            for (int i = 0; i < count; ++i) {
                jobs.push_back(std::make_unique<job>([&, t, i] {
                    if (last[t] != i - 1) in_order = false;
                    last[t] = i;
                }));
                loop.post(*jobs.back());
                // Now and then the loop has nothing left and falls asleep.
                if (i % 100 != 0) continue;
                while (last[t] != i) std::this_thread::yield();
            }
            while (last[t] != count - 1) std::this_thread::yield();
        });
    }
    for (auto& each : posting) each.join();
    loop.stop_running();
    running.join();
    CHECK(in_order);
}

TEST_CASE("a timer wakes a sleeping loop, not before its time, and may start another", "[net]") {
    loop loop;
    struct due : timer {
        std::function<void()> what;
    } first, second;
    for (due* each : {&first, &second}) {
        each->expired = [](timer& self) { static_cast<due&>(self).what(); };
    }
    const auto began = loop::clock::now();
    loop::clock::duration first_after{}, second_after{};
    first.what = [&] {
        first_after = loop::clock::now() - began;
        loop.start(second, loop::clock::now() + 10ms);
    };
    second.what = [&] {
        second_after = loop::clock::now() - began;
        loop.stop_running();
    };
    loop.start(first, began + 20ms);
    loop.run();
    CHECK(first_after >= 20ms);
    CHECK(second_after >= first_after + 10ms);
    CHECK(second_after < 5s);
}
