// One record batch on its way to the server.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/batch_builder.h"
#include "imago/message.h"
#include "imago/options.h"

namespace imago::client {

using steady_time = std::chrono::steady_clock::time_point;

/// Who sends a batch, for idempotence; id -1 = nobody in particular.
struct producer_identity {
    std::int64_t id = -1;
    std::int16_t epoch = -1;
};

/// Filled message by message, sealed, stamped (again after each change of identity or sequence), sent. Reusable:
/// clear() keeps the memory, so that a steady stream allocates nothing. One thread.
class outgoing_batch {
public:
    /// Adds a message with this time instead of its own. False if it does not fit into `limit` bytes of batch and is
    /// not the first: then nothing changed.
    [[nodiscard]] bool append(const message& what, timestamp_ms time, std::size_t limit);

    [[nodiscard]] std::int32_t count() const { return builder_.count(); }
    /// Bytes of the batch so far, uncompressed.
    [[nodiscard]] std::size_t size() const { return builder_.size(); }
    /// Bytes of keys and values.
    [[nodiscard]] std::size_t payload_bytes() const { return payload_bytes_; }
    [[nodiscard]] const std::vector<std::uint64_t>& tags() const { return tags_; }

    /// No more messages: compresses them, unless that makes the batch larger.
    void seal(codec with);
    /// Sets identity and sequence, and the CRC.
    void stamp(producer_identity who, std::int32_t base_sequence);
    /// The bytes to send, after stamp(); they stay until clear() or the next stamp().
    [[nodiscard]] byte_view bytes() const { return bytes_; }
    /// How many they are, once sealed.
    [[nodiscard]] std::size_t sealed_size() const { return compressed_.empty() ? builder_.size() : compressed_.size(); }

    void clear();

    // What has happened to it; kept by partition_queue.
    steady_time deadline{};     ///< then it is given up
    std::size_t charged = 0;    ///< bytes it holds of the producer's buffer
    std::int32_t sequence = -1;
    bool in_flight = false;
    bool ambiguous = false;     ///< sent at least once with no answer: it may have been written
    bool attempted = false;

private:
    batch_builder builder_;
    std::vector<std::byte> compressed_;  // the whole batch, if that is what is sent
    byte_view bytes_;
    std::size_t payload_bytes_ = 0;
    std::vector<std::uint64_t> tags_;
    std::vector<record_header> headers_;  // of the message being added
};
using batch_ptr = std::unique_ptr<outgoing_batch>;

}  // namespace imago::client
