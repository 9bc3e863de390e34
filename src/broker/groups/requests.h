// What members ask of their group, in neutral words. Values only.
#pragma once

#include "base/ids.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace imago::broker::groups {

/// Who is behind a member, for people who look at the group.
struct client_identity {
    std::string id;    ///< the client's own name for itself
    std::string host;  ///< "/192.0.2.1"
};

/// Instance ids are those of static members; none for dynamic ones.
using instance_id = std::optional<std::string>;

struct join_request {
    std::string member_id;  ///< empty at first
    instance_id instance;
    std::int32_t session_timeout_ms = 0;
    std::int32_t rebalance_timeout_ms = 0;  ///< -1 = the session timeout
    std::string protocol_type;
    /// In the member's order of preference; names with metadata that only the members understand.
    std::vector<std::pair<std::string, std::string>> protocols;
    client_identity client;
    bool member_id_required = false;  ///< the client can do the round in which it is given its id first
    bool can_skip_assignment = false;
};

struct sync_request {
    std::string member_id;
    instance_id instance;
    std::int32_t generation = -1;
    std::optional<std::string> protocol_type;
    std::optional<std::string> protocol_name;
    std::vector<std::pair<std::string, std::string>> assignments;  ///< member id, assignment; the leader's
};

struct heartbeat_request {
    std::string member_id;
    instance_id instance;
    std::int32_t generation = -1;
};

struct leaving_member {
    std::string member_id;  ///< may be empty if instance is given
    instance_id instance;
};
struct leave_request {
    std::vector<leaving_member> members;
};

struct topic_partitions {
    uuid topic;
    std::vector<std::int32_t> partitions;
    bool operator==(const topic_partitions&) const = default;
};

/// What a request does not say is as it was in the request before.
struct consumer_heartbeat_request {
    std::string member_id;
    std::int32_t member_epoch = 0;  ///< 0 joins, -1 leaves, -2 a static member leaves for a while
    instance_id instance;
    std::optional<std::string> rack;
    std::int32_t rebalance_timeout_ms = -1;
    std::optional<std::vector<std::string>> topics;
    std::optional<std::string> topic_regex;
    std::optional<std::string> assignor;
    std::optional<std::vector<topic_partitions>> owned;
    client_identity client;
    /// The client makes its own member id (version 1 and later); else an empty one is filled in by the group.
    bool own_member_id = true;
};

/// Who wants to commit or to read offsets.
struct offset_claim {
    std::string member_id;
    instance_id instance;
    std::int32_t generation = -1;  ///< or the member epoch
    bool knows_epochs = true;      ///< OffsetCommit and OffsetFetch version 9 and later
};

}  // namespace imago::broker::groups
