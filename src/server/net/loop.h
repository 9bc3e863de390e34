// The event loop of one network thread, on Asio.
#pragma once

#include "server/net/receive_buffer.h"
#include "server/net/session.h"

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>

#include <atomic>
#include <memory>
#include <vector>

namespace imago::net {

/// Owned by the server, run by exactly one thread. All but post() and stop_running() only on that thread (or
/// while it does not run).
class loop final : public event_loop {
public:
    using clock = std::chrono::steady_clock;

    loop();
    ~loop() override;

    void post(task& job) override;
    void start(timer& timer, clock::time_point deadline) override;
    void stop(timer& timer) override;
    void watch(int descriptor, task& readable) override;
    void unwatch(int descriptor) override;

    /// Runs until stop_running().
    void run();
    void stop_running();

    [[nodiscard]] asio::io_context& context() { return context_; }
    [[nodiscard]] buffer_pool& buffers() { return buffers_; }

    /// Runs `job` when the present turn (one event and all it led to) ends. Connections send then, all
    /// answers at once.
    void at_end_of_turn(task& job);
    /// To be called at the end of each of Asio's callbacks.
    void end_turn();

private:
    struct watched;
    struct mail_handler;
    void read_mail();
    void arm_clock();
    void timers_due();
    void sift_up(std::size_t place);
    void sift_down(std::size_t place);
    void put(std::size_t place, timer* timer);

    asio::io_context context_{1};
    buffer_pool buffers_;
    asio::steady_timer clock_;
    clock::time_point armed_ = clock::time_point::max();
    std::vector<timer*> timers_;  // a heap, the earliest first
    std::atomic<task*> mail_{nullptr};
    alignas(std::max_align_t) std::byte mail_memory_[256];  // for the one handler that is ever under way
    task* ends_ = nullptr;
    task** ends_last_ = &ends_;
    std::vector<std::unique_ptr<watched>> watched_;
};

}  // namespace imago::net
