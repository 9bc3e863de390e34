// Offsets by time or at the ends, from the leaders of many partitions.
#pragma once

#include "client/cluster.h"
#include "imago/start.h"

namespace imago::client {

/// One found_offset for each of `where`, in its order. Errors that may pass are tried again until retry_timeout; then,
/// or when they will not pass, they stand in found_offset::error.
[[nodiscard]] asio::awaitable<std::vector<found_offset>> list_offsets(cluster& from, std::vector<topic_partition> where,
                                                                      std::int64_t spec);

/// The same by a rule, which must not be none(): never without an offset, for a time later than all records means the
/// end.
[[nodiscard]] asio::awaitable<std::vector<found_offset>> look_up(cluster& from, std::vector<topic_partition> where,
                                                                 start_from rule);

}  // namespace imago::client
