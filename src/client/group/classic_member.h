// A member of a classic group: JoinGroup, SyncGroup, Heartbeat, LeaveGroup.
//
//            +--> unjoined --join--> counting (leader only) --> syncing --sync--> stable --+
//            |                                                                             |
//            +------ a rebalance; what must be revoked before it has been given up --------+
#pragma once

#include "client/group/member.h"

namespace imago::client {

/// Eager if any of its assignors is: then everything is revoked before each join. Else what stays is never stopped:
/// partitions that go are revoked after the round that says so, and one more round gives them to others.
class classic_member final : public membership {
public:
    /// The assignors' names must all be known.
    classic_member(const group_options& how, const client_options& options);

    void subscribe(std::vector<std::string> topics, std::string pattern) override;
    [[nodiscard]] member_action next(steady_time now) override;
    void joined(const join_answer& answer, steady_time now) override;
    void counted(const partition_counts& counts, steady_time now) override;
    void synced(const sync_answer& answer, steady_time now) override;
    void heartbeat_answered(std::error_code error, steady_time now) override;
    void left() override;
    void failed(std::error_code error, steady_time now) override;

private:
    enum class state : std::uint8_t { unjoined, joining, counting, syncing, stable, stopped };

    void revocation_done() override {}
    void prepare_join();
    [[nodiscard]] member_action join_action();
    /// What all answers have in common. False if it was no error.
    [[nodiscard]] bool refused(std::error_code error, steady_time now);
    void rejoin();
    [[nodiscard]] bool in_group() const { return generation_ >= 0 && !member_id_.empty(); }

    std::vector<const assignor*> assignors_;
    bool cooperative_ = true;
    std::vector<std::string> topics_;
    state state_ = state::stopped;
    bool prepared_ = false;        ///< what goes before the next join was told
    bool resubscribed_ = false;    ///< while a round was under way
    std::int32_t owned_generation_ = -1;
    steady_time heartbeat_due_{};

    // As the leader of the group
    bool leader_ = false;
    bool skip_assignment_ = false;
    const assignor* chosen_ = nullptr;
    std::vector<assignor_member> members_;
    std::vector<std::string> group_topics_;
    partition_counts counts_;
    steady_time count_due_{};
    std::map<std::string, std::vector<std::byte>> assignments_;
};

}  // namespace imago::client
