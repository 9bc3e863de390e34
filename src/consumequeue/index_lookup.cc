// Finding entries, and pictures of the whole.
#include "base/check.h"
#include "consumequeue/index_core.h"

#include <algorithm>
#include <cstring>

namespace imago::consumequeue {

std::size_t queue_index::state::piece_count(const queue_state& queue) {
    return (queue.sealed != nullptr ? queue.sealed->marks.size() : 0) + (queue.tail_count > 0 ? 1 : 0);
}

std::size_t queue_index::state::pieces_on_disk(const queue_state& queue) {
    return queue.sealed != nullptr ? queue.sealed->marks.size() - queue.sealed->memory.size() : 0;
}

std::size_t queue_index::state::piece_of(const queue_state& queue, queue_offset from) {
    if (queue.sealed == nullptr) return 0;
    const auto& marks = queue.sealed->marks;
    if (queue.tail_count > 0 && from >= queue.tail_first) return marks.size();
    const auto behind =
        std::upper_bound(marks.begin(), marks.end(), from,
                         [](queue_offset offset, const block_mark& mark) { return offset < mark.first; });
    return behind == marks.begin() ? 0 : static_cast<std::size_t>(behind - marks.begin()) - 1;
}

queue_offset queue_index::state::piece_end(const queue_state& queue, std::size_t piece) {
    const std::size_t marks = queue.sealed != nullptr ? queue.sealed->marks.size() : 0;
    if (piece + 1 < marks) return queue.sealed->marks[piece + 1].first;
    return piece < marks ? queue.covered_by_tail() : queue.end;
}

unix_ms queue_index::state::piece_max_timestamp(const queue_state& queue, std::size_t piece) {
    const bool is_block = queue.sealed != nullptr && piece < queue.sealed->marks.size();
    return is_block ? queue.sealed->marks[piece].max_timestamp : queue.tail_max_timestamp;
}

std::span<const index_entry> queue_index::state::piece_entries(const queue_state& queue, std::size_t piece) {
    if (queue.sealed == nullptr || piece >= queue.sealed->marks.size()) return {queue.tail, queue.tail_count};
    const sealed_block& block = *queue.sealed->memory[piece - pieces_on_disk(queue)];
    return {block.entries, block.count};
}

block_ref queue_index::state::piece_ref(const queue_state& queue, std::size_t piece) {
    const auto& marks = queue.sealed->marks;
    const bool last = piece + 1 == marks.size();
    return {.queue = {queue.id},
            .number = queue.sealed->first_block + piece,
            .place = marks[piece].place,
            .first = marks[piece].first,
            .end = piece_end(queue, piece),
            .from_position = marks[piece].position,
            .to_position = !last                  ? marks[piece + 1].position
                           : queue.tail_count > 0 ? queue.tail[0].position
                                                  : queue.last_position + 1,
            .max_timestamp = marks[piece].max_timestamp};
}

std::uint64_t queue_index::state::tail_bytes(const queue_state& queue) {
    std::uint64_t sum = 0;
    for (const index_entry& entry : piece_entries(queue, SIZE_MAX)) sum += entry.size;
    return sum;
}

std::optional<queue_bounds> queue_index::bounds(queue_id id) const {
    const std::lock_guard hold(state_->table.stripe_of(id).mutex);
    const queue_state* queue = state_->table.find(id);
    if (queue == nullptr) return std::nullopt;
    return queue_bounds{queue->start, queue->end};
}

lookup queue_index::locate(queue_id id, queue_offset from, std::size_t max_bytes,
                           std::vector<index_entry>& entries, block_ref& in_block) const {
    // Copied to here under the lock, because the output may have to allocate.
    alignas(index_entry) std::byte copy[entries_per_block * entry_size];
    std::size_t count;
    {
        const std::lock_guard hold(state_->table.stripe_of(id).mutex);
        const queue_state* queue = state_->table.find(id);
        if (queue == nullptr) return lookup::unknown_queue;
        if (from < queue->start || from > queue->end) return lookup::out_of_range;
        if (from == queue->end) return lookup::at_end;
        const std::size_t piece = state::piece_of(*queue, from);
        if (piece < state::pieces_on_disk(*queue)) {
            in_block = state::piece_ref(*queue, piece);
            return lookup::in_block;
        }
        auto found = state::piece_entries(*queue, piece);
        found = found.subspan(find_offset(found, from));
        count = take_bytes(found, max_bytes);
        std::memcpy(copy, found.data(), count * entry_size);
    }
    const auto* first = reinterpret_cast<const index_entry*>(copy);
    entries.insert(entries.end(), first, first + count);
    return lookup::found;
}

lookup queue_index::locate_time(queue_id id, unix_ms time, index_entry& entry, block_ref& in_block,
                                queue_offset from) const {
    const std::lock_guard hold(state_->table.stripe_of(id).mutex);
    const queue_state* queue = state_->table.find(id);
    if (queue == nullptr) return lookup::unknown_queue;
    from = std::max(from, queue->start);
    if (from >= queue->end) return lookup::at_end;
    const std::size_t on_disk = state::pieces_on_disk(*queue);
    for (std::size_t piece = state::piece_of(*queue, from); piece < state::piece_count(*queue); ++piece) {
        if (state::piece_max_timestamp(*queue, piece) < time) continue;
        if (piece < on_disk) {
            in_block = state::piece_ref(*queue, piece);
            return lookup::in_block;
        }
        if (const index_entry* found = find_time(state::piece_entries(*queue, piece), time, from)) {
            entry = *found;
            return lookup::found;
        }
    }
    return lookup::at_end;
}

lookup queue_index::locate_max_timestamp(queue_id id, index_entry& entry, block_ref& in_block,
                                         queue_offset from) const {
    const std::lock_guard hold(state_->table.stripe_of(id).mutex);
    const queue_state* queue = state_->table.find(id);
    if (queue == nullptr) return lookup::unknown_queue;
    from = std::max(from, queue->start);
    if (from >= queue->end) return lookup::at_end;
    const std::size_t on_disk = state::pieces_on_disk(*queue);
    const std::size_t first = state::piece_of(*queue, from);
    std::size_t best = SIZE_MAX;
    unix_ms largest = 0;
    for (std::size_t piece = first; piece < state::piece_count(*queue); ++piece) {
        unix_ms at_most = state::piece_max_timestamp(*queue, piece);
        // Only the first piece may hold entries that do not count.
        if (piece == first && piece >= on_disk)
            at_most = find_max_timestamp(state::piece_entries(*queue, piece), from)->max_timestamp;
        if (best != SIZE_MAX && at_most <= largest) continue;
        best = piece;
        largest = at_most;
    }
    if (best < on_disk) {
        in_block = state::piece_ref(*queue, best);
        return lookup::in_block;
    }
    entry = *find_max_timestamp(state::piece_entries(*queue, best), from);
    return lookup::found;
}

std::uint64_t queue_index::live_bytes(queue_id id) const {
    const std::lock_guard hold(state_->table.stripe_of(id).mutex);
    const queue_state* queue = state_->table.find(id);
    if (queue == nullptr || queue->start == queue->end) return 0;
    const std::size_t piece = state::piece_of(*queue, queue->start);
    const bool is_block = queue->sealed != nullptr && piece < queue->sealed->marks.size();
    std::uint64_t before =
        is_block ? queue->sealed->marks[piece].bytes_before : queue->bytes_total - state::tail_bytes(*queue);
    if (piece >= state::pieces_on_disk(*queue)) {
        const auto entries = state::piece_entries(*queue, piece);
        for (const index_entry& entry : entries.first(find_offset(entries, queue->start)))
            before += entry.size;
    }
    return queue->bytes_total - before;
}

std::shared_ptr<const block> queue_index::cached_block(const block_ref& ref) const {
    const std::lock_guard hold(state_->cache_mutex);
    const auto* found = state_->cache.find({ref.queue, ref.number});
    return found != nullptr ? *found : nullptr;
}

result<std::shared_ptr<io::file>> queue_index::block_file(const block_ref& ref) const {
    return state_->files.open(ref.place.file);
}

result<std::shared_ptr<const block>> queue_index::admit_block(const block_ref& ref, byte_view bytes) const {
    IMAGO_TRY(decoded_block decoded, decode_block(bytes));
    if (!matches(decoded.header, ref)) return fail(index_errc::bad_block);
    auto admitted = std::make_shared<const block>(block{std::move(decoded.entries)});
    const std::lock_guard hold(state_->cache_mutex);
    state_->cache.put({ref.queue, ref.number}, admitted);
    return std::shared_ptr<const block>(admitted);
}

std::shared_ptr<const block> queue_index::rebuild_block(const block_ref& ref,
                                                        std::vector<index_entry> entries) {
    // What does not belong into the block must not get in, whatever the caller found.
    queue_offset next = ref.first;
    std::size_t kept = 0;
    for (const index_entry& entry : entries) {
        if (entry.count == 0 || entry.base < next || entry.end() > ref.end || kept == entries_per_block)
            continue;
        next = entry.end();
        entries[kept++] = entry;
    }
    entries.resize(kept);
    auto rebuilt = std::make_shared<const block>(block{std::move(entries)});
    {
        const std::lock_guard hold(state_->cache_mutex);
        state_->cache.put({ref.queue, ref.number}, rebuilt);
    }
    state_->writer.add_rewrite(ref, rebuilt);
    return rebuilt;
}

void queue_index::snapshot(const std::function<void(const queue_snapshot&)>& visit) const {
    queue_snapshot picture;
    state_->table.for_each_id([&](queue_id id) {
        {
            const std::lock_guard hold(state_->table.stripe_of(id).mutex);
            const queue_state* queue = state_->table.find(id);
            if (queue == nullptr) return;
            picture.id = id;
            picture.start = queue->start;
            picture.end = queue->end;
            picture.bytes_total = queue->bytes_total;
            picture.tail_first = queue->covered_by_tail();
            picture.first_block = 0;
            picture.marks.clear();
            picture.tail.clear();
            if (queue->sealed != nullptr) {
                const sealed_part& sealed = *queue->sealed;
                const auto on_disk = static_cast<std::ptrdiff_t>(state::pieces_on_disk(*queue));
                picture.first_block = sealed.first_block;
                picture.marks.assign(sealed.marks.begin(), sealed.marks.begin() + on_disk);
                if (!sealed.memory.empty()) picture.tail_first = sealed.memory.front()->first;
                for (const sealed_block* block : sealed.memory)
                    picture.tail.insert(picture.tail.end(), block->entries, block->entries + block->count);
            }
            picture.tail.insert(picture.tail.end(), queue->tail, queue->tail + queue->tail_count);
        }
        visit(picture);
    });
}

queue_index::usage queue_index::used() const {
    usage sum{.queues = state_->table.size(),
              .tail_bytes = state_->memory.used_bytes(),
              .blocks_waiting = state_->writer.waiting(),
              .blocks_written = state_->writer.written()};
    for (std::size_t i = 0; i < queue_table::stripe_count; ++i) {
        const std::lock_guard hold(state_->table.stripe_at(i).mutex);
        sum.waiters += state_->table.stripe_at(i).waiters;
    }
    return sum;
}

std::uint64_t queue_index::memory_bytes() const { return state_->memory.used_bytes(); }

std::vector<queue_id> queue_index::queues() const {
    std::vector<queue_id> ids;
    state_->table.for_each([&](const queue_state& queue) { ids.push_back({queue.id}); });
    return ids;
}

}  // namespace imago::consumequeue
