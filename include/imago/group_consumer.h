// The group consumer: the members of a group share the partitions of their topics (clustering).
#pragma once

#include <map>
#include <optional>

#include "imago/async.h"
#include "imago/group_options.h"

namespace imago::client {

/// A member of a consumer group, over the classic protocol or KIP-848's.
///
/// Belongs to the thread of its executor, as all of imago/async.h. Heartbeats and rebalances go on in the background
/// whether or not pull() is called; what they change is told by pull(). Calling pull() means that all that earlier
/// calls gave has been dealt with: with auto_commit that much is committed. So each record is processed at least once.
/// A member that the group has given up (fenced, session expired) tells `lost` and joins again by itself.
class group_consumer {
public:
    group_consumer(asio::any_io_executor where, client_options options, group_options how);
    /// Without close() the member stays in the group until its session has expired.
    ~group_consumer();

    /// Joins the group for these topics, or changes what a member is subscribed to. Topics need not exist yet.
    [[nodiscard]] result<> subscribe(std::vector<std::string> topics);
    /// The same for all topics whose whole name matches an RE2 expression. Consumer protocol only.
    [[nodiscard]] result<> subscribe_pattern(std::string expression);
    /// Leaves the group; pull() tells what was given up.
    void unsubscribe();

    /// The next records of any partition that is owned, or a change of what is owned; empty after `max_wait`. Fails
    /// with what ended the membership for good (authorization, fenced_instance_id ...), with not_subscribed, and with
    /// closed.
    [[nodiscard]] asio::awaitable<result<group_pulled>> pull(milliseconds max_wait);
    /// Ends a pull() that is waiting, as if its time had passed.
    void wake();

    /// Commits the positions of all that is owned, that is, all that pull() gave; completes when they are stored.
    [[nodiscard]] asio::awaitable<result<>> commit();
    /// Commits these: the next offset to be read of each.
    [[nodiscard]] asio::awaitable<result<>> commit(std::map<topic_partition, std::int64_t> offsets);
    /// Commits the positions of all that is owned in the background; on_commit tells the outcome.
    void commit_later();
    /// What the group has committed in these partitions, whoever owns them.
    [[nodiscard]] asio::awaitable<result<std::map<topic_partition, committed_offset>>> committed(
        std::vector<topic_partition> where);

    /// The next offset that pull() will give; -1 if the partition is not owned or its position is still looked up.
    [[nodiscard]] std::int64_t position(const topic_partition& where) const;
    /// Moves a partition that is owned.
    [[nodiscard]] result<> seek(const topic_partition& where, std::int64_t offset);
    /// Gives no records of these until resume(); they stay owned. Forgotten when a partition goes.
    void pause(std::span<const topic_partition> where);
    void resume(std::span<const topic_partition> where);

    [[nodiscard]] std::vector<topic_partition> assignment() const;
    /// Empty while not in the group.
    [[nodiscard]] std::string member_id() const;
    /// Of the classic protocol the generation, of the consumer protocol the member's epoch; -1 while not in the group.
    [[nodiscard]] std::int32_t generation() const;

    /// Commits (with auto_commit), leaves the group and ends everything. Static members do not leave: their partitions
    /// wait for them.
    [[nodiscard]] asio::awaitable<void> close();

private:
    struct impl;
    std::shared_ptr<impl> impl_;
};

}  // namespace imago::client
