// The requests of the load, made ahead of time, and what matters of the answers.
#pragma once

#include "client/bench/channel.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace imago::bench {

/// Of every request here; any broker since Kafka 2.8 speaks them.
inline constexpr std::int16_t produce_version = 9;
inline constexpr std::int16_t fetch_version = 12;

/// A Produce request with acks=all of the same batch for each queue.
[[nodiscard]] request_frame produce_frame(const std::string& topic, std::span<const std::int32_t> queues, byte_view batch);

/// A batch of `records` records with values of `size` bytes that begin with `mark`. The rest of a value is random, so that
/// no compression is paid or gained anywhere.
[[nodiscard]] std::vector<std::byte> make_batch(std::size_t records, std::size_t size, std::int64_t mark);

/// Reads answers to Produce; keeps the memory of one for the next.
class produce_answers {
public:
    produce_answers();
    ~produce_answers();
    /// The error of the first partition that has one; 0 if all is well, -1 if the bytes are no answer.
    [[nodiscard]] std::int16_t error(byte_view body);

private:
    struct answer;
    std::unique_ptr<answer> answer_;
};

struct fetch_place {
    std::int32_t queue = 0;
    std::int64_t offset = 0;
};
struct fetch_limits {
    std::int32_t wait_ms = 500;
    std::int32_t bytes = 16 << 20;
    std::int32_t queue_bytes = 1 << 20;
};
/// Session 0, epoch -1: no session. Session 0, epoch 0: asks for one (KIP-227), and later requests name only places that moved.
[[nodiscard]] request_frame fetch_frame(const std::string& topic, std::span<const fetch_place> places, fetch_limits limits,
                                        std::int32_t session, std::int32_t epoch);

struct fetched {
    std::int16_t error = 0;  ///< of the answer, or of the first queue that has one
    std::int32_t session = 0;
};
/// `tell` gets the bytes of each queue that has some; whole batches and perhaps a part of one.
[[nodiscard]] fetched read_fetch(byte_view body, const std::function<void(std::int32_t queue, byte_view records)>& tell);

}  // namespace imago::bench
