// Offsets by time or at the ends, from the leaders of many partitions.
#pragma once

#include "client/cluster.h"

namespace imago::client {

/// One found_offset for each of `where`, in its order. Errors that may pass are tried again until retry_timeout; then,
/// or when they will not pass, they stand in found_offset::error.
[[nodiscard]] asio::awaitable<std::vector<found_offset>> list_offsets(cluster& from, std::vector<topic_partition> where,
                                                                      std::int64_t spec);

}  // namespace imago::client
