#include "server/net/loop.h"

#include "base/check.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <thread>

namespace imago::net {

namespace {
struct called {
    task job;
    std::function<void()> what;
};
}  // namespace

/// A task that runs when a descriptor becomes readable.
struct loop::watched_task {
    watched place;
    task* readable;
};

loop::loop() {
    stop_.run = [](task&) {};  // only wakes
    epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
    if (epoll_ < 0) throw std::system_error(errno, std::system_category(), "epoll");
    bell_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    epoll_event event{};
    // By edges: every ring is one, so that nobody ever has to read the counter.
    event.events = EPOLLIN | EPOLLET;
    event.data.ptr = nullptr;
    if (bell_ < 0 || ::epoll_ctl(epoll_, EPOLL_CTL_ADD, bell_, &event) != 0) {
        const int error = errno;
        if (bell_ >= 0) ::close(bell_);
        ::close(epoll_);
        throw std::system_error(error, std::system_category(), "eventfd");
    }
}

loop::~loop() {
    // Nobody reads the bell before: its counter is the number of rings.
    for (std::uint64_t rung = 0; rung < rings_owed_;) {
        std::uint64_t some = 0;
        if (::read(bell_, &some, sizeof some) == sizeof some) {
            rung += some;
        } else {
            std::this_thread::yield();
        }
    }
    ::close(bell_);
    ::close(epoll_);
}

// ---- what others send ----

void loop::post(task& job) {
    const int bell = bell_;
    task* head = mail_.load(std::memory_order_relaxed);
    do {
        job.next = head;
    } while (!mail_.compare_exchange_weak(head, &job, std::memory_order_acq_rel, std::memory_order_relaxed));
    if (head != &asleep_) return;
    const std::uint64_t one = 1;
    (void)!::write(bell, &one, sizeof one);
}

void loop::call(std::function<void()> job) {
    auto made = std::make_unique<called>();
    made->what = std::move(job);
    made->job.context = made.get();
    made->job.run = [](task& ready) {
        const std::unique_ptr<called> self(static_cast<called*>(ready.context));
        self->what();
    };
    post(made.release()->job);
}

bool loop::read_mail() {
    if (mail_.load(std::memory_order_relaxed) == nullptr) return false;
    task* newest = mail_.exchange(nullptr, std::memory_order_acq_rel);
    task* oldest = nullptr;
    while (newest != nullptr && newest != &asleep_) {
        task* before = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = before;
    }
    while (oldest != nullptr) {
        task* job = oldest;
        oldest = oldest->next;
        job->run(*job);
    }
    end_turn();
    return true;
}

// ---- turns ----

void loop::run() {
    while (!stopping_.load(std::memory_order_acquire)) turn(true);
    read_mail();  // what was posted before the end has its turn
}

void loop::stop_running() {
    if (stopping_.exchange(true)) return;
    post(stop_);
}

bool loop::turn(bool may_wait) {
    int timeout = may_wait ? patience() : 0;
    task* box = nullptr;
    const bool sleeps = timeout != 0 && mail_.compare_exchange_strong(box, &asleep_, std::memory_order_acq_rel);
    if (!sleeps) timeout = 0;
    const int count = ::epoll_wait(epoll_, events_, events_max, timeout);
    if (sleeps) {
        box = &asleep_;
        if (!mail_.compare_exchange_strong(box, nullptr, std::memory_order_acq_rel)) ++rings_owed_;
    }
    IMAGO_ASSERT(count >= 0 || errno == EINTR);
    now_ = clock::now();

    events_next_ = 0;
    events_count_ = std::max(count, 0);
    // Tasks first: what was posted before a peer could ask for it has been done when its request is read.
    bool worked = read_mail();
    while (events_next_ < events_count_) {
        const epoll_event event = events_[events_next_++];
        if (event.data.ptr == nullptr) continue;  // the bell, or a descriptor that was removed since
        watched& what = *static_cast<watched*>(event.data.ptr);
        const bool broken = (event.events & (EPOLLERR | EPOLLHUP)) != 0;
        const bool readable = what.reads && (broken || (event.events & EPOLLIN) != 0);
        const bool writable = what.writes && (broken || (event.events & EPOLLOUT) != 0);
        if (readable || writable) {
            worked = true;
            what.ready(what, readable, writable);
        } else {
            arm(what, (what.reads ? EPOLLIN : 0U) | (what.writes ? EPOLLOUT : 0U));
        }
    }
    events_count_ = events_next_ = 0;
    end_turn();
    if (timers_due()) worked = true;
    return worked;
}

void loop::at_end_of_turn(task& job) {
    job.next = nullptr;
    *ends_last_ = &job;
    ends_last_ = &job.next;
}

void loop::end_turn() {
    while (ends_ != nullptr) {
        task* job = ends_;
        ends_ = job->next;
        if (ends_ == nullptr) ends_last_ = &ends_;
        job->run(*job);
    }
}

// ---- descriptors ----

/// By levels: what was not read is told again, what nobody wants any more is told once and then disarmed.
void loop::want(watched& what, bool reads, bool writes) {
    what.reads = reads;
    what.writes = writes;
    const std::uint32_t events = (reads ? EPOLLIN : 0U) | (writes ? EPOLLOUT : 0U);
    // Room to write is there most of the time: that one is given up at once.
    if ((events & ~what.armed) != 0 || (!writes && (what.armed & EPOLLOUT) != 0)) arm(what, events);
}

void loop::arm(watched& what, std::uint32_t events) {
    if (events == what.armed) return;
    epoll_event event{};
    event.events = events;
    event.data.ptr = &what;
    // Nothing wanted is not in the set at all: a hang-up would be told for ever.
    const int change = events == 0 ? EPOLL_CTL_DEL : what.armed == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    const int outcome = ::epoll_ctl(epoll_, change, what.descriptor, &event);
    IMAGO_ASSERT(outcome == 0 || errno == ENOMEM || errno == ENOSPC);
    if (outcome == 0) what.armed = events;
}

void loop::remove(watched& what) {
    what.reads = what.writes = false;
    arm(what, 0);
    for (int i = events_next_; i < events_count_; ++i) {
        if (events_[i].data.ptr == &what) events_[i].data.ptr = nullptr;
    }
}

void loop::watch(int descriptor, task& readable) {
    auto& added = *watched_.emplace_back(std::make_unique<watched_task>());
    added.readable = &readable;
    added.place.context = &added;
    added.place.descriptor = descriptor;
    added.place.ready = [](watched& place, bool, bool) {
        task& job = *static_cast<watched_task*>(place.context)->readable;
        job.run(job);
    };
    want(added.place, true, false);
}

void loop::unwatch(int descriptor) {
    const auto it = std::find_if(watched_.begin(), watched_.end(),
                                 [&](const auto& each) { return each->place.descriptor == descriptor; });
    if (it == watched_.end()) return;
    remove((*it)->place);
    watched_.erase(it);
}

// ---- timers ----

void loop::put(std::size_t place, timer* timer) {
    timers_[place] = timer;
    timer->place = place;
}

void loop::sift_up(std::size_t place) {
    timer* moving = timers_[place];
    while (place > 0) {
        const std::size_t parent = (place - 1) / 2;
        if (timers_[parent]->deadline <= moving->deadline) break;
        put(place, timers_[parent]);
        place = parent;
    }
    put(place, moving);
}

void loop::sift_down(std::size_t place) {
    timer* moving = timers_[place];
    for (;;) {
        std::size_t child = 2 * place + 1;
        if (child >= timers_.size()) break;
        if (child + 1 < timers_.size() && timers_[child + 1]->deadline < timers_[child]->deadline) ++child;
        if (moving->deadline <= timers_[child]->deadline) break;
        put(place, timers_[child]);
        place = child;
    }
    put(place, moving);
}

void loop::start(timer& timer, clock::time_point deadline) {
    timer.deadline = deadline;
    if (!timer.pending()) {
        timers_.push_back(&timer);
        timer.place = timers_.size() - 1;
    }
    sift_up(timer.place);
    sift_down(timer.place);
}

void loop::stop(timer& timer) {
    if (!timer.pending()) return;
    const std::size_t place = timer.place;
    struct timer* last = timers_.back();
    timers_.pop_back();
    timer.place = timer::idle;
    if (last == &timer) return;
    put(place, last);
    sift_up(place);
    sift_down(last->place);
}

/// How long a turn may wait, in milliseconds and rounded up: -1 is for ever.
int loop::patience() const {
    if (timers_.empty()) return -1;
    const auto left = timers_.front()->deadline - clock::now();
    if (left <= left.zero()) return 0;
    return static_cast<int>(
        std::min<std::int64_t>(std::chrono::ceil<std::chrono::milliseconds>(left).count(), 3'600'000));
}

bool loop::timers_due() {
    if (timers_.empty() || timers_.front()->deadline > now_) return false;
    while (!timers_.empty() && timers_.front()->deadline <= now_) {
        timer& due = *timers_.front();
        stop(due);
        due.expired(due);
    }
    end_turn();
    return true;
}

}  // namespace imago::net
