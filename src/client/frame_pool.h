// Memory of received frames, used again: answers of many megabytes would else be fresh pages each time.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "base/bytes.h"

namespace imago::client {

/// The bytes of one received frame. Goes back to its pool with its last owner.
class frame {
public:
    [[nodiscard]] byte_view bytes() const { return {memory_.get(), size_}; }
    [[nodiscard]] byte_span writable() { return {memory_.get(), size_}; }

private:
    friend class frame_pool;
    std::unique_ptr<std::byte[]> memory_;
    std::size_t capacity_ = 0;
    std::size_t size_ = 0;
};
using frame_handle = std::shared_ptr<frame>;

/// Keeps a few frames for reuse. Any thread may let go of a frame; get() belongs to one.
class frame_pool : public std::enable_shared_from_this<frame_pool> {
public:
    [[nodiscard]] frame_handle get(std::size_t size);

private:
    static constexpr std::size_t spare_max = 4;
    void put(std::unique_ptr<frame> used);

    std::mutex mutex_;
    std::vector<std::unique_ptr<frame>> spare_;
};

}  // namespace imago::client
