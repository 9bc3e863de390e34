// A group of the consumer protocol (KIP-848): the group assigns, and each member goes from what it has to
// what it shall have by itself, heartbeat by heartbeat, while the others go on consuming.
//
//   group epoch    grows when members or topics change
//   target         who shall have what, made for a group epoch by an assignor (assignors.h)
//   member epoch   the group epoch whose target the member has been taken to (consumer_member.h)
//
// Rules that hold after every step, also after a crash:
// - A partition is held by one member at most. It is given on only when the one that had it has said that it
// gave it
//   up, has left, or was fenced; as an answer leaves only when all before it is durable, no member ever hears
//   of a partition that another may still have.
// - No epoch goes back. A member whose epoch is not the group's view of it is fenced: it gives everything up
// and
//   joins again. One exception: the epoch before, with nothing owned that it does not have, is a lost answer.
//
// Members of the classic protocol may be part of it (live migration): they join, sync, heartbeat and leave as
// they are used to, are given their partitions by the group instead of a leader, and are told to join again
// when these change. When the last member of the consumer protocol leaves, the group goes on as a classic
// one.
//
// A heartbeat that changes nothing costs a look-up of the member, whatever the size of the group.
#pragma once

#include "broker/groups/consumer_member.h"
#include "broker/groups/consumer_records.h"
#include "broker/groups/context.h"
#include "broker/groups/effects.h"
#include "broker/groups/errors.h"
#include "broker/groups/machine.h"
#include "broker/groups/subscriptions.h"

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace imago::broker::groups {

class consumer_group final : public machine {
public:
    consumer_group(std::string name, const context& with);
    ~consumer_group() override;

    // ---- consumer_factory ----
    [[nodiscard]] static std::unique_ptr<machine> make(std::string name, const context& with);
    [[nodiscard]] static std::unique_ptr<machine> load(std::string name, const context& with,
                                                       std::span<const group_record> records, unix_ms now);
    [[nodiscard]] static std::unique_ptr<machine> convert(classic_group& from, const context& with,
                                                          unix_ms now, effects& out);
    [[nodiscard]] static consumer_factory factory() { return {&make, &load, &convert}; }

    // ---- machine ----
    [[nodiscard]] effects join(token to, const join_request& asked, unix_ms now) override;
    [[nodiscard]] effects sync(token to, const sync_request& asked, unix_ms now) override;
    [[nodiscard]] effects heartbeat(token to, const heartbeat_request& asked, unix_ms now) override;
    [[nodiscard]] effects leave(token to, const leave_request& asked, unix_ms now) override;
    [[nodiscard]] effects consumer_heartbeat(token to, const consumer_heartbeat_request& asked,
                                             unix_ms now) override;
    [[nodiscard]] effects tick(unix_ms now) override;
    [[nodiscard]] std::optional<unix_ms> wake() const override;
    [[nodiscard]] std::error_code check_commit(const offset_claim& who, unix_ms now) override;
    [[nodiscard]] std::error_code check_fetch(const offset_claim& who) const override;
    [[nodiscard]] std::error_code check_offset_delete() const override { return {}; }
    [[nodiscard]] bool subscribed(std::string_view topic) const override { return subscriptions_.has(topic); }
    [[nodiscard]] offset_hold hold() const override;
    [[nodiscard]] group_type type() const override { return group_type::consumer; }
    [[nodiscard]] group_state state() const override;
    [[nodiscard]] std::string protocol_type() const override { return "consumer"; }
    [[nodiscard]] group_view view() const override;
    [[nodiscard]] std::error_code remove(effects& out) override;
    [[nodiscard]] group_interests interests() const override { return subscriptions_.interests(); }
    [[nodiscard]] effects topics_changed(const std::vector<std::string>& names, unix_ms now) override;
    [[nodiscard]] bool idle() const override { return members_.empty(); }

private:
    /// Why a request is refused, in the words of the protocol and for people.
    struct refusal {
        group_errc error{};
        std::string message;
    };
    /// What a member says about itself; what is not said stays as it is.
    struct news {
        const instance_id* instance = nullptr;
        const std::optional<std::string>* rack = nullptr;
        std::int32_t rebalance_timeout_ms = -1;
        const std::optional<std::string>* assignor = nullptr;
        const std::optional<std::vector<std::string>>* topics = nullptr;
        const std::optional<std::string>* regex = nullptr;
        std::shared_ptr<const topic_pattern> pattern;  ///< of regex
        const client_identity* client = nullptr;
        std::optional<consumer_member::classic_side> classic;
    };

    // ---- one step (consumer_group.cc) ----
    /// Ends a step: the group's own record, if it changed, and whether interests did.
    effects finish(effects out);
    void save_member(const consumer_member& member, effects& out) const;
    void save_current(const consumer_member& member, effects& out) const;
    void save_target(const consumer_member& member, effects& out) const;
    void forget_records(const std::string& member_id, effects& out) const;
    void note(std::string text) const;

    // ---- the consumer protocol (consumer_heartbeat.cc) ----
    [[nodiscard]] std::optional<refusal> problem_of(const consumer_heartbeat_request& asked) const;
    [[nodiscard]] std::optional<refusal> admit(const consumer_heartbeat_request& asked, const std::string& id,
                                               const partition_set* owned, consumer_member*& member,
                                               effects& out);
    [[nodiscard]] std::optional<refusal> epoch_problem(const consumer_member& member, std::int32_t epoch,
                                                       const partition_set* owned) const;
    void let_go(token to, const consumer_heartbeat_request& asked, unix_ms now, effects& out);

    // ---- members (consumer_membership.cc) ----
    [[nodiscard]] consumer_member* find(std::string_view id) const;
    [[nodiscard]] consumer_member* find_instance(const std::string& instance) const;
    consumer_member& add(std::string id);
    /// A static member comes back under another id: it is the same member, with its partitions.
    void replace(consumer_member& member, std::string id, effects& out);
    /// True if the subscription is another one. Writes what changed.
    bool update(consumer_member& member, news what, bool is_new, effects& out);
    void drop(consumer_member& member, effects& out);
    /// Drops it, and the group epoch grows.
    void expel(consumer_member& member, unix_ms now, effects& out);
    /// The member is out. The group may go on as a classic one (out.next).
    void fence(consumer_member& member, unix_ms now, effects& out);
    void watch(consumer_member& member);
    void restart_session(consumer_member& member, unix_ms now);

    // ---- assignment (consumer_assignment.cc) ----
    void bump() { ++epoch_, changed_ = true; }
    /// The group epoch grows if subscriptions or topics changed; then targets are made for it.
    void bring_up_to_date(bool subscription_changed, effects& out);
    void make_targets(effects& out);
    [[nodiscard]] const std::string& assignor_name() const;
    /// One step of the member towards its target; true if what is assigned to it changed.
    bool step(consumer_member& member, const partition_set* owned, unix_ms now, effects& out);

    // ---- classic members (consumer_classic.cc) ----
    [[nodiscard]] bool supports(const std::vector<std::pair<std::string, std::string>>& protocols) const;
    [[nodiscard]] std::optional<group_errc> validate(std::string_view id, const instance_id& instance,
                                                     consumer_member*& member) const;
    [[nodiscard]] partition_set from_names(const std::vector<classic_subscription::owned>& list) const;
    [[nodiscard]] std::string encode(const partition_set& set, const consumer_member& member) const;

    // ---- migration (consumer_migration.cc) ----
    [[nodiscard]] bool only_classic_without(const consumer_member* leaving) const;
    [[nodiscard]] bool may_become_classic(std::size_t size) const;
    void become_classic(const consumer_member* leaving, unix_ms now, effects& out);

    const std::string name_;
    const context& with_;
    subscriptions subscriptions_;
    std::map<std::string, std::unique_ptr<consumer_member>, std::less<>> members_;
    std::map<std::string, consumer_member*, std::less<>> instances_;
    partition_owners owners_;
    std::set<std::pair<unix_ms, consumer_member*>> deadlines_;
    std::size_t classic_members_ = 0;
    std::int32_t epoch_ = 0;
    std::int32_t target_epoch_ = 0;
    std::uint64_t fingerprint_ = 0;  ///< of the topics that the group epoch stands for
    unix_ms empty_since_ = -1;       ///< when the last member left; -1: there are members
    bool durable_ = false;           ///< there is a record of the group, or one is on its way
    bool changed_ = false;           ///< the record must be written
    std::uint64_t seen_version_ = 0;
};

}  // namespace imago::broker::groups
