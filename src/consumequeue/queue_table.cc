#include "base/check.h"
#include "consumequeue/queue_state.h"

namespace imago::consumequeue {

queue_table::~queue_table() {
    for (auto& slot : root_) {
        branch* b = slot.load();
        if (b == nullptr) continue;
        for (auto& c : b->chunks) delete c.load();
        delete b;
    }
}

queue_state& queue_table::add(queue_id id) {
    auto& slot = root_[id.value >> 20];
    branch* b = slot.load(std::memory_order_relaxed);
    if (b == nullptr) slot.store(b = new branch, std::memory_order_release);
    auto& place = b->chunks[(id.value >> 8) & 0xfff];
    chunk* c = place.load(std::memory_order_relaxed);
    if (c == nullptr) place.store(c = new chunk, std::memory_order_release);
    queue_state& state = c->states[id.value & 0xff];
    IMAGO_ASSERT(!state.exists);
    ++c->live;
    size_.fetch_add(1, std::memory_order_relaxed);
    return state;
}

void queue_table::erase(queue_id id) {
    branch* b = root_[id.value >> 20].load(std::memory_order_relaxed);
    auto& place = b->chunks[(id.value >> 8) & 0xfff];
    chunk* c = place.load(std::memory_order_relaxed);
    IMAGO_ASSERT(c != nullptr && c->live > 0);
    size_.fetch_sub(1, std::memory_order_relaxed);
    if (--c->live > 0) return;
    place.store(nullptr, std::memory_order_release);
    const std::uint32_t first = id.value & ~std::uint32_t{0xff};
    for (std::uint32_t i = 0; i < chunk_size; ++i) {
        // Whoever found the chunk before it was unlinked holds this lock; whoever takes it later finds
        // nothing.
        const std::lock_guard wait(stripe_of(queue_id{first + i}).mutex);
    }
    delete c;
}

}  // namespace imago::consumequeue
