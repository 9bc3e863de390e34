#include "server/net/receive_buffer.h"

#include "base/check.h"

#include <algorithm>
#include <bit>

namespace imago::net {

namespace {
/// In steps of a quarter of the power of two below, so that requests of about one size share their buffers.
std::size_t capacity_for(std::size_t size) {
    const std::size_t step = std::max<std::size_t>(std::bit_floor(size) / 4, 1024);
    return (size + step - 1) / step * step;
}
}  // namespace

buffer_pool::buffer_pool(event_loop& loop) : loop_(loop) {
    trim_.expired = [](timer& timer) { static_cast<buffer_pool*>(timer.context)->trim(); };
    trim_.context = this;
}

buffer_pool::~buffer_pool() {
    loop_.stop(trim_);
    for (receive_buffer* buffer : free_) delete buffer;
}

receive_buffer* buffer_pool::take(std::size_t size) {
    const std::size_t capacity = capacity_for(size);
    // The one that came last first: its memory is the warmest.
    const auto found = std::find_if(free_.rbegin(), free_.rend(), [&](const receive_buffer* each) {
        return each->capacity_ >= capacity && each->capacity_ <= 2 * capacity;
    });
    if (found != free_.rend()) {
        receive_buffer* buffer = *found;
        free_.erase(std::next(found).base());
        free_bytes_ -= buffer->capacity_;
        unused_bytes_ = std::min(unused_bytes_, free_bytes_);
        buffer->holders_ = 1;
        return buffer;
    }
    auto buffer = std::make_unique<receive_buffer>();
    buffer->bytes_ = std::make_unique_for_overwrite<std::byte[]>(capacity);
    buffer->capacity_ = capacity;
    buffer->holders_ = 1;
    return buffer.release();
}

void buffer_pool::release(receive_buffer* buffer) {
    IMAGO_ASSERT(buffer->holders_ > 0);
    if (--buffer->holders_ > 0) return;
    if (free_bytes_ + buffer->capacity_ > kept_bytes_max) {
        delete buffer;
        return;
    }
    free_bytes_ += buffer->capacity_;
    free_.push_back(buffer);
    if (!trim_.pending()) begin_period();
}

void buffer_pool::begin_period() {
    unused_bytes_ = free_bytes_;
    if (free_bytes_ > kept_when_idle) loop_.start(trim_, std::chrono::steady_clock::now() + trim_period);
}

/// Gives back what was not needed since the last time, those first that lie longest.
void buffer_pool::trim() {
    auto kept = free_.begin();
    for (; kept != free_.end() && free_bytes_ > kept_when_idle && (*kept)->capacity_ <= unused_bytes_; ++kept) {
        unused_bytes_ -= (*kept)->capacity_;
        free_bytes_ -= (*kept)->capacity_;
        delete *kept;
    }
    free_.erase(free_.begin(), kept);
    begin_period();
}

}  // namespace imago::net
