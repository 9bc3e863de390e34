// The event loop of one network thread, on epoll.
#pragma once

#include "server/net/receive_buffer.h"
#include "server/net/session.h"

#include <sys/epoll.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace imago::net {

/// A descriptor that a loop waits for. Owned by whoever adds it, who removes it before it goes away or is closed.
struct watched {
    /// Errors and hang-ups count as both. Only what is wanted is told.
    void (*ready)(watched&, bool readable, bool writable) = nullptr;
    void* context = nullptr;
    int descriptor = -1;

    bool reads = false;       ///< the loop's from here on: what is wanted
    bool writes = false;
    std::uint32_t armed = 0;  ///< what epoll was told
};

/// Owned by the server, run by exactly one thread. All but post(), call() and stop_running() only on that thread
/// (or while it does not run).
///
/// A turn is one look at everything: the tasks that were posted, then all descriptors that are ready, then the
/// timers that are due. After each of the three the tasks of at_end_of_turn() run, so that what belongs
/// together is done together: the requests that came go to the store as one list, the answers that are ready
/// go out with one system call a connection.
class loop final : public event_loop {
public:
    using clock = std::chrono::steady_clock;

    loop();
    ~loop() override;
    loop(const loop&) = delete;
    loop& operator=(const loop&) = delete;

    /// Once the task is in the box it does not touch the loop any more, unless it rings; and the destructor waits for
    /// every ring that is owed. So who posts need not outlive what its task leads to.
    void post(task& job) override;
    void start(timer& timer, clock::time_point deadline) override;
    void stop(timer& timer) override;
    void watch(int descriptor, task& readable) override;
    void unwatch(int descriptor) override;
    void at_end_of_turn(task& job) override;

    /// For what happens seldom: allocates.
    void call(std::function<void()> job);

    void remove(watched& what);
    /// A want that is given up costs nothing until the descriptor is ready nevertheless.
    void want(watched& what, bool reads, bool writes);

    /// Runs until stop_running().
    void run();
    void stop_running();
    /// One turn that does not wait; true if anything was done.
    bool poll() { return turn(false); }

    /// When the present turn began to work.
    [[nodiscard]] clock::time_point now() const { return now_; }
    [[nodiscard]] buffer_pool& buffers() { return buffers_; }

private:
    struct watched_task;
    bool turn(bool may_wait);
    void arm(watched& what, std::uint32_t events);
    [[nodiscard]] int patience() const;
    bool read_mail();
    bool timers_due();
    void end_turn();
    void sift_up(std::size_t place);
    void sift_down(std::size_t place);
    void put(std::size_t place, timer* timer);

    static constexpr int events_max = 256;
    int epoll_ = -1;
    int bell_ = -1;  // an eventfd; rung by whoever posts first while the thread waits
    std::uint64_t rings_owed_ = 0;
    std::atomic<bool> stopping_{false};
    task stop_;
    task asleep_;  // in the box: it is empty, and the thread waits or is about to
    std::atomic<task*> mail_{nullptr};
    clock::time_point now_ = clock::now();
    epoll_event events_[events_max];
    int events_count_ = 0;
    int events_next_ = 0;  // those before were told
    std::vector<timer*> timers_;  // a heap, the earliest first
    task* ends_ = nullptr;
    task** ends_last_ = &ends_;
    std::vector<std::unique_ptr<watched_task>> watched_;
    buffer_pool buffers_{*this};  // has a timer here
};

}  // namespace imago::net
