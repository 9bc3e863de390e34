#include "io/sim_ring.h"

#include "base/check.h"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace imago::io {

sim_ring::sim_ring(sim_disk& disk, unsigned entries) : disk_(&disk), entries_(std::max(entries, 1U)) {
    disk.rings_.push_back(this);
}

sim_ring::~sim_ring() {
    if (disk_ == nullptr) return;
    while (!started_.empty()) (void)complete_one();  // as the kernel would
    std::erase(disk_->rings_, this);
}

void sim_ring::submit(request& request) {
    owner_.check();
    IMAGO_ASSERT(request.done != nullptr);
    request.error = {};
    request.transferred = 0;
    submitted_.push(request);
    ++in_flight_;
}

void sim_ring::flush() {
    owner_.check();
    while (!submitted_.empty()) {
        request& request = submitted_.pop();
        const auto* const target = static_cast<const sim_file*>(request.target);
        if (disk_ == nullptr || target == nullptr) {
            request.error = system_error_code(EBADF);
        } else if (disk_->off_) {
            request.error = system_error_code(EIO);
        } else {
            started_.push_back({&request, target->content->sequence()});
            continue;
        }
        completed_.push(request);
    }
    if (event_.is_open() && in_flight_ > 0) event_.signal();
}

std::size_t sim_ring::reap() {
    owner_.check();
    if (event_.is_open()) event_.clear();
    if (disk_ != nullptr) {
        std::size_t turns = started_.size();
        if (disk_->options_.shuffle) turns = disk_->random_.below(turns + 1);
        for (; turns > 0 && !started_.empty(); --turns) (void)complete_one();
    }
    return deliver();
}

std::size_t sim_ring::wait(std::chrono::nanoseconds timeout) {
    flush();
    const bool woken = std::exchange(woken_, false);
    if (completed_.empty() && started_.empty()) {
        IMAGO_ASSERT((woken || timeout >= timeout.zero()) && "nothing can end this wait");
        return 0;
    }
    if (!woken)
        while (completed_.empty()) (void)complete_one();
    return reap();
}

void sim_ring::wake() { woken_ = true; }

int sim_ring::event_descriptor() const {
    if (!event_.is_open()) {
        IMAGO_ASSERT(event_.open(false).has_value());
        if (!started_.empty() || !completed_.empty()) event_.signal();
    }
    return event_.get();
}

void sim_ring::power_off() {
    for (std::size_t i = 0; i < started_.size(); ++i) {
        request& request = *started_[i].request;
        const auto& target = static_cast<const sim_file&>(*request.target);
        const std::uint64_t offset = request.offset + request.transferred;
        const std::size_t size = request.size - request.transferred;
        // Those beyond the ring's entries had not reached the device, nor what it would have refused.
        if (i < entries_ && request.what == request::kind::write &&
            disk_->check(target, true, offset, size, request.data))
            disk_->torn_.push_back(
                {target.content, offset, {request.data + request.transferred, request.data + request.size}});
        request.error = system_error_code(EIO);
        completed_.push(request);
    }
    started_.clear();
}

void sim_ring::kill() {
    disk_ = nullptr;
    started_.clear();
    submitted_ = {};
    completed_ = {};
    in_flight_ = 0;
}

bool sim_ring::complete_one() {
    const std::size_t window = std::min(started_.size(), entries_);
    const std::size_t index = disk_->options_.shuffle ? disk_->random_.below(window) : 0;
    const started entry = started_[index];
    if (!perform(entry)) return false;
    started_.erase(started_.begin() + static_cast<std::ptrdiff_t>(index));
    completed_.push(*entry.request);
    return true;
}

// True when the request is done; false when a part of it is left, or the power went and with it all that was
// started.
bool sim_ring::perform(const started& entry) {
    request& request = *entry.request;
    const auto& target = static_cast<const sim_file&>(*request.target);
    result<> outcome;
    if (request.what == request::kind::read) {
        const auto count = disk_->do_read(target, request.offset, {request.data, request.size});
        if (count) request.transferred = *count;
        if (!count) outcome = fail(count.error());
    } else {
        if (!disk_->step()) return false;
        if (request.what == request::kind::sync_data) {
            outcome = disk_->do_sync(target, entry.up_to);
        } else {
            std::size_t size = request.size - request.transferred;
            const std::size_t blocks = size / target.block_size();
            const bool in_parts = blocks > 1 && disk_->random_.chance(disk_->options_.short_write);
            if (in_parts) size = (1 + disk_->random_.below(blocks - 1)) * target.block_size();
            outcome = disk_->do_write(target, request.offset + request.transferred,
                                      {request.data + request.transferred, size}, request.durable);
            if (outcome) request.transferred += size;
            if (outcome && in_parts) return request.transferred == request.size;
        }
    }
    if (!outcome) request.error = outcome.error();
    return true;
}

std::size_t sim_ring::deliver() {
    request_list completed;
    completed.take(completed_);
    std::size_t count = 0;
    for (; !completed.empty(); ++count) {
        request& request = completed.pop();
        --in_flight_;
        request.done(request);
    }
    if (event_.is_open() && (!started_.empty() || !completed_.empty())) event_.signal();
    return count;
}

}  // namespace imago::io
