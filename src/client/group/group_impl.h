// Inside the group consumer.
//
//   run():   a member (state machine) <-- requests and answers --> the coordinator, over a connection of its own
//   pull():  takes what the member tells, and records from an ordinary consumer that fetches what is owned
//   locate():  finds where newly assigned partitions begin: committed offsets, else group_options::start
//
// All on one thread. The member's connection is its own because a JoinGroup may take minutes, and a server answers in
// order: commits go over the cluster's connections.
#pragma once

#include <deque>

#include "client/background.h"
#include "client/group/member.h"
#include "imago/group_consumer.h"

namespace imago::client {

struct group_consumer::impl : background<group_consumer::impl> {
    impl(asio::any_io_executor where, client_options options, group_options how);

    // The application's side (group_consumer.cc)
    [[nodiscard]] result<> subscribe(std::vector<std::string> topics, std::string pattern);
    void unsubscribe();
    [[nodiscard]] asio::awaitable<result<group_pulled>> pull(milliseconds max_wait);
    [[nodiscard]] result<> seek(const topic_partition& where, std::int64_t offset);
    [[nodiscard]] asio::awaitable<void> close();
    void end();
    [[nodiscard]] asio::awaitable<void> give_up_revoked();
    void tell(rebalance_event event, group_pulled& into);
    [[nodiscard]] bool explain(pulled& got);
    void forget(const topic_partition& where);

    // The member's side (group_driver.cc)
    [[nodiscard]] std::unique_ptr<membership> make_member();
    [[nodiscard]] asio::awaitable<void> run();
    [[nodiscard]] asio::awaitable<void> carry_out(member_action& action);
    [[nodiscard]] asio::awaitable<result<connection_ptr>> member_line();
    [[nodiscard]] asio::awaitable<void> join(const group_action::join& what);
    [[nodiscard]] asio::awaitable<void> sync(const group_action::sync& what);
    [[nodiscard]] asio::awaitable<void> heartbeat(const group_action::heartbeat& what);
    [[nodiscard]] asio::awaitable<void> leave(const group_action::leave& what);
    [[nodiscard]] asio::awaitable<void> consumer_heartbeat(const group_action::consumer_heartbeat& what);
    [[nodiscard]] asio::awaitable<void> count(const group_action::count_partitions& what);
    [[nodiscard]] asio::awaitable<void> name(const group_action::name_topics& what);
    template <class Response, class Request>
    [[nodiscard]] asio::awaitable<result<answer<Response>>> ask(const Request& request, std::int16_t version_max,
                                                                milliseconds patience);
    void after_input();
    [[nodiscard]] asio::awaitable<result<std::int32_t>> coordinator();
    [[nodiscard]] std::optional<std::string_view> instance() const;

    // Positions (group_offsets.cc)
    [[nodiscard]] std::map<topic_partition, std::int64_t> positions() const;
    [[nodiscard]] asio::awaitable<result<>> commit(std::map<topic_partition, std::int64_t> offsets,
                                                   milliseconds patience);
    [[nodiscard]] asio::awaitable<std::error_code> commit_once(const std::map<topic_partition, std::int64_t>& offsets);
    void commit_in_background();
    [[nodiscard]] asio::awaitable<result<std::map<topic_partition, committed_offset>>> committed(
        std::vector<topic_partition> where);
    [[nodiscard]] asio::awaitable<result<std::map<topic_partition, committed_offset>>> committed_once(
        const std::vector<topic_partition>& where);
    void locate_later();
    [[nodiscard]] asio::awaitable<void> locate();
    [[nodiscard]] asio::awaitable<std::error_code> locate_by_rule(std::vector<topic_partition> where);
    void place(const topic_partition& where, std::int64_t offset);

    group_options how_;
    consumer fetching_;
    bool ended_ = false;
    bool woken_ = false;

    std::unique_ptr<membership> member_;
    bool running_member_ = false;
    bool subscribed_ = false;
    std::vector<std::string> topics_;
    std::string pattern_;
    event changed_;             ///< the member has inputs to look at
    connection_ptr line_;       ///< to the coordinator, for the member alone
    std::int32_t coordinator_ = -1;
    bool may_interrupt_ = false;  ///< the request under way is a join or sync, which closing need not wait for

    partition_set placed_;      ///< owned, told, and fetched from
    partition_set unplaced_;    ///< owned and told, the position is being looked up
    partition_set reset_;       ///< of those: do not look at what is committed, it is not kept any more
    partition_set paused_;
    bool locating_ = false;
    std::map<topic_partition, std::error_code> position_errors_;

    std::vector<topic_partition> told_;  ///< what the views of the last pull() refer to
    std::vector<topic_partition> revoked_;  ///< told as revoked: given up by the next pull()
    std::map<topic_partition, std::int64_t> stored_;  ///< positions as last committed
    steady_time commit_due_ = steady_time::max();
    bool committing_ = false;
};

}  // namespace imago::client
