// A member of a group of the consumer protocol (KIP-848): ConsumerGroupHeartbeat and nothing else.
//
//   joining (epoch 0) --answer--> stable --assignment--> naming --> letting go of what goes --> taking what comes
//      ^                             |                                                               |
//      +---- fenced, unknown --------+ <----------- heartbeat with what is owned now ----------------+
#pragma once

#include "client/group/member.h"

namespace imago::client {

/// The server says what to own; the member lets go first, then takes the rest, and tells so with the next heartbeat.
class consumer_member final : public membership {
public:
    /// `member_id`: a UUID of its own choice.
    consumer_member(const group_options& how, const client_options& options, std::string member_id);

    void subscribe(std::vector<std::string> topics, std::string pattern) override;
    [[nodiscard]] member_action next(steady_time now) override;
    void consumer_heartbeat_answered(const consumer_heartbeat_answer& answer, steady_time now) override;
    void named(const std::map<uuid, std::string>& names, steady_time now) override;
    void left() override;
    void failed(std::error_code error, steady_time now) override;

private:
    void revocation_done() override;
    void reconcile();
    void fenced(steady_time now);
    [[nodiscard]] bool in_group() const { return generation_ > 0; }
    [[nodiscard]] member_action heartbeat_action();
    [[nodiscard]] std::map<uuid, std::vector<std::int32_t>> owned_by_id() const;
    [[nodiscard]] std::vector<uuid> nameless() const;

    std::string own_id_;
    std::vector<std::string> topics_;
    std::string pattern_;
    bool subscribed_ = false;
    bool full_due_ = true;     ///< the server may not know what we said last: say everything
    bool subscription_due_ = false;
    bool owned_due_ = false;
    steady_time heartbeat_due_{};
    milliseconds interval_{5000};
    steady_time naming_due_ = steady_time::max();
    std::map<uuid, std::vector<std::int32_t>> target_;
    bool target_new_ = false;
    std::map<uuid, std::string> names_;
};

}  // namespace imago::client
