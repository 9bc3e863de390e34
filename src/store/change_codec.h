// Changes of tables as record batches of the internal queue. Key of a record: the table's number, then the table's own
// key; no value = removed. Uncompressed; format as docs/format/commitlog.md says.
#pragma once

#include <functional>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "store/table.h"

namespace imago::store {

/// The queue that holds the changes of all tables.
inline constexpr queue_id change_queue{0};
/// Ids below are the store's; queues for messages start here.
inline constexpr std::uint32_t first_queue_id = 16;

/// Appends one batch with all changes to `out` (base offset 0, CRC set). At least one change.
void encode_changes(const std::vector<table_change>& changes, unix_ms time, std::vector<std::byte>& out);

struct decoded_change {
    table_id table{};
    byte_view key;
    byte_view value;
    bool removed = false;
};
/// Visits each change of a batch; an error if it is none of ours.
[[nodiscard]] result<> decode_changes(byte_view batch, const std::function<void(const decoded_change&)>& visit);

}  // namespace imago::store
