#include "server/net/receive_buffer.h"

#include "base/check.h"

#include <bit>

namespace imago::net {

buffer_pool::~buffer_pool() {
    for (receive_buffer* buffer : free_) delete buffer;
}

receive_buffer* buffer_pool::take(std::size_t size) {
    const std::size_t capacity = size <= class_bytes_max ? std::bit_ceil(size) : size;
    for (std::size_t i = free_.size(); i-- > 0;) {
        receive_buffer* buffer = free_[i];
        if (buffer->capacity_ != capacity) continue;
        free_[i] = free_.back();
        free_.pop_back();
        free_bytes_ -= capacity;
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
    if (buffer->capacity_ > class_bytes_max || free_bytes_ + buffer->capacity_ > kept_bytes_max) {
        delete buffer;
        return;
    }
    free_bytes_ += buffer->capacity_;
    free_.push_back(buffer);
}

}  // namespace imago::net
