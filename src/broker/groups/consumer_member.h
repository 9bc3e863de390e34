// A member of a consumer group: what it asked for, what it was told, and where it stands on the way to its
// target.
//
//   stable      has what the target of its epoch says
//   unrevoked   was told to give partitions up, and has not said that it did. Its epoch stays until then
//   unreleased  is at the target's epoch, and waits for partitions that others have not given up yet
#pragma once

#include "base/ids.h"
#include "broker/groups/partition_set.h"
#include "broker/groups/requests.h"
#include "broker/groups/subscriptions.h"

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace imago::broker::groups {

enum class member_phase : std::uint8_t { stable = 1, unrevoked = 2, unreleased = 3 };

/// A static member that is away for a while.
inline constexpr std::int32_t epoch_away = -2;
inline constexpr std::int32_t epoch_leave = -1;

struct consumer_member {
    // ---- durable: who it is (record 'M') ----
    std::string id;
    instance_id instance;
    std::optional<std::string> rack;
    std::int32_t rebalance_timeout_ms = -1;
    client_identity client;
    std::optional<std::string> assignor;
    subscription* subscribed = nullptr;
    /// Of a member that speaks the classic protocol.
    struct classic_side {
        std::int32_t session_timeout_ms = 0;
        std::vector<std::pair<std::string, std::string>> protocols;
        bool operator==(const classic_side&) const = default;
    };
    std::optional<classic_side> classic;

    // ---- durable: what it has (record 'N') ----
    std::int32_t epoch = 0;
    std::int32_t previous_epoch = 0;
    member_phase phase = member_phase::stable;
    partition_set assigned;
    partition_set revoking;  ///< no longer assigned, not yet given up

    // ---- durable: what it shall have (record 'T') ----
    partition_set target;

    /// It was told what it has since the group was loaded: an answer that was lost with the server may never be asked for again.
    bool told = false;

    // ---- deadlines; -1 = none ----
    unix_ms session_ends = -1;
    unix_ms rebalance_ends = -1;  ///< to give up what it must
    unix_ms join_ends = -1;       ///< classic: to join again
    unix_ms sync_ends = -1;       ///< classic: to sync after a join
    unix_ms queued = -1;          ///< when the group looks at the deadlines; not later than the first of them

    [[nodiscard]] unix_ms first_deadline() const;
    [[nodiscard]] bool reconciled_to(std::int32_t target_epoch) const {
        return phase == member_phase::stable && epoch == target_epoch;
    }
};

/// Who holds each partition: it is assigned to it, or it has not given it up yet.
class partition_owners {
public:
    [[nodiscard]] const consumer_member* owner(const topic_partition& where) const;
    [[nodiscard]] bool free_for(const consumer_member& member, const topic_partition& where) const;
    /// What the member holds was `before` and is now member.assigned and member.revoking.
    void moved(const consumer_member& member, const partition_set& before);
    void gone(const consumer_member& member);
    /// For a member that is loaded or converted: takes what nobody has out of its hands; others lose nothing.
    void enter(consumer_member& member);
    [[nodiscard]] bool empty() const { return owners_.empty(); }

private:
    std::unordered_map<topic_partition, const consumer_member*> owners_;
};

/// Takes the member as far towards its target as it can go now. `owned`: what it says it has; null: it did
/// not say. True if anything durable about it changed.
[[nodiscard]] bool reconcile(consumer_member& member, std::int32_t target_epoch, const partition_set* owned,
                             partition_owners& owners);
/// Whether partitions of its target that it has not been given are held by others.
[[nodiscard]] bool waits_for_others(const consumer_member& member, const partition_owners& owners);

}  // namespace imago::broker::groups
