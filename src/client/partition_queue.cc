#include "client/partition_queue.h"

#include <algorithm>

#include "base/check.h"
#include "imago/errors.h"

namespace imago::client {

std::int32_t advance_sequence(std::int32_t sequence, std::int32_t count) {
    constexpr std::int64_t period = std::int64_t{1} << 31;
    return static_cast<std::int32_t>((std::int64_t{sequence} + count) % period);
}

namespace {
// Whether sequence `a` comes before `b`, on a circle of 2^31.
bool before(std::int32_t a, std::int32_t b) {
    const auto distance = static_cast<std::uint32_t>(b) - static_cast<std::uint32_t>(a);
    return a != b && (distance & 0x7fffffffu) < 0x40000000u;
}
}  // namespace

outgoing_batch* partition_queue::peek() {
    if (draining_ || in_flight_ >= max_in_flight_ || static_cast<std::size_t>(in_flight_) == batches_.size())
        return nullptr;
    // Without draining, those in flight are exactly the first ones.
    return batches_[static_cast<std::size_t>(in_flight_)].get();
}

outgoing_batch* partition_queue::next_to_send(producer_identity who) {
    outgoing_batch* batch = peek();
    if (batch == nullptr) return nullptr;
    if (!idempotent_) {
        if (!batch->attempted) batch->stamp({}, -1);
    } else if (batch->sequence < 0) {
        batch->sequence = next_sequence_;
        next_sequence_ = advance_sequence(next_sequence_, batch->count());
        batch->stamp(who, batch->sequence);
    }
    batch->in_flight = true;
    batch->attempted = true;
    ++in_flight_;
    return batch;
}

partition_queue::outcome partition_queue::acknowledged(outgoing_batch& batch) {
    outcome result;
    back(batch);
    // A server that knows nothing of this producer takes any sequence, also one behind a gap: go on after it.
    if (resequence_ && !before(batch.sequence, gap_sequence_))
        gap_sequence_ = advance_sequence(batch.sequence, batch.count());
    result.done = remove(batch);
    settle();
    return result;
}

partition_queue::outcome partition_queue::refused(outgoing_batch& batch, std::error_code error, bool retry) {
    outcome result;
    const bool first = &batch == batches_.front().get();
    const bool earlier_trouble = draining_;
    back(batch);
    if (idempotent_) {
        const bool sequence_error =
            error == kafka_errc::out_of_order_sequence_number || error == kafka_errc::unknown_producer_id ||
            error == kafka_errc::invalid_producer_epoch || error == kafka_errc::invalid_producer_id_mapping;
        if (sequence_error) {
            // Expected when an earlier batch did not make it; else the server and we no longer agree.
            retry = true;
            if (first && !earlier_trouble) result.new_identity = true;
        }
    }
    if (retry) {
        draining_ = true;
    } else {
        if (idempotent_) {
            if (batch.ambiguous) {
                result.new_identity = true;  // an earlier attempt may have taken its sequence
            } else if (!resequence_) {
                resequence_ = true;
                gap_sequence_ = batch.sequence;
            }
            draining_ = true;
        }
        result.done = remove(batch);
        result.error = error;
    }
    settle();
    return result;
}

partition_queue::outcome partition_queue::lost(outgoing_batch& batch) {
    back(batch);
    batch.ambiguous = true;
    draining_ = true;
    settle();
    return {};
}

partition_queue::outcome partition_queue::expire(steady_time now) {
    outcome result;
    if (in_flight_ > 0 || batches_.empty() || batches_.front()->deadline > now) return result;
    outgoing_batch& batch = *batches_.front();
    result.error = make_error_code(batch.ambiguous ? client_errc::outcome_unknown : client_errc::timed_out);
    if (idempotent_ && batch.sequence >= 0) {
        if (batch.ambiguous) {
            result.new_identity = true;
        } else if (!resequence_) {
            resequence_ = true;
            gap_sequence_ = batch.sequence;
        }
    }
    result.done = remove(batch);
    settle();
    return result;
}

std::vector<batch_ptr> partition_queue::reset() {
    IMAGO_ASSERT(in_flight_ == 0);
    std::vector<batch_ptr> unknown;
    for (batch_ptr& batch : batches_) {
        if (batch->ambiguous) unknown.push_back(std::move(batch));
        else batch->sequence = -1;
    }
    batches_.erase(std::remove(batches_.begin(), batches_.end(), nullptr), batches_.end());
    next_sequence_ = 0;
    draining_ = resequence_ = false;
    return unknown;
}

std::vector<batch_ptr> partition_queue::take_all() {
    std::vector<batch_ptr> all;
    for (batch_ptr& batch : batches_) all.push_back(std::move(batch));
    batches_.clear();
    in_flight_ = 0;
    draining_ = resequence_ = false;
    return all;
}

batch_ptr partition_queue::remove(const outgoing_batch& batch) {
    const auto at = std::find_if(batches_.begin(), batches_.end(), [&](const batch_ptr& b) { return b.get() == &batch; });
    IMAGO_ASSERT(at != batches_.end());
    batch_ptr taken = std::move(*at);
    batches_.erase(at);
    return taken;
}

void partition_queue::back(outgoing_batch& batch) {
    IMAGO_ASSERT(batch.in_flight);
    batch.in_flight = false;
    --in_flight_;
}

// Once nothing is in flight, sending may start over at the front.
void partition_queue::settle() {
    if (in_flight_ > 0) return;
    draining_ = false;
    if (!resequence_) return;
    resequence_ = false;
    // Batches before the gap keep their numbers; those after it were refused or never sent, and move up.
    for (batch_ptr& batch : batches_)
        if (batch->sequence >= 0 && !before(batch->sequence, gap_sequence_)) batch->sequence = -1;
    next_sequence_ = gap_sequence_;
}

}  // namespace imago::client
