// What members of a classic group of type "consumer" tell each other inside the opaque bytes of the group protocol.
//
//   subscription  version i16, topics [string], user data ?bytes, 1+: owned [topic string, partitions [i32]],
//                 2+: generation i32, 3+: rack ?string
//   assignment    version i16, [topic string, partitions [i32]], user data ?bytes
//
// All classic encodings (i16 and i32 lengths); later versions only append, so that older readers stop early.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "imago/result.h"
#include "imago/topic.h"

namespace imago::client {

using partition_set = std::set<topic_partition>;

struct group_subscription {
    std::vector<std::string> topics;
    partition_set owned;
    std::int32_t generation = -1;  ///< in which `owned` was assigned; -1 = not told
    std::string rack;
};

/// With `generation_in_user_data`, as cooperative-sticky has it, for readers older than version 2.
[[nodiscard]] std::vector<std::byte> encode_subscription(const group_subscription& from, bool generation_in_user_data);
/// Fails with bad_response on anything malformed. Newer versions are read as the newest that is known.
[[nodiscard]] result<group_subscription> decode_subscription(byte_view bytes);

[[nodiscard]] std::vector<std::byte> encode_assignment(const partition_set& from);
/// Empty bytes are an empty assignment: a leader gives such to members that it does not know.
[[nodiscard]] result<partition_set> decode_assignment(byte_view bytes);

}  // namespace imago::client
