// A coroutine object of the client on a thread of its own: what the blocking and the callback form are made of.
#pragma once

#include <asio/co_spawn.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>

#include <future>
#include <thread>
#include <utility>

#include "imago/result.h"

namespace imago::client {

/// Owns a Client, its executor and its thread. Calls may come from any other thread. The Client is made before the
/// thread starts and destroyed after it has ended.
template <class Client>
class hosted {
public:
    template <class... Args>
    explicit hosted(Args&&... args)
        : io_(1), work_(io_.get_executor()), client_(io_.get_executor(), std::forward<Args>(args)...),
          thread_([this] { io_.run(); }) {}
    ~hosted() { close(); }
    hosted(const hosted&) = delete;
    hosted& operator=(const hosted&) = delete;

    /// Runs make(client), an awaitable, and waits for what it gives.
    template <class F>
    auto wait(F make) {
        std::promise<typename std::invoke_result_t<F, Client&>::value_type> promise;
        auto given = promise.get_future();
        start(std::move(make), [&promise](auto... value) { promise.set_value(std::move(value)...); });
        return given.get();
    }
    /// Runs what(client), an ordinary function, and waits for what it gives.
    template <class F>
    auto ask(F what) {
        using value = std::invoke_result_t<F, Client&>;
        std::packaged_task<value()> task([this, &what]() -> value { return what(client_); });
        auto given = task.get_future();
        asio::post(io_, std::ref(task));
        return given.get();
    }
    /// Runs make(client), an awaitable, and calls done with what it gives, on the object's thread.
    template <class F, class Done>
    void start(F make, Done done) {
        asio::co_spawn(io_, [this, make]() mutable { return make(client_); },
                       [done = std::move(done)](std::exception_ptr failed, auto... value) mutable {
                           if (failed) std::rethrow_exception(failed);
                           done(std::move(value)...);
                       });
    }
    /// Runs what(client) soon, without waiting.
    template <class F>
    void post(F what) {
        asio::post(io_, [this, what = std::move(what)]() mutable { what(client_); });
    }

    /// Closes the client and ends the thread, once.
    void close() {
        if (!thread_.joinable()) return;
        wait([](Client& client) { return client.close(); });
        work_.reset();
        thread_.join();
    }
    [[nodiscard]] bool is_closed() const { return !thread_.joinable(); }

private:
    asio::io_context io_;
    asio::executor_work_guard<asio::io_context::executor_type> work_;
    Client client_;
    std::thread thread_;
};

}  // namespace imago::client
