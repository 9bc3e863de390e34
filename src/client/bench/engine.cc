#include "client/bench/engine.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace imago::bench {

engine::engine() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {}
engine::~engine() { ::close(epoll_); }

void engine::watch(channel& of) {
    auto& added = watched_.emplace_back(std::make_unique<watched>(watched{&of, false}));
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = added.get();
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, of.descriptor(), &event);
}

void engine::unwatch(channel& of) {
    ::epoll_ctl(epoll_, EPOLL_CTL_DEL, of.descriptor(), nullptr);
    std::erase_if(watched_, [&](const auto& each) { return each->of == &of; });
}

std::string engine::run_until(const std::function<bool()>& done) {
    epoll_event events[256];
    while (!done()) {
        moment now = clock_type::now();
        moment wake = now + std::chrono::seconds(1);
        for (timed* task : tasks_) {
            if (task->next() <= now) task->act(now);
            wake = std::min(wake, task->next());
        }
        // What the tasks sent may not have gone out whole: only then is room to write of interest.
        for (const auto& each : watched_) {
            if (!each->of->error().empty()) return each->of->error();
            if (each->of->wants_to_write() == each->writing) continue;
            each->writing = !each->writing;
            epoll_event event{};
            event.events = EPOLLIN | (each->writing ? static_cast<std::uint32_t>(EPOLLOUT) : 0U);
            event.data.ptr = each.get();
            ::epoll_ctl(epoll_, EPOLL_CTL_MOD, each->of->descriptor(), &event);
        }
        if (done()) break;
        now = clock_type::now();
        const auto left = std::max(wake - now, clock_type::duration::zero());
        const timespec timeout{static_cast<time_t>(left.count() / 1'000'000'000),
                               static_cast<long>(left.count() % 1'000'000'000)};
        const int count = ::epoll_pwait2(epoll_, events, 256, &timeout, nullptr);
        if (count < 0 && errno != EINTR) return std::string("epoll: ") + std::strerror(errno);
        for (int i = 0; i < count; ++i) static_cast<watched*>(events[i].data.ptr)->of->ready();
    }
    return {};
}

}  // namespace imago::bench
