// What one step of a group gives back. A machine never does anything itself: it says what is to be done.
//
//   changes   must be durable before any answer of this step, or of a later step of the same group, goes out
//   answers   to requests that wait, this one's or others'. Each token is answered once
//   next      the group goes on as another machine (migration between the protocols)
#pragma once

#include "broker/changes.h"
#include "broker/groups/requests.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

namespace imago::broker::groups {

class machine;

/// Names a request until its answer. Never reused while the server runs; 0 is none.
using token = std::uint64_t;

struct joined_member {
    std::string member_id;
    instance_id instance;
    std::string metadata;
};
struct join_answer {
    std::error_code error;
    std::int32_t generation = -1;
    std::optional<std::string> protocol_type;
    std::optional<std::string> protocol_name;
    std::string leader;
    std::string member_id;
    bool skip_assignment = false;
    std::vector<joined_member> members;  ///< for the leader only
};

struct sync_answer {
    std::error_code error;
    std::optional<std::string> protocol_type;
    std::optional<std::string> protocol_name;
    std::string assignment;
};

struct heartbeat_answer {
    std::error_code error;
};

struct left_member {
    std::string member_id;
    instance_id instance;
    std::error_code error;
};
struct leave_answer {
    std::error_code error;
    std::vector<left_member> members;  ///< in the order of the request
};

struct consumer_heartbeat_answer {
    std::error_code error;
    std::string message;  ///< for people, with an error
    std::optional<std::string> member_id;
    std::int32_t member_epoch = 0;
    std::int32_t heartbeat_interval_ms = 0;
    std::optional<std::vector<topic_partitions>> assignment;
};

using answer = std::variant<join_answer, sync_answer, heartbeat_answer, leave_answer, consumer_heartbeat_answer>;

struct effects {
    change_list changes;
    std::vector<std::pair<token, answer>> answers;
    /// Takes the group's place when the step is over; shares nothing with the machine that made it.
    std::unique_ptr<machine> next;
    /// What machine::interests() or machine::hold() says may be other than before.
    bool interests_changed = false;

    effects();
    ~effects();
    effects(effects&&) noexcept;
    effects& operator=(effects&&) noexcept;

    /// Out of line: GCC 12 takes the variant for uninitialized where it is inlined.
    void tell(token to, answer what);
};

}  // namespace imago::broker::groups
