// A group member without any I/O: what it must do next, given what happened and the time.
//
//   driver:  next(now) -> action --> carries it out --> the input of the same name with the outcome, or failed(error)
//   pull():  take_event() -> assigned | revoked | lost; given_up() once revoked partitions have been let go
//
// One action at a time; the other inputs may come meanwhile. Two machines: classic_member, consumer_member.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <system_error>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "client/group/assignor.h"
#include "client/outgoing_batch.h"
#include "imago/group_consumer.h"

namespace imago::client {

/// What a machine asks for. Requests go to the group's coordinator.
namespace group_action {

/// Nothing until that time, or until an input.
struct idle {
    steady_time until;
};
struct join {
    struct protocol {
        std::string name;
        std::vector<std::byte> metadata;
    };
    std::string member_id;
    std::vector<protocol> protocols;
};
/// How many partitions these topics have now.
struct count_partitions {
    std::vector<std::string> topics;
};
struct sync {
    std::int32_t generation;
    std::string member_id;
    std::string protocol;
    std::map<std::string, std::vector<std::byte>> assignments;  ///< by member; from the leader only
};
struct heartbeat {
    std::int32_t generation;
    std::string member_id;
};
struct leave {
    std::string member_id;
    std::string reason;
};
/// ConsumerGroupHeartbeat. What is not set is as before.
struct consumer_heartbeat {
    std::string member_id;
    std::int32_t epoch;
    bool full = false;  ///< with all the options of the member
    std::optional<std::vector<std::string>> topics;
    std::optional<std::string> pattern;
    std::optional<std::map<uuid, std::vector<std::int32_t>>> owned;
};
/// The names of topics.
struct name_topics {
    std::vector<uuid> ids;
};
/// The membership is over: with an error, or as asked.
struct ended {
    std::error_code error;
};

}  // namespace group_action

using member_action = std::variant<group_action::idle, group_action::join, group_action::count_partitions, group_action::sync,
                                   group_action::heartbeat, group_action::leave, group_action::consumer_heartbeat,
                                   group_action::name_topics, group_action::ended>;

/// Answers, as far as the machines look at them.
struct join_answer {
    std::error_code error;
    std::int32_t generation = -1;
    std::string member_id;
    std::string leader;
    std::string protocol;
    bool skip_assignment = false;
    struct member {
        std::string id;
        std::optional<std::string> instance_id;
        std::vector<std::byte> metadata;
    };
    std::vector<member> members;
};
struct sync_answer {
    std::error_code error;
    std::vector<std::byte> assignment;
};
struct consumer_heartbeat_answer {
    std::error_code error;
    std::string member_id;
    std::int32_t epoch = 0;
    milliseconds interval{0};
    std::optional<std::map<uuid, std::vector<std::int32_t>>> assignment;  ///< none: as before
};

struct rebalance_event {
    rebalance change = rebalance::none;
    partition_set partitions;
};

/// What both machines share: what is owned, what of it the application knows, and how long it may be silent.
class membership {
public:
    membership(const group_options& how, const client_options& options)
        : how_(how), retry_backoff_(options.retry_backoff), metadata_max_age_(options.metadata_max_age) {}
    virtual ~membership() = default;

    // ---- Inputs from the application
    virtual void subscribe(std::vector<std::string> topics, std::string pattern) = 0;
    /// Leave, give everything up; then the member has ended.
    void leave() { leaving_ = true; }
    /// It waits for records; from polled() on it deals with them.
    void polling() {
        poll_deadline_ = steady_time::max();
        silent_ = false;
    }
    void polled(steady_time now) { poll_deadline_ = now + how_.max_poll_interval; }
    [[nodiscard]] bool has_event() const { return !events_.empty(); }
    /// The next change to be told, in order.
    [[nodiscard]] std::optional<rebalance_event> take_event();
    /// The partitions of the revoked event that was taken are let go.
    void given_up();

    // ---- The driver's side
    [[nodiscard]] virtual member_action next(steady_time now) = 0;
    virtual void joined(const join_answer&, steady_time) {}
    virtual void counted(const partition_counts&, steady_time) {}
    virtual void synced(const sync_answer&, steady_time) {}
    virtual void heartbeat_answered(std::error_code, steady_time) {}
    virtual void consumer_heartbeat_answered(const consumer_heartbeat_answer&, steady_time) {}
    /// Names of the topics that the servers know; the others are asked for again later.
    virtual void named(const std::map<uuid, std::string>&, steady_time) {}
    virtual void left() = 0;
    /// The action under way came to nothing: no coordinator, no connection, no answer.
    virtual void failed(std::error_code error, steady_time now) = 0;
    /// Whether the coordinator must be looked up again; asked after each input, and forgets it.
    [[nodiscard]] bool take_coordinator_lost() { return std::exchange(coordinator_lost_, false); }

    [[nodiscard]] const partition_set& owned() const { return owned_; }
    [[nodiscard]] const std::string& member_id() const { return member_id_; }
    /// The generation or epoch; -1 while not in the group.
    [[nodiscard]] std::int32_t generation() const { return generation_; }
    [[nodiscard]] std::error_code error() const { return error_; }

protected:
    // What the application is told. Changes of what it has not been told yet are settled between us.
    void tell_assigned(const partition_set& added);
    void tell_revoked(const partition_set& gone);
    void tell_lost();
    [[nodiscard]] bool revoking() const { return !revoking_.empty(); }
    virtual void revocation_done() = 0;

    [[nodiscard]] bool too_silent(steady_time now) const { return now >= poll_deadline_; }
    void retry_later(steady_time now);
    void retry_reset() { pause_ = milliseconds(0); }
    void end(std::error_code error) {
        tell_lost();
        generation_ = -1;
        error_ = error;
        ended_ = true;
    }

    group_options how_;
    milliseconds retry_backoff_;
    milliseconds metadata_max_age_;
    bool leaving_ = false;
    bool leave_under_way_ = false;
    bool ended_ = false;
    bool silent_ = false;       ///< left because the application did not pull; comes back when it does
    bool coordinator_lost_ = false;
    std::error_code error_;
    std::string member_id_;
    std::int32_t generation_ = -1;
    partition_set owned_;
    steady_time poll_deadline_ = steady_time::max();
    steady_time retry_at_{};

private:
    std::deque<rebalance_event> events_;
    partition_set revoking_;    ///< told or to be told as revoked, not given up yet; part of owned_
    partition_set taken_;       ///< those of them that the application knows of
    milliseconds pause_{0};
};

}  // namespace imago::client
