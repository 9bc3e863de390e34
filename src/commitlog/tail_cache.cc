#include "commitlog/tail_cache.h"

#include <algorithm>

namespace imago::commitlog {

/// Slab memory waiting for its next use: fresh pages cost more than the copy into them.
struct tail_cache::pool {
    std::mutex mutex;
    std::vector<aligned_bytes> free;
    static constexpr std::size_t free_max = 8;
};

tail_cache::tail_cache(std::size_t bytes_max, std::size_t slab_bytes)
    : bytes_max_(bytes_max), slab_bytes_(slab_bytes), pool_(std::make_shared<pool>()) {}

tail_cache::~tail_cache() = default;

std::shared_ptr<slab> tail_cache::begin(log_position base, std::size_t capacity_min) {
    std::vector<std::shared_ptr<slab>> evicted;  // let go outside the lock
    auto fresh = std::make_unique<slab>();
    fresh->base = base;
    fresh->capacity = std::max<std::size_t>(slab_bytes_, round_up(capacity_min, 4096));
    {
        const std::lock_guard lock(mutex_);
        while (slabs_.size() > 1 && bytes_ + fresh->capacity > bytes_max_) {
            bytes_ -= slabs_.front()->capacity;
            evicted.push_back(std::move(slabs_.front()));
            slabs_.pop_front();
        }
    }
    evicted.clear();
    if (fresh->capacity == slab_bytes_) {
        const std::lock_guard lock(pool_->mutex);
        if (!pool_->free.empty()) {
            fresh->bytes = std::move(pool_->free.back());
            pool_->free.pop_back();
        }
    }
    if (!fresh->bytes) fresh->bytes = make_aligned_bytes(fresh->capacity);

    std::shared_ptr<slab> shared(fresh.release(), [pool = pool_, standard = slab_bytes_](slab* dead) {
        if (dead->capacity == standard) {
            const std::lock_guard lock(pool->mutex);
            if (pool->free.size() < pool::free_max) pool->free.push_back(std::move(dead->bytes));
        }
        delete dead;
    });
    const std::lock_guard lock(mutex_);
    slabs_.push_back(shared);
    bytes_ += shared->capacity;
    return shared;
}

const std::shared_ptr<slab>* tail_cache::lookup::find(log_position position) const {
    const auto& slabs = cache_.slabs_;
    auto above = std::upper_bound(slabs.begin(), slabs.end(), position,
                                  [](log_position p, const std::shared_ptr<slab>& s) { return p < s->base; });
    if (above == slabs.begin()) return nullptr;
    const std::shared_ptr<slab>& found = *std::prev(above);
    return position - found->base < found->capacity ? &found : nullptr;
}

std::size_t tail_cache::bytes() const {
    const std::lock_guard lock(mutex_);
    return bytes_;
}

}  // namespace imago::commitlog
