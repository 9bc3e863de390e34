// Creating, publishing and forgetting: what the log thread does. Lookups are in index_lookup.cc.
#include "consumequeue/queue_index.h"

#include "base/check.h"
#include "consumequeue/index_core.h"

#include <algorithm>
#include <cstring>

namespace imago::consumequeue {
namespace {

class index_category final : public std::error_category {
public:
    const char* name() const noexcept override { return "consumequeue"; }
    std::string message(int value) const override {
        switch (static_cast<index_errc>(value)) {
            case index_errc::bad_block:
                return "the index block is damaged";
            case index_errc::unknown_queue:
                return "there is no such queue";
        }
        return "unknown error of the index";
    }
};

}  // namespace

std::error_code make_error_code(index_errc error) {
    static const index_category category;
    return {static_cast<int>(error), category};
}

queue_index::queue_index(io::disk& disk, index_options options)
    : state_(std::make_unique<state>(disk, std::move(options), [this] {
          if (on_work) on_work();
      })) {}

queue_index::~queue_index() = default;

void queue_index::create(queue_id id, queue_offset start) {
    state& s = *state_;
    IMAGO_ASSERT(s.table.find(id) == nullptr);
    queue_state& queue = s.table.add(id);
    const std::lock_guard hold(s.table.stripe_of(id).mutex);
    queue.id = id.value;
    queue.start = queue.end = queue.tail_first = start;
    queue.exists = true;
}

std::optional<queue_offset> queue_index::publish(queue_id id, const index_entry& entry) {
    state& s = *state_;
    if (s.tails_bytes > s.options.tail_memory_max / 4 * 3) s.relieve();
    queue_state* queue = s.table.find(id);
    if (queue == nullptr || entry.count == 0 || entry.end() <= queue->end) return std::nullopt;
    IMAGO_ASSERT(entry.base >= queue->end);

    // All memory is had before the lock is taken, and given back after.
    const std::uint8_t class_before = queue->tail_class;
    index_entry* unused = nullptr;
    index_entry* larger = nullptr;
    if (queue->tail_count == tail_capacity[class_before])
        larger = s.memory.take_tail(static_cast<std::uint8_t>(class_before + 1));
    sealed_block* sealed = queue->tail_count + 1U == entries_per_block ? s.memory.take_block() : nullptr;
    waiter* taken;
    const queue_offset start = queue->start;  // only this thread moves it
    {
        const std::lock_guard hold(s.table.stripe_of(id).mutex);
        if (larger != nullptr) {
            unused = queue->tail;
            if (unused != nullptr) std::memcpy(larger, unused, queue->tail_count * entry_size);
            queue->tail = larger;
            queue->tail_class = static_cast<std::uint8_t>(class_before + 1);
        }
        if (queue->tail_count == 0) {
            queue->tail_first = queue->end;
            queue->tail_max_timestamp = -1;
        }
        queue->tail[queue->tail_count++] = entry;
        queue->tail_max_timestamp = std::max(queue->tail_max_timestamp, entry.max_timestamp);
        queue->end = entry.end();
        queue->last_position = entry.position;
        queue->bytes_total += entry.size;
        if (sealed != nullptr) s.seal(*queue, *sealed);
        taken = s.take_waiters(*queue);
    }
    s.memory.give_tail(unused, class_before);
    if (queue->tail_class != class_before) s.tail_changed(*queue, class_before);
    if (sealed != nullptr) s.writer.add(sealed);
    state::wake(taken);
    return start;
}

void queue_index::trim(queue_id id, queue_offset start) {
    state& s = *state_;
    queue_state* queue = s.table.find(id);
    if (queue == nullptr) return;
    start = std::min(start, queue->end);
    if (start <= queue->start) return;
    const std::uint8_t class_before = queue->tail_class;
    index_entry* unused_tail = nullptr;
    std::vector<sealed_block*> unused;
    std::vector<block_place> dead;
    {
        const std::lock_guard hold(s.table.stripe_of(id).mutex);
        queue->start = start;
        if (queue->sealed != nullptr) {
            sealed_part& sealed = *queue->sealed;
            const std::size_t marks = sealed.marks.size();
            const std::size_t on_disk = state::pieces_on_disk(*queue);
            std::size_t gone = 0;
            while (gone < marks && state::piece_end(*queue, gone) <= start) ++gone;
            for (std::size_t i = 0; i < std::min(gone, on_disk); ++i) dead.push_back(sealed.marks[i].place);
            for (std::size_t i = on_disk; i < gone; ++i) {
                sealed_block* block = sealed.memory[i - on_disk];
                block->dropped = true;
                if (block->durable) unused.push_back(block);  // else it is the writer's
            }
            if (gone > on_disk)
                sealed.memory.erase(sealed.memory.begin(),
                                    sealed.memory.begin() + static_cast<std::ptrdiff_t>(gone - on_disk));
            sealed.marks.erase(sealed.marks.begin(),
                               sealed.marks.begin() + static_cast<std::ptrdiff_t>(gone));
            sealed.first_block += gone;
        }
        if (start == queue->end) {
            unused_tail = queue->tail;
            queue->tail = nullptr;
            queue->tail_count = 0;
            queue->tail_class = 0;
        }
    }
    s.memory.give_tail(unused_tail, class_before);
    for (sealed_block* block : unused) {
        dead.push_back(block->place);
        s.memory.give_block(block);
    }
    if (queue->tail_class != class_before) s.tail_changed(*queue, class_before);
    if (!dead.empty()) s.writer.add_dead(std::move(dead));
}

void queue_index::remove(queue_id id) {
    state& s = *state_;
    queue_state* queue = s.table.find(id);
    if (queue == nullptr) return;
    const std::uint8_t tail_class = queue->tail_class;
    index_entry* const tail = queue->tail;
    std::unique_ptr<sealed_part> sealed;
    std::vector<sealed_block*> unused;
    std::vector<block_place> dead;
    waiter* taken;
    if (tail_class != 0) {
        s.tails[tail_class].remove(*queue);
        s.tails_bytes -= index_memory::bytes_of(tail_class);
    }
    {
        const std::lock_guard hold(s.table.stripe_of(id).mutex);
        const std::size_t on_disk = state::pieces_on_disk(*queue);
        sealed = std::move(queue->sealed);
        if (sealed != nullptr) {
            for (std::size_t i = 0; i < on_disk; ++i) dead.push_back(sealed->marks[i].place);
            for (sealed_block* block : sealed->memory) {
                block->dropped = true;
                if (block->durable) unused.push_back(block);
            }
        }
        taken = s.take_waiters(*queue);
        *queue = {};
    }
    s.memory.give_tail(tail, tail_class);
    for (sealed_block* block : unused) {
        dead.push_back(block->place);
        s.memory.give_block(block);
    }
    s.table.erase(id);
    if (!dead.empty()) s.writer.add_dead(std::move(dead));
    state::wake(taken);
}

void queue_index::restore(queue_snapshot&& snapshot) {
    state& s = *state_;
    IMAGO_ASSERT(s.table.find(snapshot.id) == nullptr);
    queue_state& queue = s.table.add(snapshot.id);
    std::vector<sealed_block*> blocks;
    {
        const std::lock_guard hold(s.table.stripe_of(snapshot.id).mutex);
        queue.id = snapshot.id.value;
        queue.start = snapshot.start;
        queue.end = queue.tail_first = snapshot.end;
        if (!snapshot.tail.empty())
            queue.tail_first =
                snapshot.tail_first.value >= 0 ? snapshot.tail_first : snapshot.tail.front().base;
        queue.bytes_total = snapshot.bytes_total;
        for (const index_entry& entry : snapshot.tail) queue.bytes_total -= entry.size;
        if (!snapshot.marks.empty() || snapshot.first_block > 0) {
            queue.sealed = std::make_unique<sealed_part>();
            queue.sealed->first_block = snapshot.first_block;
            queue.sealed->marks = std::move(snapshot.marks);
            for (const block_mark& mark : queue.sealed->marks) s.writer.count_live(mark.place);
        }
        std::span<const index_entry> rest = snapshot.tail;
        while (!rest.empty()) {
            const auto part = rest.first(std::min(rest.size(), entries_per_block));
            rest = rest.subspan(part.size());
            queue.tail_count = static_cast<std::uint16_t>(part.size());
            queue.tail_class = tail_class_for(part.size());
            queue.tail = s.memory.take_tail(queue.tail_class);
            std::memcpy(queue.tail, part.data(), part.size() * entry_size);
            queue.tail_max_timestamp = find_max_timestamp(part, part.front().base)->max_timestamp;
            queue.end = part.back().end();
            for (const index_entry& entry : part) queue.bytes_total += entry.size;
            if (part.size() < entries_per_block) break;
            s.tails_bytes += index_memory::bytes_of(queue.tail_class);  // seal() takes it off
            blocks.push_back(s.memory.take_block());
            s.seal(queue, *blocks.back());
            queue.tail_first = queue.end;
        }
        queue.end = snapshot.end;
        queue.last_position =
            snapshot.tail.empty() ? log_position{UINT64_MAX - 1} : snapshot.tail.back().position;
        queue.exists = true;
    }
    if (queue.tail_class != 0) s.tail_changed(queue, 0);
    for (sealed_block* block : blocks) s.writer.add(block);
}

bool queue_index::wait(queue_id id, queue_offset past, waiter& waiter) {
    state& s = *state_;
    queue_table::stripe& stripe = s.table.stripe_of(id);
    const std::lock_guard hold(stripe.mutex);
    queue_state* queue = s.table.find(id);
    if (queue == nullptr || queue->end > past) return false;
    IMAGO_ASSERT(!waiter.linked);
    waiter.queue = id;
    waiter.previous = nullptr;
    waiter.next = queue->waiters;
    if (queue->waiters != nullptr) queue->waiters->previous = &waiter;
    queue->waiters = &waiter;
    waiter.linked = true;
    ++stripe.waiters;
    return true;
}

bool queue_index::cancel(waiter& waiter) {
    state& s = *state_;
    queue_table::stripe& stripe = s.table.stripe_of(waiter.queue);
    const std::lock_guard hold(stripe.mutex);
    if (!waiter.linked) return false;
    queue_state* queue = s.table.find(waiter.queue);
    (waiter.previous != nullptr ? waiter.previous->next : queue->waiters) = waiter.next;
    if (waiter.next != nullptr) waiter.next->previous = waiter.previous;
    waiter.linked = false;
    --stripe.waiters;
    return true;
}

// A waiter is linked <=> it is in its queue's list <=> its owner may still cancel it; all three change
// together under the stripe lock. Once unlinked here it belongs to the log thread until woken() is called:
// the owner, told false by cancel(), keeps it alive for that. `next` is read before the call, as the waiter
// may be gone after it.
waiter* queue_index::state::take_waiters(queue_state& queue) {
    waiter* taken = std::exchange(queue.waiters, nullptr);
    for (waiter* each = taken; each != nullptr; each = each->next) {
        each->linked = false;
        --table.stripe_of(each->queue).waiters;
    }
    return taken;
}

void queue_index::state::wake(waiter* taken) {
    while (taken != nullptr) {
        waiter* next = taken->next;
        taken->woken(*taken);
        taken = next;
    }
}

void queue_index::state::tail_changed(queue_state& queue, std::uint8_t before) {
    if (before != 0) {
        tails[before].remove(queue);
        tails_bytes -= index_memory::bytes_of(before);
    }
    if (queue.tail_class != 0) {
        tails[queue.tail_class].add(queue);
        tails_bytes += index_memory::bytes_of(queue.tail_class);
    }
}

void queue_index::state::seal(queue_state& queue, sealed_block& block) {
    if (queue.sealed == nullptr) queue.sealed = std::make_unique<sealed_part>();
    sealed_part& sealed = *queue.sealed;
    block.queue = {queue.id};
    block.number = sealed.first_block + sealed.marks.size();
    block.first = queue.tail_first;
    block.end = queue.end;
    block.entries = queue.tail;
    block.count = queue.tail_count;
    block.size_class = queue.tail_class;
    sealed.marks.push_back({.first = queue.tail_first,
                            .position = queue.tail[0].position,
                            .max_timestamp = queue.tail_max_timestamp,
                            .bytes_before = queue.bytes_total - tail_bytes(queue)});
    sealed.memory.push_back(&block);
    queue.tail = nullptr;
    queue.tail_count = 0;
    queue.tail_class = 0;
}

void queue_index::state::relieve() {
    // A few at a time: each publish may add at most one slab, so that this keeps up.
    constexpr int most = 4;
    std::uint8_t size_class = tail_capacity.size() - 1;
    for (int i = 0; i < most && tails_bytes > options.tail_memory_max / 4 * 3; ++i) {
        while (size_class > 0 && tails[size_class].oldest() == nullptr) --size_class;
        if (size_class == 0) return;
        queue_state& queue = *tails[size_class].oldest();
        sealed_block* block = memory.take_block();
        {
            const std::lock_guard hold(table.stripe_of(queue_id{queue.id}).mutex);
            seal(queue, *block);
        }
        tail_changed(queue, size_class);
        writer.add(block);
    }
}

bool queue_index::has_writes() const { return state_->writer.has_work(); }
std::size_t queue_index::pump(io::ring& ring, std::size_t depth) { return state_->writer.pump(ring, depth); }
std::error_code queue_index::error() const { return state_->writer.error(); }
std::size_t queue_index::remove_unknown_files() { return state_->writer.remove_unknown(); }
result<> queue_index::sync_blocks(io::ring& ring) { return state_->writer.sync(ring); }

}  // namespace imago::consumequeue
