// The records of a fetched batch, uncompressed.
#pragma once

#include <vector>

#include "base/bytes.h"
#include "base/record_batch.h"
#include "imago/result.h"

namespace imago::client {

/// A view of the batch itself, or of `into` when the records are compressed. Fails with corrupt_message, or with
/// unsupported_compression_type for codec bits that are none. At most `limit` bytes come out.
[[nodiscard]] result<byte_view> records_of(batch_view batch, std::vector<std::byte>& into, std::size_t limit);

}  // namespace imago::client
