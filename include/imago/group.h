// Consumer groups, as the servers tell of them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "imago/topic.h"

namespace imago::client {

/// Which groups to list; an empty list means all.
struct group_filter {
    std::vector<std::string> states;  ///< Kafka's names: Stable, Empty, PreparingRebalance ...
    std::vector<std::string> types;   ///< classic, consumer
};

struct group_listing {
    std::string id;
    std::string state;          ///< empty: the server is too old to tell
    std::string type;           ///< "classic", "consumer", "share" ...
    std::string protocol_type;  ///< "consumer", "connect" ...; empty for a group that only stores offsets
};

struct group_member {
    std::string id;
    std::optional<std::string> instance_id;  ///< of a static member
    std::string client_id;
    std::string client_host;
    std::int32_t epoch = -1;                       ///< consumer groups only
    bool classic = true;                           ///< which protocol the member itself speaks
    std::vector<topic_partition> assignment;       ///< sorted; empty if the protocol type is not "consumer"
    std::vector<topic_partition> target;           ///< where a consumer group is heading; sorted
    std::vector<std::string> subscribed;           ///< topics by name
    std::optional<std::string> subscribed_regex;
};

struct group_description {
    std::string id;
    std::error_code error;  ///< then all but id and detail is empty
    std::string detail;     ///< the server's words, if it had any
    std::string state;
    std::string type;           ///< "classic" or "consumer"
    std::string protocol_type;  ///< "consumer", "connect" ...
    std::string assignor;       ///< who assigns: of a classic group the protocol that its members chose
    std::int32_t epoch = -1;             ///< consumer groups only
    std::int32_t assignment_epoch = -1;  ///< consumer groups only
    std::int32_t coordinator = -1;       ///< the server that keeps the group
    std::vector<group_member> members;
};

/// How far a group has read in one partition, or the error of a call about it.
struct group_offset {
    topic_partition where;
    std::int64_t offset = -1;        ///< -1: nothing is committed
    std::int32_t leader_epoch = -1;  ///< -1: not known
    std::string metadata;
    std::error_code error;
};

struct group_offsets {
    std::string group;
    std::error_code error;
    std::vector<group_offset> offsets;  ///< by topic and partition
};

}  // namespace imago::client
