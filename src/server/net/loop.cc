#include "server/net/loop.h"

#include "base/check.h"

#include <asio/post.hpp>

#include <algorithm>

namespace imago::net {

namespace {
/// Gives Asio the same piece of memory for each handler: only for a handler of which there is never more than
/// one.
template <class T>
struct one_place {
    using value_type = T;
    std::byte* memory;
    std::size_t size;

    one_place(std::byte* at, std::size_t bytes) : memory(at), size(bytes) {}
    template <class U>
    one_place(const one_place<U>& other) : memory(other.memory), size(other.size) {}
    T* allocate(std::size_t count) {
        IMAGO_ASSERT(count * sizeof(T) <= size);
        return reinterpret_cast<T*>(memory);
    }
    void deallocate(T*, std::size_t) {}
    template <class U>
    bool operator==(const one_place<U>& other) const {
        return memory == other.memory;
    }
};
}  // namespace

struct loop::mail_handler {
    loop* self;
    using allocator_type = one_place<char>;
    [[nodiscard]] allocator_type get_allocator() const {
        return {self->mail_memory_, sizeof self->mail_memory_};
    }
    void operator()() const { self->read_mail(); }
};

struct loop::watched {
    watched(asio::io_context& context, int descriptor, task& job)
        : file(context, descriptor), readable(&job) {}
    void wait(loop& self) {
        file.async_wait(asio::posix::stream_descriptor::wait_read, [this, &self](std::error_code error) {
            if (error) return;
            readable->run(*readable);
            wait(self);
            self.end_turn();
        });
    }
    asio::posix::stream_descriptor file;
    task* readable;
};

loop::loop() : clock_(context_) {}

loop::~loop() {
    for (const auto& each : watched_) each->file.release();
    // Handlers that never ran must go before what they refer to.
    context_.stop();
}

void loop::post(task& job) {
    task* head = mail_.load(std::memory_order_relaxed);
    do {
        job.next = head;
    } while (!mail_.compare_exchange_weak(head, &job, std::memory_order_acq_rel, std::memory_order_relaxed));
    // Only the first letter in an empty box rings: read_mail() takes all. Asio frees the handler's memory
    // before it calls it, so the one place is free again by then.
    if (head == nullptr) asio::post(context_, mail_handler{this});
}

void loop::read_mail() {
    // Also a release: who finds the box empty next may use the handler's memory again.
    task* newest = mail_.exchange(nullptr, std::memory_order_acq_rel);
    task* oldest = nullptr;
    while (newest != nullptr) {
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

void loop::watch(int descriptor, task& readable) {
    watched_.push_back(std::make_unique<watched>(context_, descriptor, readable));
    watched_.back()->wait(*this);
}

void loop::unwatch(int descriptor) {
    const auto it = std::find_if(watched_.begin(), watched_.end(),
                                 [&](const auto& each) { return each->file.native_handle() == descriptor; });
    if (it == watched_.end()) return;
    (*it)->file.release();  // ends the wait with an error; the descriptor stays open
    // The handler that is still to come only looks at its error.
    watched_.erase(it);
}

void loop::run() {
    auto work = asio::make_work_guard(context_);
    context_.run();
}

void loop::stop_running() { context_.stop(); }

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
    if (deadline < armed_) arm_clock();
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
    // The clock stays armed: it finds nothing due and looks for the next deadline. Cheaper than moving it
    // each time.
}

void loop::arm_clock() {
    if (timers_.empty()) {
        armed_ = clock::time_point::max();
        return;
    }
    armed_ = timers_.front()->deadline;
    clock_.expires_at(armed_);
    clock_.async_wait([this](std::error_code error) {
        if (!error) timers_due();
    });
}

void loop::timers_due() {
    const auto now = clock::now();
    while (!timers_.empty() && timers_.front()->deadline <= now) {
        timer& due = *timers_.front();
        stop(due);
        due.expired(due);
    }
    arm_clock();
    end_turn();
}

}  // namespace imago::net
