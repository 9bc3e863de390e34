// The hash by which Kafka's Java client, and most others on request, choose a queue for a key.
#pragma once

#include "base/bytes.h"

#include <cstdint>

namespace imago::wire {

/// MurmurHash2 with Kafka's seed.
[[nodiscard]] std::int32_t murmur2(byte_view bytes) noexcept;

/// The queue, 0 to queues - 1, that Kafka's default partitioner chooses for `key`.
[[nodiscard]] inline std::int32_t queue_for_key(byte_view key, std::int32_t queues) noexcept {
    return (murmur2(key) & 0x7fffffff) % queues;
}

}  // namespace imago::wire
