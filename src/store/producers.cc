#include "store/producers.h"

#include <algorithm>
#include <limits>

namespace imago::store {
namespace {

/// Sequence numbers run from 0 to 2^31-1 and then start at 0 again.
std::int32_t advance(std::int32_t sequence, std::int64_t by) {
    return static_cast<std::int32_t>((std::int64_t{sequence} + by) & std::numeric_limits<std::int32_t>::max());
}

std::int32_t last_sequence_of(const batch_view& batch) { return advance(batch.base_sequence(), batch.count() - 1); }

}  // namespace

verdict producer_table::admit(queue_id queue, const batch_view& batch, producer_batch& original) const {
    const shard& shard = of(queue);
    const std::lock_guard lock(shard.mutex);
    const auto found = shard.states.find(key{queue.value, batch.producer_id()});
    if (found == shard.states.end() || found->second.count == 0) return verdict::accept;
    const producer_state& state = found->second;
    if (batch.producer_epoch() < state.epoch) return verdict::old_epoch;
    const std::int32_t first = batch.base_sequence();
    if (batch.producer_epoch() > state.epoch) return first == 0 ? verdict::accept : verdict::out_of_order;
    const std::int32_t last = last_sequence_of(batch);
    for (std::size_t i = 0; i < state.count; ++i) {
        if (state.batches[i].first_sequence == first && state.batches[i].last_sequence == last) {
            original = state.batches[i];
            return verdict::duplicate;
        }
    }
    const std::int32_t expected = advance(state.batches[state.count - 1].last_sequence, 1);
    return first == expected ? verdict::accept : verdict::out_of_order;
}

void producer_table::record(queue_id queue, const batch_view& batch, queue_offset base, unix_ms time,
                            unix_ms now) {
    record(queue, {batch.producer_id(), time, now, batch.base_sequence(), batch.producer_epoch()}, batch.count(), base);
}

void producer_table::record(queue_id queue, const producer_stamp& stamp, std::int32_t count, queue_offset base) {
    shard& shard = of(queue);
    const std::lock_guard lock(shard.mutex);
    producer_state& state = shard.states[key{queue.value, stamp.producer_id}];
    if (state.count > 0 && state.batches[state.count - 1].base >= base) return;
    state.queue = queue;
    state.producer_id = stamp.producer_id;
    if (state.epoch != stamp.epoch) {
        state.epoch = stamp.epoch;
        state.count = 0;
    }
    if (state.count == state.batches.size()) {
        std::move(state.batches.begin() + 1, state.batches.end(), state.batches.begin());
        state.count -= 1;
    }
    state.batches[state.count++] = {stamp.base_sequence, advance(stamp.base_sequence, std::int64_t{count} - 1), base, stamp.time};
    state.last_used = stamp.last_used;
}

void producer_table::restore(const producer_state& state) {
    shard& shard = of(state.queue);
    const std::lock_guard lock(shard.mutex);
    shard.states[key{state.queue.value, state.producer_id}] = state;
}

void producer_table::drop_above(const std::function<std::optional<queue_offset>(queue_id)>& end_of) {
    for (shard& shard : shards_) {
        const std::lock_guard lock(shard.mutex);
        for (auto it = shard.states.begin(); it != shard.states.end();) {
            producer_state& state = it.value();
            const auto end = end_of(state.queue);
            while (end && state.count > 0 && state.batches[state.count - 1].base >= *end) state.count -= 1;
            it = !end || state.count == 0 ? shard.states.erase(it) : std::next(it);
        }
    }
}

void producer_table::dump(unix_ms oldest, const std::function<bool(queue_id)>& exists,
                          const std::function<void(const producer_state&)>& visit) {
    for (shard& shard : shards_) {
        const std::lock_guard lock(shard.mutex);
        for (auto it = shard.states.begin(); it != shard.states.end();) {
            if (it->second.last_used < oldest || !exists(it->second.queue)) {
                it = shard.states.erase(it);
            } else {
                visit(it->second);
                ++it;
            }
        }
    }
}

std::size_t producer_table::size() const {
    std::size_t sum = 0;
    for (const shard& shard : shards_) {
        const std::lock_guard lock(shard.mutex);
        sum += shard.states.size();
    }
    return sum;
}

}  // namespace imago::store
