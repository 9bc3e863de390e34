// Makes uncompressed record batches v2.
#pragma once

#include "base/record_batch.h"
#include "base/records.h"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace imago {

/// What a batch says of its producer. By default none, and no transaction.
struct batch_producer {
    std::int64_t id = -1;
    std::int16_t epoch = -1;
    std::int32_t base_sequence = -1;
    bool transactional = false;
    bool control = false;  // a marker of the broker's, never sent by clients
};

/// Collects records; finish() gives the batch with offset deltas from 0 and base offset 0. Memory is kept
/// between batches. One thread at a time.
class batch_builder {
public:
    batch_builder() { clear(); }

    /// Adds a record. The batch as a whole must stay below 2 GiB.
    void add(unix_ms timestamp, std::optional<byte_view> key, std::optional<byte_view> value,
             std::span<const record_header> headers = {});
    /// The bytes by which add() would make the batch grow.
    [[nodiscard]] std::size_t size_of(unix_ms timestamp, std::optional<byte_view> key,
                                      std::optional<byte_view> value,
                                      std::span<const record_header> headers = {}) const;

    [[nodiscard]] std::int32_t count() const { return count_; }
    /// Bytes of the batch so far, with its header.
    [[nodiscard]] std::size_t size() const { return bytes_.size(); }

    /// The whole batch, valid until the builder is changed. There must be at least one record.
    [[nodiscard]] byte_view finish(const batch_producer& producer = {});
    /// Forgets the records.
    void clear();

private:
    std::vector<std::byte> bytes_;  // the header's place, then the records
    std::int32_t count_ = 0;
    unix_ms base_timestamp_ = 0;
    unix_ms max_timestamp_ = 0;
};

/// Computes the CRC of a whole batch and stores it, after something that it covers was changed.
void set_batch_crc(byte_span batch);
/// Stores a maximal timestamp, and sets the CRC if that was a change.
void set_max_timestamp(byte_span batch, unix_ms max_timestamp);
/// Marks all records as having the time of the append, and sets the CRC.
void set_log_append_time(byte_span batch, unix_ms now);

}  // namespace imago
