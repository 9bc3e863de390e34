// Where the memory of tails and of sealed blocks comes from.
#pragma once

#include "consumequeue/queue_state.h"
#include "consumequeue/slab_pool.h"

namespace imago::consumequeue {

/// Any thread.
class index_memory {
public:
    [[nodiscard]] index_entry* take_tail(std::uint8_t size_class) {
        return static_cast<index_entry*>(pool(size_class).take());
    }
    /// Null is fine.
    void give_tail(index_entry* tail, std::uint8_t size_class) {
        if (tail != nullptr) pool(size_class).give(tail);
    }
    [[nodiscard]] sealed_block* take_block() { return new (blocks_.take()) sealed_block; }
    /// With its entries.
    void give_block(sealed_block* block) {
        give_tail(block->entries, block->size_class);
        blocks_.give(block);
    }
    [[nodiscard]] static std::size_t bytes_of(std::uint8_t size_class) {
        return tail_capacity[size_class] * entry_size;
    }
    /// Of tails and sealed blocks.
    [[nodiscard]] std::uint64_t used_bytes() const {
        std::uint64_t sum = blocks_.used_bytes();
        for (const slab_pool& tails : tails_) sum += tails.used_bytes();
        return sum;
    }

private:
    [[nodiscard]] slab_pool& pool(std::uint8_t size_class) { return tails_[size_class - 1U]; }

    std::array<slab_pool, 4> tails_{
        slab_pool(tail_capacity[1] * entry_size), slab_pool(tail_capacity[2] * entry_size),
        slab_pool(tail_capacity[3] * entry_size), slab_pool(tail_capacity[4] * entry_size)};
    slab_pool blocks_{sizeof(sealed_block)};
};

}  // namespace imago::consumequeue
