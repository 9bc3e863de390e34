// Builds one record batch, message by message, straight into the bytes that will be sent.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "base/record_batch.h"
#include "imago/message.h"

namespace imago::client {

/// Grow-only memory that is not cleared when it grows and is kept for reuse.
class scratch_bytes {
public:
    [[nodiscard]] std::byte* data() const { return bytes_.get(); }
    [[nodiscard]] std::size_t capacity() const { return capacity_; }
    /// Makes room for `size` bytes; the first `keep` survive.
    void reserve(std::size_t size, std::size_t keep);

private:
    std::unique_ptr<std::byte[]> bytes_;
    std::size_t capacity_ = 0;
};

/// A batch being filled. Reusable: clear() keeps the memory, so that a steady stream allocates nothing. One thread.
class batch_builder {
public:
    /// Adds a message with this time instead of its own. False if it does not fit into `limit` bytes of batch and is
    /// not the first: then nothing changed.
    [[nodiscard]] bool append(const message& what, timestamp_ms time, std::size_t limit);

    [[nodiscard]] bool empty() const { return count_ == 0; }
    [[nodiscard]] std::int32_t count() const { return count_; }
    /// Bytes of the batch so far, uncompressed.
    [[nodiscard]] std::size_t size() const { return size_; }
    /// Bytes of keys and values.
    [[nodiscard]] std::size_t payload_bytes() const { return payload_bytes_; }
    [[nodiscard]] const std::vector<std::uint64_t>& tags() const { return tags_; }
    /// The records, uncompressed, after the header.
    [[nodiscard]] byte_view records() const { return {bytes_.data() + batch_header_size, size_ - batch_header_size}; }

    /// Writes the header (CRC and producer fields are stamp()'s) for uncompressed records; the finished batch.
    [[nodiscard]] byte_span finish() { return finish(bytes_.data(), size_, compression::none); }
    /// The same in front of `size - batch_header_size` bytes of compressed records at `batch`.
    [[nodiscard]] byte_span finish(std::byte* batch, std::size_t size, compression codec) const;

    void clear();

private:
    scratch_bytes bytes_;
    std::size_t size_ = batch_header_size;
    std::size_t payload_bytes_ = 0;
    std::int32_t count_ = 0;
    timestamp_ms base_timestamp_ = -1;
    timestamp_ms max_timestamp_ = -1;
    std::vector<std::uint64_t> tags_;
};

/// Who sends a batch, for idempotence; id -1 = nobody in particular.
struct producer_identity {
    std::int64_t id = -1;
    std::int16_t epoch = -1;
};

/// Sets identity and sequence of a finished batch, and its CRC.
void stamp(byte_span batch, producer_identity who, std::int32_t base_sequence);

}  // namespace imago::client
