#include "client/frame_pool.h"

#include <algorithm>

namespace imago::client {

frame_handle frame_pool::get(std::size_t size) {
    std::unique_ptr<frame> free;
    {
        const std::lock_guard lock(mutex_);
        const auto fits = std::find_if(spare_.begin(), spare_.end(), [&](const auto& f) {
            return f->capacity_ >= size && f->capacity_ / 4 <= size + 4096;
        });
        if (fits != spare_.end()) {
            free = std::move(*fits);
            spare_.erase(fits);
        }
    }
    if (!free) {
        free = std::make_unique<frame>();
        free->capacity_ = std::max<std::size_t>(size + size / 8, 256);
        free->memory_.reset(new std::byte[free->capacity_]);
    }
    free->size_ = size;
    return {free.release(), [pool = weak_from_this()](frame* used) {
                std::unique_ptr<frame> owned(used);
                if (const auto home = pool.lock()) home->put(std::move(owned));
            }};
}

void frame_pool::put(std::unique_ptr<frame> used) {
    const std::lock_guard lock(mutex_);
    if (spare_.size() == spare_max) spare_.erase(spare_.begin());
    spare_.push_back(std::move(used));
}

}  // namespace imago::client
