#include "client/bench/engine.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace imago::bench {

engine::engine() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {}
engine::~engine() { ::close(epoll_); }

void engine::watch(channel& of) {
    of.tell(&attention_);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = &of;
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, of.descriptor(), &event);
}

void engine::unwatch(channel& of) {
    ::epoll_ctl(epoll_, EPOLL_CTL_DEL, of.descriptor(), nullptr);
    of.tell(nullptr);
    std::erase(attention_, &of);
}

void engine::want_room(channel& of, bool wanted) const {
    if (std::exchange(of.waits_for_room, wanted) == wanted) return;
    epoll_event event{};
    event.events = EPOLLIN | (wanted ? static_cast<std::uint32_t>(EPOLLOUT) : 0U);
    event.data.ptr = &of;
    ::epoll_ctl(epoll_, EPOLL_CTL_MOD, of.descriptor(), &event);
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
        // What was sent may not have gone out whole: only then is room to write of interest, once.
        for (channel* each : attention_) {
            if (!each->error().empty()) return each->error();
            want_room(*each, true);
        }
        attention_.clear();
        if (done()) break;
        now = clock_type::now();
        const auto left = std::max(wake - now, clock_type::duration::zero());
        const timespec timeout{static_cast<time_t>(left.count() / 1'000'000'000),
                               static_cast<long>(left.count() % 1'000'000'000)};
        const int count = ::epoll_pwait2(epoll_, events, 256, &timeout, nullptr);
        if (count < 0 && errno != EINTR) return std::string("epoll: ") + std::strerror(errno);
        for (int i = 0; i < count; ++i) {
            channel& ready = *static_cast<channel*>(events[i].data.ptr);
            ready.ready();
            if (ready.waits_for_room && !ready.wants_to_write()) want_room(ready, false);
        }
    }
    return {};
}

}  // namespace imago::bench
