// The posix backend: plain system calls, for machines that forbid io_uring. flush() does the I/O on the
// ring's thread, reap() and wait() deliver what it did.

#include "base/check.h"
#include "io/event_descriptor.h"
#include "io/native_disk.h"
#include "io/request_list.h"
#include "io/ring_owner.h"

#include <poll.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>

namespace imago::io {
namespace {

void execute(request& request) {
    if (request.target == nullptr) {
        request.error = system_error_code(EBADF);
        return;
    }
    const file& target = *request.target;
    const int descriptor = descriptor_of(target);
    if (request.what == request::kind::sync_data) {
        while (::fdatasync(descriptor) != 0) {
            if (errno == EINTR) continue;
            request.error = system_error_code(errno);
            return;
        }
        return;
    }
    while (request.transferred < request.size) {
        const iovec bytes{request.data + request.transferred,
                          std::min(request.size - request.transferred, transfer_max)};
        const std::uint64_t offset = request.offset + request.transferred;
        const bool write = request.what == request::kind::write;
        const ssize_t count =
            write ? write_some(descriptor, bytes, offset, request.durable)
                  : ::pread(descriptor, bytes.iov_base, bytes.iov_len, static_cast<off_t>(offset));
        if (count < 0 && errno == EINTR) continue;
        if (count < 0 || (count == 0 && write)) {
            request.error = system_error_code(count < 0 ? errno : EIO);
            return;
        }
        request.transferred += static_cast<std::size_t>(count);
        // The end of the file. A direct read that ends inside a block is there, too; going on would not be
        // aligned.
        if (count == 0 || (!write && target.direct() && request.transferred % target.block_size() != 0))
            return;
    }
}

class posix_ring final : public ring {
public:
    result<> open() {
        IMAGO_CHECK(wake_.open(false));
        return {};
    }

    void submit(request& request) override {
        owner_.check();
        IMAGO_ASSERT(request.done != nullptr);
        request.error = {};
        request.transferred = 0;
        submitted_.push(request);
        ++in_flight_;
    }

    void flush() override {
        owner_.check();
        if (submitted_.empty()) return;
        while (!submitted_.empty()) {
            request& request = submitted_.pop();
            execute(request);
            completed_.push(request);
        }
        if (event_.is_open()) event_.signal();
    }

    std::size_t reap() override {
        owner_.check();
        if (event_.is_open()) event_.clear();
        // Only what is there now: a done() that submits and flushes again must not keep us here for ever.
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

    std::size_t wait(std::chrono::nanoseconds timeout) override {
        flush();
        // Nothing else completes while we sleep: only wake() and the time can end it.
        if (completed_.empty() || woken_.load(std::memory_order_acquire))
            sleep(completed_.empty() ? timeout : timeout.zero());
        return reap();
    }

    void wake() override {
        if (!woken_.exchange(true, std::memory_order_acq_rel)) wake_.signal();
    }

    int event_descriptor() const override {
        if (!event_.is_open()) {
            IMAGO_ASSERT(event_.open(false).has_value());
            if (!completed_.empty()) event_.signal();
        }
        return event_.get();
    }

    std::size_t in_flight() const override { return in_flight_; }

private:
    void sleep(std::chrono::nanoseconds timeout) {
        using clock = std::chrono::steady_clock;
        const auto deadline = clock::now() + std::max(timeout, timeout.zero());
        pollfd descriptor{wake_.get(), POLLIN, 0};
        for (;;) {
            const auto left = std::max(timeout.zero(), std::chrono::nanoseconds(deadline - clock::now()));
            const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
            const timespec time{static_cast<time_t>(seconds.count()),
                                static_cast<long>((left - seconds).count())};
            const int ready = ::ppoll(&descriptor, 1, timeout < timeout.zero() ? nullptr : &time, nullptr);
            if (ready < 0 && errno == EINTR) continue;
            IMAGO_ASSERT(ready >= 0);
            if (ready == 0) return;
            // Unreadable first, then the flag: a wake() in between finds the flag set and we return anyway.
            wake_.clear();
            woken_.exchange(false, std::memory_order_acq_rel);
            return;
        }
    }

    ring_owner owner_;
    request_list submitted_;
    request_list completed_;
    std::size_t in_flight_ = 0;
    io::event_descriptor wake_;
    std::atomic<bool> woken_{false};
    mutable io::event_descriptor event_;  // only for those who ask: it costs two system calls a flush
};

class posix_disk final : public native_disk {
public:
    backend kind() const override { return backend::posix; }
    result<std::unique_ptr<ring>> make_ring(ring_options) override {
        auto made = std::make_unique<posix_ring>();
        IMAGO_CHECK(made->open());
        return made;
    }
};

}  // namespace

std::unique_ptr<disk> make_posix_disk() { return std::make_unique<posix_disk>(); }

}  // namespace imago::io
