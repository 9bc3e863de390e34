#include "server/alarm_thread.h"

#include <algorithm>
#include <chrono>

namespace imago {

void alarm_thread::start(std::function<void()> ring) {
    ring_ = std::move(ring);
    thread_ = std::thread([this] { run(); });
}

void alarm_thread::stop() {
    {
        std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_one();
    if (thread_.joinable()) thread_.join();
}

void alarm_thread::set(unix_ms at) {
    {
        std::lock_guard lock(mutex_);
        at_ = at;
    }
    changed_.notify_one();
}

void alarm_thread::run() {
    constexpr std::int64_t longest = 3'600'000;  // keeps the sum within what the clock can count
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        if (at_ == INT64_MAX) {
            changed_.wait(lock);
            continue;
        }
        const std::int64_t left = std::min(at_ - clock_(), longest);
        if (left > 0) {
            changed_.wait_for(lock, std::chrono::milliseconds(left));
            continue;
        }
        at_ = INT64_MAX;
        lock.unlock();
        ring_();
        lock.lock();
    }
}

}  // namespace imago
