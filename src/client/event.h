// Lets coroutines of one thread wait for something to change.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>

#include <chrono>
#include <vector>

namespace imago::client {

/// The completion token of this room: errors come as values.
inline constexpr auto no_throw = asio::experimental::as_tuple(asio::use_awaitable);

/// notify() resumes all that wait at that moment; each looks for itself whether its condition holds now, as with a
/// condition variable. Must outlive the waits on it. One thread.
class event {
public:
    explicit event(asio::any_io_executor where) : where_(std::move(where)) {}
    event(const event&) = delete;
    event& operator=(const event&) = delete;

    void notify() {
        for (asio::steady_timer* each : waiting_) each->cancel();
    }
    [[nodiscard]] asio::awaitable<void> wait() { return wait_until(asio::steady_timer::time_point::max()); }
    /// Ends also when that time has come.
    [[nodiscard]] asio::awaitable<void> wait_until(asio::steady_timer::time_point deadline) {
        waiter mine(*this, deadline);
        co_await mine.timer.async_wait(no_throw);
    }

private:
    struct waiter {
        event& home;
        asio::steady_timer timer;
        waiter(event& e, asio::steady_timer::time_point deadline) : home(e), timer(e.where_, deadline) {
            home.waiting_.push_back(&timer);
        }
        ~waiter() { std::erase(home.waiting_, &timer); }
    };
    asio::any_io_executor where_;
    std::vector<asio::steady_timer*> waiting_;
};

/// Sleeps for `time`, or less if the coroutine is cancelled.
[[nodiscard]] inline asio::awaitable<void> sleep_for(std::chrono::steady_clock::duration time) {
    asio::steady_timer timer(co_await asio::this_coro::executor, time);
    co_await timer.async_wait(no_throw);
}

/// Counts coroutines that run in the background, so that close() can wait for the last one. One thread.
class gate {
public:
    explicit gate(asio::any_io_executor where) : empty_(std::move(where)) {}

    class pass {
    public:
        explicit pass(gate& g) : gate_(&g) { ++g.inside_; }
        pass(pass&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}
        pass& operator=(pass&&) = delete;
        ~pass() {
            if (gate_ != nullptr && --gate_->inside_ == 0) gate_->empty_.notify();
        }

    private:
        gate* gate_;
    };
    [[nodiscard]] pass enter() { return pass(*this); }
    [[nodiscard]] asio::awaitable<void> wait_empty() {
        while (inside_ > 0) co_await empty_.wait();
    }

private:
    int inside_ = 0;
    event empty_;
};

}  // namespace imago::client
