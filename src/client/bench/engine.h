// Waits for many channels and for moments in time, on one thread.
#pragma once

#include "client/bench/channel.h"

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace imago::bench {

using clock_type = std::chrono::steady_clock;
using moment = clock_type::time_point;

/// Something that wants to act at a moment of its own choice: a schedule of sends, the end of a measurement.
class timed {
public:
    virtual ~timed() = default;
    /// moment::max() = only when an answer comes.
    [[nodiscard]] virtual moment next() const = 0;
    virtual void act(moment now) = 0;
};

class engine {
public:
    engine();
    ~engine();
    engine(const engine&) = delete;
    engine& operator=(const engine&) = delete;

    /// The channel must outlive the engine's runs.
    void watch(channel& of);
    void unwatch(channel& of);
    void add(timed& task) { tasks_.push_back(&task); }
    void remove(timed& task) { std::erase(tasks_, &task); }

    /// Until `done`, or a channel fails: what went wrong then, else empty.
    [[nodiscard]] std::string run_until(const std::function<bool()>& done);

private:
    void want_room(channel& of, bool wanted) const;
    int epoll_;
    std::vector<channel*> attention_;
    std::vector<timed*> tasks_;
};

}  // namespace imago::bench
