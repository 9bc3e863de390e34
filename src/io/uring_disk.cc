// The io_uring backend. What a ring is made of:
//
//   submit() -> submitted -> flush() -> waiting -> submission queue -> kernel -> completion queue -> reap():
//   done()
//
// At most `entries` requests are in the kernel; the others wait, and reap() moves them on as places come
// free. Nothing is allocated for a request. The kernel runs completions only when the owning thread asks
// (DEFER_TASKRUN), so nothing interrupts it elsewhere; TASKRUN_FLAG tells when asking is worth a call, and
// makes the registered eventfd useful.

#include "base/check.h"
#include "io/event_descriptor.h"
#include "io/native_disk.h"
#include "io/request_list.h"
#include "io/ring_owner.h"

#include <liburing.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <utility>

namespace imago::io {
namespace {

// From the best to what every kernel with io_uring knows: 6.1, 5.19, 5.10.
constexpr std::array<unsigned, 3> flag_sets = {
    IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
    IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
    0,
};

// The ring starts disabled: SINGLE_ISSUER binds it to the thread that enables it, which is the one that uses
// it first and need not be the one that made it.
int init_ring(io_uring& ring, unsigned entries) {
    int error = -EINVAL;
    for (const unsigned flags : flag_sets) {
        io_uring_params parameters{};
        parameters.flags = flags | IORING_SETUP_R_DISABLED;
        error = io_uring_queue_init_params(entries, &ring, &parameters);
        if (error != -EINVAL) break;
    }
    return error;
}

// Binds the ring to the calling thread. liburing 2.3 declares io_uring_enable_rings() but its shared library
// does not export it.
int enable_ring(const io_uring& ring) {
    return static_cast<int>(
        ::syscall(__NR_io_uring_register, ring.ring_fd, IORING_REGISTER_ENABLE_RINGS, nullptr, 0));
}

class uring_ring final : public ring {
public:
    ~uring_ring() override {
        if (!open_) return;
        // The kernel may still read and write the requests' memory and ours, so it has to end first.
        if (wake_armed_) wake_.signal();
        while (in_kernel_ > 0 || wake_armed_) {
            const int error = io_uring_submit_and_wait(&ring_, 1);
            if (error < 0 && error != -EINTR && error != -EAGAIN) break;  // not our thread: see the contract
            drop_completions();
        }
        io_uring_queue_exit(&ring_);
    }

    result<> open(unsigned entries) {
        IMAGO_CHECK(wake_.open(true));
        // One place more than `entries`, for the read that waits for wake().
        entries_ = std::clamp(entries, 1U, 16384U);
        if (const int error = init_ring(ring_, entries_ + 1); error < 0)
            return fail(system_error_code(-error));
        open_ = true;
        return {};
    }

    void submit(request& request) override {
        bind();
        IMAGO_ASSERT(request.done != nullptr);
        request.error = {};
        request.transferred = 0;
        submitted_.push(request);
        ++in_flight_;
    }

    void flush() override {
        bind();
        waiting_.take(submitted_);
        start_waiting();
        enter();
    }

    std::size_t reap() override {
        bind();
        // Before looking: what completes after this makes it readable again.
        if (event_.is_open()) event_.clear();
        return collect();
    }

    std::size_t wait(std::chrono::nanoseconds timeout) override {
        bind();
        waiting_.take(submitted_);
        if (!wake_armed_) arm_wake();
        start_waiting();
        using clock = std::chrono::steady_clock;
        const auto deadline = clock::now() + std::max(timeout, timeout.zero());
        for (;;) {
            // A completion may be a part of a short write, or an end of something before: then wait on.
            if (completed_.empty() && io_uring_cq_ready(&ring_) == 0) {
                if (timeout < timeout.zero()) {
                    block();
                } else {
                    block(std::max(timeout.zero(), std::chrono::nanoseconds(deadline - clock::now())));
                }
            } else {
                enter();
            }
            if (event_.is_open()) event_.clear();
            const std::size_t count = collect();
            const bool woke_up = std::exchange(woke_up_, false);
            if (count > 0 || woke_up) return count;
            if (timeout >= timeout.zero() && clock::now() >= deadline) return 0;
        }
    }

    void wake() override {
        if (!woken_.exchange(true, std::memory_order_acq_rel)) wake_.signal();
    }

    int event_descriptor() const override {
        if (!event_.is_open()) {
            IMAGO_ASSERT(event_.open(false).has_value());
            const int error = io_uring_register_eventfd(&ring_, event_.get());
            IMAGO_ASSERT(error == 0 &&
                         "ask for the event descriptor before the first use or on the ring's thread");
            if (owner_.bound())
                event_.signal();  // for whatever completed before; a hint too many does no harm
        }
        return event_.get();
    }

    std::size_t in_flight() const override { return in_flight_; }

private:
    void bind() {
        if (owner_.check()) {
            const int error = enable_ring(ring_);
            IMAGO_ASSERT(error == 0);
        }
    }

    // ---- Down: from the lists into the kernel
    // --------------------------------------------------------------------

    void start_waiting() {
        bool completed = false;
        while (!waiting_.empty() && in_kernel_ < entries_) {
            request& request = waiting_.pop();
            if (request.target == nullptr) {
                request.error = system_error_code(EBADF);
                completed_.push(request);
                completed = true;
                continue;
            }
            ++in_kernel_;
            prepare(request, false);
        }
        if (completed && event_.is_open()) event_.signal();
    }

    // The queue has a place for each of the `entries_` requests in the kernel and one for the wake.
    io_uring_sqe& next_entry() {
        io_uring_sqe* entry = io_uring_get_sqe(&ring_);
        IMAGO_ASSERT(entry != nullptr);
        return *entry;
    }

    void prepare(request& request, bool from_worker) {
        io_uring_sqe& entry = next_entry();
        const int descriptor = descriptor_of(*request.target);
        std::byte* const data = request.data + request.transferred;
        const auto size = static_cast<unsigned>(std::min(request.size - request.transferred, transfer_max));
        const std::uint64_t offset = request.offset + request.transferred;
        switch (request.what) {
            case request::kind::read:
                io_uring_prep_read(&entry, descriptor, data, size, offset);
                break;
            case request::kind::write:
                io_uring_prep_write(&entry, descriptor, data, size, offset);
                if (request.durable) entry.rw_flags = RWF_DSYNC;
                break;
            case request::kind::sync_data:
                io_uring_prep_fsync(&entry, descriptor, IORING_FSYNC_DATASYNC);
                break;
        }
        if (from_worker) entry.flags |= IOSQE_ASYNC;
        io_uring_sqe_set_data(&entry, &request);
    }

    void arm_wake() {
        io_uring_sqe& entry = next_entry();
        io_uring_prep_read(&entry, wake_.get(), &wake_count_, sizeof wake_count_, 0);
        io_uring_sqe_set_data(&entry, this);
        wake_armed_ = true;
    }

    // Hands the entries to the kernel without waiting.
    void enter() {
        while (io_uring_sq_ready(&ring_) > 0) {
            const int error = io_uring_submit(&ring_);
            if (error >= 0 || error == -EINTR) continue;
            if (error == -EAGAIN || error == -EBUSY) {
                // The kernel is short of memory. The entries stay in the queue; the next call takes them
                // along, and an event loop gets a reason to make one.
                if (event_.is_open()) event_.signal();
                return;
            }
            fatal(error);
        }
    }

    // One call that submits and waits for a completion. May come back without one.
    void block() {
        const int error = io_uring_submit_and_wait(&ring_, 1);
        if (error < 0 && error != -EINTR && error != -EAGAIN && error != -EBUSY) fatal(error);
    }
    void block(std::chrono::nanoseconds time) {
        enter();  // on its own: one call that submits and then times out would wait twice
        const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time);
        __kernel_timespec limit{seconds.count(), (time - seconds).count()};
        io_uring_cqe* unused = nullptr;
        const int error = io_uring_wait_cqes(&ring_, &unused, 1, &limit, nullptr);
        if (error < 0 && error != -ETIME && error != -EINTR && error != -EAGAIN && error != -EBUSY)
            fatal(error);
    }

    [[noreturn]] static void fatal(int error) {
        // Only a broken promise gets here (a second thread, a closed ring): the I/O in the kernel is out of
        // reach.
        errno = -error;
        IMAGO_ASSERT(!"io_uring_enter refused the ring");
        __builtin_unreachable();
    }

    // ---- Up: from the completion queue to done()
    // -----------------------------------------------------------------

    std::size_t collect() {
        if ((IO_URING_READ_ONCE(*ring_.sq.kflags) & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0)
            (void)io_uring_get_events(&ring_);
        unsigned head = 0;
        unsigned seen = 0;
        io_uring_cqe* entry = nullptr;
        io_uring_for_each_cqe(&ring_, head, entry) {
            ++seen;
            complete(*entry);
        }
        io_uring_cq_advance(&ring_, seen);
        start_waiting();
        enter();
        // Only what is there now: a done() that submits again must not keep us here for ever.
        request_list completed;
        completed.take(completed_);
        std::size_t count = 0;
        for (; !completed.empty(); ++count) {
            request& request = completed.pop();
            --in_flight_;
            request.done(request);
        }
        return count;
    }

    void complete(const io_uring_cqe& entry) {
        if (entry.user_data == reinterpret_cast<std::uintptr_t>(this)) {
            wake_armed_ = false;  // the next wait() arms it again
            // After the read, so that a wake() that still finds the flag set happened before this wait()
            // ends.
            if (woken_.exchange(false, std::memory_order_acq_rel)) woke_up_ = true;
            return;
        }
        if (entry.user_data == LIBURING_UDATA_TIMEOUT) return;  // kernels before 5.11 time out by an entry
        auto& request = *reinterpret_cast<io::request*>(entry.user_data);
        if (carry_on(request, entry.res)) return;
        --in_kernel_;
        completed_.push(request);
    }

    // Takes a result of the kernel into the request; true if the rest was queued again.
    bool carry_on(request& request, int outcome) {
        if (outcome == -EAGAIN || outcome == -EINTR) {
            prepare(request, true);  // a worker may block, so it does not come back with this for ever
            return true;
        }
        if (outcome < 0) {
            request.error = system_error_code(-outcome);
            return false;
        }
        if (request.what == request::kind::sync_data) return false;
        request.transferred += static_cast<std::size_t>(outcome);
        if (request.transferred >= request.size) return false;
        if (outcome == 0) {  // a read: the end of the file
            if (request.what == request::kind::write) request.error = system_error_code(EIO);
            return false;
        }
        // A direct read that ends inside a block has reached the end; asking on from there would not be
        // aligned.
        const file& target = *request.target;
        if (request.what == request::kind::read && target.direct() &&
            request.transferred % target.block_size() != 0)
            return false;
        prepare(request, false);
        return true;
    }

    void drop_completions() {
        unsigned head = 0;
        unsigned seen = 0;
        io_uring_cqe* entry = nullptr;
        io_uring_for_each_cqe(&ring_, head, entry) {
            ++seen;
            if (entry->user_data == reinterpret_cast<std::uintptr_t>(this)) {
                wake_armed_ = false;
            } else if (entry->user_data != LIBURING_UDATA_TIMEOUT) {
                --in_kernel_;
            }
        }
        io_uring_cq_advance(&ring_, seen);
    }

    mutable io_uring ring_{};
    bool open_ = false;
    unsigned entries_ = 0;
    ring_owner owner_;
    request_list submitted_;  // since the last flush()
    request_list waiting_;    // for a place in the kernel
    request_list completed_;  // for their done()
    std::size_t in_flight_ = 0;
    unsigned in_kernel_ = 0;
    io::event_descriptor wake_;  // read inside the ring, so that one call waits for everything
    std::uint64_t wake_count_ = 0;
    bool wake_armed_ = false;
    bool woke_up_ = false;
    std::atomic<bool> woken_{false};
    mutable io::event_descriptor event_;  // registered only for those who ask
};

class uring_disk final : public native_disk {
public:
    backend kind() const override { return backend::uring; }
    result<std::unique_ptr<ring>> make_ring(ring_options options) override {
        auto made = std::make_unique<uring_ring>();
        IMAGO_CHECK(made->open(options.entries));
        return made;
    }
};

}  // namespace

result<std::unique_ptr<disk>> make_uring_disk() {
    auto made = std::make_unique<uring_disk>();
    // A container profile refuses the call, an old kernel does not know it: find out here, not in the first
    // commit.
    IMAGO_TRY(auto trial, made->make_ring({.entries = 1}));
    return made;
}

}  // namespace imago::io
