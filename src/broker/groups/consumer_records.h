// What is durable of a consumer group; formats in docs/format/tables.md.
//
//   'G'               the group: its epoch, the epoch of its targets, the state of topics that they were made
//   for 'M' + member id   who a member is and what it subscribes to 'N' + member id   where it stands:
//   epochs, phase, what it has and what it is giving up 'T' + member id   its target
#pragma once

#include "broker/groups/consumer_member.h"
#include "broker/groups/context.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace imago::broker::groups {

inline constexpr char consumer_group_kind = 'G';
inline constexpr char consumer_member_kind = 'M';
inline constexpr char consumer_current_kind = 'N';
inline constexpr char consumer_target_kind = 'T';

struct consumer_group_record {
    std::int32_t epoch = 0;
    std::int32_t target_epoch = 0;
    std::uint64_t fingerprint = 0;  ///< subscriptions::fingerprint()
    unix_ms empty_since = -1;       ///< when the last member left; -1: there are members
};
/// As requests and answers have it.
[[nodiscard]] std::vector<topic_partitions> to_list(const partition_set& set);

[[nodiscard]] std::string write_group(const consumer_group_record& group);
[[nodiscard]] std::optional<consumer_group_record> read_group(std::string_view value);

/// A member's own part, and the subscription by its words.
struct consumer_member_record {
    consumer_member member;
    std::vector<std::string> names;
    std::string regex;
};
[[nodiscard]] std::string write_member(const consumer_member& member);
[[nodiscard]] std::optional<consumer_member_record> read_member(std::string_view value);

[[nodiscard]] std::string write_current(const consumer_member& member);
[[nodiscard]] bool read_current(std::string_view value, consumer_member& into);

[[nodiscard]] std::string write_target(const partition_set& target);
[[nodiscard]] std::optional<partition_set> read_target(std::string_view value);

/// For the list of record kinds.
[[nodiscard]] bool consumer_record_readable(const group_record& record);

}  // namespace imago::broker::groups
