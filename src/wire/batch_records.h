// The records of a batch, whatever its codec.
#pragma once

#include "base/record_batch.h"
#include "base/records.h"
#include "base/result.h"
#include "wire/compression.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace imago::wire {

/// The records of `batch`, a whole one. A compressed batch is decompressed into `scratch`, which then must
/// outlive the reader; of an uncompressed one the records are views into the batch.
[[nodiscard]] result<record_reader> open_records(byte_view batch, std::vector<std::byte>& scratch,
                                                 const decompress_limits& limits = {});

/// The time of a record: its own, or that of the append.
[[nodiscard]] inline unix_ms time_of(const batch_view& batch, const record_view& record) {
    if (batch.log_append_time()) return batch.max_timestamp();
    return static_cast<unix_ms>(static_cast<std::uint64_t>(batch.base_timestamp()) +
                                static_cast<std::uint64_t>(record.timestamp_delta));
}

struct record_place {
    queue_offset offset;
    unix_ms timestamp = -1;
};
/// The first record of `batch` at `time` or later; none if all are older.
[[nodiscard]] result<std::optional<record_place>> find_time(byte_view batch, unix_ms time);
/// The first record with the largest time in `batch`.
[[nodiscard]] result<std::optional<record_place>> find_max_time(byte_view batch);

}  // namespace imago::wire
