// A group of the classic protocol: members choose a leader, the leader assigns, and the group knows nothing of what
// is assigned.
//
//   Empty --join--> PreparingRebalance --all joined, or time is up--> CompletingRebalance --leader synced--> Stable
//                        ^------------------- a member joins, leaves or is lost ---------------------------'
//
// Durable: the last completed sync of each group, changes of its static members, and that it became empty. What is
// being agreed upon is not: after a crash the members go on where they were durable, and rejoin if they must.
#pragma once

#include "broker/groups/context.h"
#include "broker/groups/machine.h"

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace imago::broker::groups {

/// A member that is moved to another machine, with what waits in it.
struct classic_member_state {
    std::string member_id;
    instance_id instance;
    client_identity client;
    std::int32_t session_timeout_ms = 0;
    std::int32_t rebalance_timeout_ms = 0;
    std::vector<std::pair<std::string, std::string>> protocols;
    std::string assignment;
    token joining = 0;  ///< waits for its join_answer
    token syncing = 0;
};

/// Everything about a classic group that another machine needs to go on with it, and back.
struct classic_group_state {
    std::int32_t generation = 0;
    std::string protocol_type;
    std::optional<std::string> protocol;
    std::string leader;
    group_state state = group_state::empty;
    std::vector<classic_member_state> members;
};

class classic_group final : public machine {
public:
    classic_group(std::string name, const context& with);
    ~classic_group() override;

    /// As it was durable; each member has a fresh session timeout from `now`. Null: the records are no such group.
    [[nodiscard]] static std::unique_ptr<classic_group> load(std::string name, const context& with,
                                                             std::span<const group_record> records, unix_ms now);
    /// A group that was of the consumer protocol (migration): Stable as it stands in `from`, then a rebalance begins if
    /// `rebalance`. `out` gets its record.
    [[nodiscard]] static std::unique_ptr<classic_group> resume(std::string name, const context& with,
                                                               classic_group_state from, bool rebalance, unix_ms now,
                                                               effects& out);
    /// The group as it stands, for consumer_factory::convert. The tokens are the caller's to answer if it takes over.
    [[nodiscard]] classic_group_state export_state() const;
    [[nodiscard]] const std::string& name() const;

    [[nodiscard]] effects join(token to, const join_request& asked, unix_ms now) override;
    [[nodiscard]] effects sync(token to, const sync_request& asked, unix_ms now) override;
    [[nodiscard]] effects heartbeat(token to, const heartbeat_request& asked, unix_ms now) override;
    [[nodiscard]] effects leave(token to, const leave_request& asked, unix_ms now) override;
    /// Hands over to the consumer protocol through the context's factory, if that takes the group.
    [[nodiscard]] effects consumer_heartbeat(token to, const consumer_heartbeat_request& asked,
                                             unix_ms now) override;
    [[nodiscard]] effects tick(unix_ms now) override;
    [[nodiscard]] std::optional<unix_ms> wake() const override;
    [[nodiscard]] std::error_code check_commit(const offset_claim& who, unix_ms now) override;
    [[nodiscard]] std::error_code check_fetch(const offset_claim& who) const override;
    [[nodiscard]] std::error_code check_offset_delete() const override;
    [[nodiscard]] bool subscribed(std::string_view topic) const override;
    [[nodiscard]] offset_hold hold() const override;
    [[nodiscard]] group_type type() const override { return group_type::classic; }
    [[nodiscard]] group_state state() const override;
    [[nodiscard]] std::string protocol_type() const override;
    [[nodiscard]] group_view view() const override;
    [[nodiscard]] std::error_code remove(effects& out) override;
    [[nodiscard]] bool idle() const override;

private:
    struct parts;
    std::unique_ptr<parts> parts_;
};

}  // namespace imago::broker::groups
