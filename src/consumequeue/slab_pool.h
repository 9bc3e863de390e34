// Fixed-size slots with a free list: memory for tails and for what describes sealed blocks.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace imago::consumequeue {

/// Any thread. Slots are aligned to 8 bytes and hold whatever was in them; freed slots are used again, first
/// of all.
class slab_pool {
public:
    explicit slab_pool(std::size_t slot_bytes) : slot_bytes_(slot_bytes) {}
    slab_pool(const slab_pool&) = delete;
    slab_pool& operator=(const slab_pool&) = delete;

    [[nodiscard]] std::size_t slot_bytes() const { return slot_bytes_; }
    /// Bytes of the slots that are taken.
    [[nodiscard]] std::uint64_t used_bytes() const {
        return used_.load(std::memory_order_relaxed) * slot_bytes_;
    }

    [[nodiscard]] void* take() {
        const std::lock_guard hold(mutex_);
        used_.fetch_add(1, std::memory_order_relaxed);
        if (free_ != nullptr) {
            slot* taken = free_;
            free_ = taken->next;
            return taken;
        }
        if (fresh_ == 0) {
            fresh_ = slab_bytes / slot_bytes_;
            slabs_.emplace_back(new std::byte[fresh_ * slot_bytes_]);
            next_ = slabs_.back().get();
        }
        --fresh_;
        std::byte* taken = next_;
        next_ += slot_bytes_;
        return taken;
    }

    void give(void* bytes) {
        const std::lock_guard hold(mutex_);
        used_.fetch_sub(1, std::memory_order_relaxed);
        free_ = new (bytes) slot{free_};
    }

private:
    static constexpr std::size_t slab_bytes = 256 << 10;
    struct slot {
        slot* next;
    };

    const std::size_t slot_bytes_;
    std::mutex mutex_;
    std::vector<std::unique_ptr<std::byte[]>> slabs_;
    slot* free_ = nullptr;
    std::byte* next_ = nullptr;
    std::size_t fresh_ = 0;
    std::atomic<std::uint64_t> used_{0};
};

}  // namespace imago::consumequeue
