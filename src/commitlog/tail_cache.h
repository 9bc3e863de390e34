// The newest part of the log in memory: the very slabs that were written. A live consumer never touches the disk.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"

namespace imago::commitlog {

/// Memory for one contiguous range of the log. Filled by the log thread from the front; bytes at positions that the
/// index has published never change, so that readers may use them without a lock while the rest is being filled.
struct slab {
    log_position base;
    std::size_t capacity = 0;
    aligned_bytes bytes;

    [[nodiscard]] std::byte* at(log_position position) const { return bytes.get() + (position - base); }
};

/// Threads: begin() by the log thread, find() by any. Memory of slabs goes back to a small pool when the last reader
/// lets go; slow readers can hold slabs above the limit, bounded by what their connections may have in flight.
class tail_cache {
public:
    /// Keeps slabs of `slab_bytes` up to a sum of `bytes_max`, at least two.
    tail_cache(std::size_t bytes_max, std::size_t slab_bytes);
    ~tail_cache();

    /// A new empty slab that starts at `base`, with room for at least `capacity_min`. The oldest slabs leave the cache.
    [[nodiscard]] std::shared_ptr<slab> begin(log_position base, std::size_t capacity_min);

    /// Finds slabs under one lock for a run of positions.
    class lookup {
    public:
        explicit lookup(const tail_cache& cache) : cache_(cache), lock_(cache.mutex_) {}
        /// The slab that holds `position`, or null: it left memory (or never was there, after a restart).
        [[nodiscard]] const std::shared_ptr<slab>* find(log_position position) const;

    private:
        const tail_cache& cache_;
        std::lock_guard<std::mutex> lock_;
    };

    [[nodiscard]] std::size_t bytes() const;

private:
    struct pool;
    mutable std::mutex mutex_;
    std::deque<std::shared_ptr<slab>> slabs_;  ///< ascending by base
    std::size_t bytes_ = 0;
    const std::size_t bytes_max_;
    const std::size_t slab_bytes_;
    std::shared_ptr<pool> pool_;
};

}  // namespace imago::commitlog
