// What the store remembers of idempotent producers: for each queue and producer the last five batches (KIP-98), so that a
// retry gets the offset of the original and a gap is refused.
//
// admit() and record() by the log thread; dump() by any thread. State is recorded when a batch is laid out, before it is
// durable: what a crash takes back is dropped by drop_above() in recovery.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/record_batch.h"

#include <tsl/robin_map.h>

namespace imago::store {

struct producer_batch {
    std::int32_t first_sequence = -1;
    std::int32_t last_sequence = -1;
    queue_offset base;
    unix_ms time = -1;
};

struct producer_state {
    queue_id queue;
    std::int64_t producer_id = -1;
    std::int16_t epoch = -1;
    unix_ms last_used = -1;
    std::uint8_t count = 0;                  ///< of batches in use
    std::array<producer_batch, 5> batches{}; ///< oldest first
};

/// What is to be remembered of a batch.
struct producer_stamp {
    std::int64_t producer_id = -1;
    unix_ms time = -1;       ///< what a duplicate will be answered with
    unix_ms last_used = -1;  ///< keeps the state from expiring
    std::int32_t base_sequence = -1;
    std::int16_t epoch = -1;
};

enum class verdict { accept, duplicate, out_of_order, old_epoch };

class producer_table {
public:
    /// Is this batch the next one? For a duplicate, `original` is the batch that was appended before. A producer without
    /// state may start anywhere (its state may have expired); a new epoch starts at sequence 0.
    [[nodiscard]] verdict admit(queue_id queue, const batch_view& batch, producer_batch& original) const;
    /// The batch was laid out at `base`. In replay, a batch at or below the newest known offset changes nothing.
    /// `time`: what a duplicate will be answered with; `now` keeps the state from expiring.
    void record(queue_id queue, const batch_view& batch, queue_offset base, unix_ms time, unix_ms now);
    /// The same of a batch that is not at hand.
    void record(queue_id queue, const producer_stamp& stamp, std::int32_t count, queue_offset base);

    void restore(const producer_state& state);
    /// Forgets batches that recovery did not find: base not below the queue's end.
    void drop_above(const std::function<std::optional<queue_offset>(queue_id)>& end_of);
    /// Visits all states last used at or after `oldest`, and forgets the others and those of queues for which `exists` is false.
    void dump(unix_ms oldest, const std::function<bool(queue_id)>& exists, const std::function<void(const producer_state&)>& visit);
    [[nodiscard]] std::size_t size() const;

private:
    struct key {
        std::uint32_t queue;
        std::int64_t producer;
        bool operator==(const key&) const = default;
    };
    struct key_hash {
        std::size_t operator()(const key& k) const {
            return (static_cast<std::uint64_t>(k.producer) * 0x9E3779B97F4A7C15ULL) ^ (k.queue * 0xC2B2AE3D27D4EB4FULL);
        }
    };
    struct alignas(64) shard {
        mutable std::mutex mutex;
        tsl::robin_map<key, producer_state, key_hash> states;
    };
    static constexpr std::size_t shard_count = 16;  // a dump holds one lock at a time
    [[nodiscard]] shard& of(queue_id queue) const { return shards_[queue.value % shard_count]; }

    mutable std::array<shard, shard_count> shards_;
};

}  // namespace imago::store
