// The bell of the groups' deadlines: a thread that sleeps until the time that was set.
#pragma once

#include "broker/groups/alarm.h"

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace imago {

/// `ring` runs on the alarm's own thread, so that what it does holds nobody up, from start() to stop(). Without a time
/// it sleeps for ever.
class alarm_thread final : public broker::groups::alarm {
public:
    explicit alarm_thread(std::function<unix_ms()> clock) : clock_(std::move(clock)) {}
    ~alarm_thread() override { stop(); }

    void start(std::function<void()> ring);
    /// Waits for a ringing that is under way. Idempotent.
    void stop();
    void set(unix_ms at) override;

private:
    void run();

    const std::function<unix_ms()> clock_;
    std::function<void()> ring_;
    std::mutex mutex_;
    std::condition_variable changed_;
    unix_ms at_ = INT64_MAX;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace imago
