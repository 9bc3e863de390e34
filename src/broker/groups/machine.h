// One group as a pure state machine: (input, now) -> effects. No clock, thread, lock or socket; the same inputs give
// the same effects (random names come through the context).
//
// Whoever drives it (group_coordinator, or a simulation) calls one function at a time, carries the effects out in the
// order of the calls, and calls tick(now) when wake() has come. `now` never goes back. Every token that was given in
// is answered exactly once, now or by a later step: also when the machine gives way to another (effects::next).
#pragma once

#include "broker/groups/effects.h"
#include "broker/groups/requests.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace imago::broker::groups {

enum class group_type : std::uint8_t { classic, consumer };

enum class group_state : std::uint8_t {
    empty,
    preparing_rebalance,   // classic
    completing_rebalance,  // classic
    assigning,             // consumer
    reconciling,           // consumer
    stable,
    dead,
};
/// Kafka's spelling: "PreparingRebalance".
[[nodiscard]] std::string_view name_of(group_state state);
/// "classic", "consumer".
[[nodiscard]] std::string_view name_of(group_type type);

/// A member as administrators see it.
struct member_view {
    std::string member_id;
    instance_id instance;
    client_identity client;
    // classic
    std::string metadata;    ///< of the chosen protocol
    std::string assignment;  ///< as the leader made it
    // consumer
    std::optional<std::string> rack;
    std::int32_t epoch = 0;
    std::vector<std::string> topics;
    std::string topic_regex;
    std::vector<topic_partitions> current;
    std::vector<topic_partitions> target;
    bool classic_protocol = false;  ///< a member of a consumer group that speaks the classic protocol
};

struct group_view {
    group_type type = group_type::classic;
    group_state state = group_state::empty;
    std::string protocol_type;  ///< "" for groups that have only offsets
    std::string protocol;       ///< of a stable classic group; the assignor of a consumer group
    std::int32_t epoch = 0;
    std::int32_t assignment_epoch = 0;
    std::vector<member_view> members;
};

/// Which changes of topics a group wants to be told of.
struct group_interests {
    std::vector<std::string> topics;
    bool every_topic = false;  ///< regular expressions: each topic that comes or goes
};

/// Whose committed offsets must not expire now.
struct offset_hold {
    bool every_topic = false;
    std::vector<std::string> topics;  ///< if not every_topic
    /// For what is not held: expiry counts from here if that is later than the commit. -1 = from the commit.
    unix_ms since = -1;
};

class machine {
public:
    virtual ~machine() = default;

    // ---- requests of members. A machine that does not speak a protocol answers as Kafka does ----
    [[nodiscard]] virtual effects join(token to, const join_request& asked, unix_ms now) = 0;
    [[nodiscard]] virtual effects sync(token to, const sync_request& asked, unix_ms now) = 0;
    [[nodiscard]] virtual effects heartbeat(token to, const heartbeat_request& asked, unix_ms now) = 0;
    [[nodiscard]] virtual effects leave(token to, const leave_request& asked, unix_ms now) = 0;
    [[nodiscard]] virtual effects consumer_heartbeat(token to, const consumer_heartbeat_request& asked,
                                                     unix_ms now) = 0;

    // ---- time ----
    /// Does what was due. Harmless when nothing is.
    [[nodiscard]] virtual effects tick(unix_ms now) = 0;
    /// When tick() must be called next; may be too early, never too late. None: nothing is due.
    [[nodiscard]] virtual std::optional<unix_ms> wake() const = 0;

    // ---- offsets ----
    /// Whether this commit is accepted; no error: it is, and the member has shown that it lives.
    [[nodiscard]] virtual std::error_code check_commit(const offset_claim& who, unix_ms now) = 0;
    [[nodiscard]] virtual std::error_code check_fetch(const offset_claim& who) const = 0;
    /// Whether offsets may be deleted at all (non_empty_group), and those of a topic that is subscribed.
    [[nodiscard]] virtual std::error_code check_offset_delete() const = 0;
    [[nodiscard]] virtual bool subscribed(std::string_view topic) const = 0;
    [[nodiscard]] virtual offset_hold hold() const = 0;

    // ---- administration ----
    [[nodiscard]] virtual group_type type() const = 0;
    [[nodiscard]] virtual group_state state() const = 0;
    [[nodiscard]] virtual std::string protocol_type() const = 0;
    [[nodiscard]] virtual group_view view() const = 0;
    /// No error: the effects have the removal of every record, and the machine is dead. non_empty_group otherwise.
    [[nodiscard]] virtual std::error_code remove(effects& out) = 0;

    // ---- topics ----
    [[nodiscard]] virtual group_interests interests() const { return {}; }
    /// Topics of interests() came, went or grew; the context's directory has what they are now. With a name that
    /// was removed the directory has none.
    [[nodiscard]] virtual effects topics_changed(const std::vector<std::string>& names, unix_ms now) {
        static_cast<void>(names), static_cast<void>(now);
        return {};
    }

    /// Nothing is waiting, due or known that the durable records do not say: it may be dropped and loaded again.
    [[nodiscard]] virtual bool idle() const = 0;
};

}  // namespace imago::broker::groups
