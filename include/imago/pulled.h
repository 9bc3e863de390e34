// What consumers give: records of one partition, and changes of what a member of a group owns.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include "imago/message.h"
#include "imago/topic.h"

namespace imago::client {

/// Records of one partition, in order. The views are good until the next pull() or close().
struct pulled {
    std::string_view topic;
    std::int32_t partition = -1;
    std::span<const record> records;  ///< empty when nothing came in time, or with an error
    std::int64_t next_offset = -1;    ///< where the partition's position is now
    std::int64_t end_offset = -1;     ///< of the partition, when the server answered
    std::error_code error;            ///< of this partition: it is not fetched from again until seek()
};

/// A change of what a member owns, told by pull() between records.
enum class rebalance : std::uint8_t {
    none,      ///< no change: records, or nothing
    assigned,  ///< these partitions are ours now; seek() may say where to begin
    revoked,   ///< these go to others once pull() is called again: finish, and commit what is yours to commit
    lost,      ///< these went to others already, for the group has given us up: nothing of them can be committed
};

/// What pull() of a group consumer gave: records of one partition, or a change of the assignment.
struct group_pulled : pulled {
    rebalance change = rebalance::none;
    std::span<const topic_partition> partitions;  ///< those that the change is about; may be empty
};

/// A committed position.
struct committed_offset {
    std::int64_t offset = -1;  ///< -1: nothing is committed
    std::int32_t leader_epoch = -1;
    std::string metadata;
};

}  // namespace imago::client
