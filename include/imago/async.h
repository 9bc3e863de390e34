// The coroutine API of the client: producer, consumer and admin on standalone Asio.
//
// Each object owns its connections and belongs to one thread: create it, call it and destroy it where its executor
// runs, and let one thread at a time run that executor. Awaitables are started by awaiting them; they end with a
// value or an error, never with an exception. Arguments passed by reference must live until the call has ended.
// Call close() and await it before destroying an object, which must outlive the calls on it.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "imago/errors.h"
#include "imago/group.h"
#include "imago/message.h"
#include "imago/options.h"
#include "imago/pulled.h"
#include "imago/result.h"
#include "imago/topic.h"

namespace imago::client {

/// Sends messages: batches them, keeps the order of each partition, retries, and tells the fate of each.
class producer {
public:
    producer(asio::any_io_executor where, client_options options, producer_options how);
    ~producer();

    /// A topic that can be sent to; good until the producer is destroyed.
    struct topic;
    /// Looks the topic up; the server may create it if it is configured so.
    [[nodiscard]] asio::awaitable<result<topic*>> open_topic(std::string name);
    [[nodiscard]] static std::int32_t partitions(const topic& where);

    /// Takes a copy of the message, or fails at once: buffer_full (await room() and try again), no_such_partition,
    /// message_too_large, or the error that ended the producer. Its delivery is reported by on_delivery.
    [[nodiscard]] result<> try_send(topic& where, const message& what);
    /// Completes when there is room in the buffer again, or fails as try_send would.
    [[nodiscard]] asio::awaitable<result<>> room();
    /// try_send, waiting for room where needed.
    [[nodiscard]] asio::awaitable<result<>> send(topic& where, const message& what);

    /// Sends everything taken so far without lingering; completes when the fate of all of it has been reported.
    [[nodiscard]] asio::awaitable<result<>> flush();
    /// flush(), then the end. What cannot be delivered in `delivery_timeout` is reported as failed.
    [[nodiscard]] asio::awaitable<void> close();

    struct statistics {
        std::uint64_t messages_acknowledged = 0;
        std::uint64_t messages_failed = 0;
        std::uint64_t payload_bytes = 0;   ///< keys and values acknowledged
        std::uint64_t requests = 0;
        std::uint64_t batches = 0;         ///< sent, with retries
        std::uint64_t retries = 0;
        std::uint64_t batch_bytes = 0;     ///< of batches as sent, with retries
    };
    [[nodiscard]] statistics counted() const;
    /// Bytes taken and not yet decided.
    [[nodiscard]] std::size_t buffered_bytes() const;

private:
    struct impl;
    std::shared_ptr<impl> impl_;
};

/// Pulls records from partitions that are assigned by hand, fetching ahead.
class consumer {
public:
    consumer(asio::any_io_executor where, client_options options, consumer_options how);
    ~consumer();

    /// Adds a partition, or moves one that is there: reading goes on at `offset`, a number or offset_spec::earliest or
    /// ::latest (which are looked up).
    [[nodiscard]] asio::awaitable<result<>> assign(topic_partition where, std::int64_t offset);
    /// The same at an offset that is known: nothing is asked.
    [[nodiscard]] result<> assign_at(topic_partition where, std::int64_t offset);
    /// Takes a partition away.
    void unassign(const topic_partition& where);
    /// Moves an assigned partition; what was fetched ahead is dropped.
    [[nodiscard]] result<> seek(const topic_partition& where, std::int64_t offset);
    /// Gives no records of it until resume(); it keeps its position.
    void pause(const topic_partition& where);
    void resume(const topic_partition& where);
    /// The next offset that pull() will give; -1 if not assigned.
    [[nodiscard]] std::int64_t position(const topic_partition& where) const;

    /// The next records of any partition, in the order in which they came; waits for them at most `max_wait`.
    [[nodiscard]] asio::awaitable<result<pulled>> pull(milliseconds max_wait);
    /// Ends a pull() that is waiting, as if its time had passed.
    void wake();

    [[nodiscard]] asio::awaitable<void> close();

private:
    struct impl;
    std::shared_ptr<impl> impl_;
};

/// Topics, their configuration and their offsets; groups and how far they have read.
class admin {
public:
    admin(asio::any_io_executor where, client_options options);
    ~admin();

    [[nodiscard]] asio::awaitable<result<std::vector<topic_info>>> list_topics();
    /// Fails with unknown_topic_or_partition if it is not there; never creates it.
    [[nodiscard]] asio::awaitable<result<topic_info>> describe_topic(std::string name);
    /// The servers; filled by any call that asked for metadata, and by this one.
    [[nodiscard]] asio::awaitable<result<std::vector<broker_info>>> describe_brokers();

    [[nodiscard]] asio::awaitable<result<cluster_info>> describe_cluster();
    /// What the partitions of these topics, or of all if none is given, take on the disks: one for each copy.
    [[nodiscard]] asio::awaitable<result<std::vector<partition_size>>> describe_log_dirs(
        std::vector<topic_info> topics);

    /// One outcome for each topic; the call itself fails only when no server could be asked.
    [[nodiscard]] asio::awaitable<result<std::vector<named_outcome>>> create_topics(std::vector<new_topic> topics,
                                                                                    bool validate_only = false);
    [[nodiscard]] asio::awaitable<result<std::vector<named_outcome>>> delete_topics(std::vector<std::string> names);
    /// Sets the whole number of partitions; it can only grow.
    [[nodiscard]] asio::awaitable<result<named_outcome>> create_partitions(std::string topic, std::int32_t count);

    [[nodiscard]] asio::awaitable<result<std::vector<config_entry>>> describe_configs(std::string topic);
    [[nodiscard]] asio::awaitable<result<named_outcome>> alter_configs(std::string topic,
                                                                       std::vector<config_change> changes);

    /// For each partition the offset for `spec`: a time in ms, or one of offset_spec.
    [[nodiscard]] asio::awaitable<result<std::vector<found_offset>>> list_offsets(std::vector<topic_partition> where,
                                                                                  std::int64_t spec);
    /// Removes the records before the offset of each; found_offset::offset is where the partition starts now.
    [[nodiscard]] asio::awaitable<result<std::vector<found_offset>>> delete_records(
        std::map<topic_partition, std::int64_t> before);

    /// The groups of all servers, by name.
    [[nodiscard]] asio::awaitable<result<std::vector<group_listing>>> list_groups(group_filter which);
    /// One for each of `groups`, in their order, classic or consumer; group_id_not_found stands in its error.
    [[nodiscard]] asio::awaitable<result<std::vector<group_description>>> describe_groups(
        std::vector<std::string> groups);
    /// Groups with members are refused (non_empty_group). One outcome for each, in their order.
    [[nodiscard]] asio::awaitable<result<std::vector<named_outcome>>> delete_groups(std::vector<std::string> groups);
    /// All that each group has committed. A group that does not exist has committed nothing.
    [[nodiscard]] asio::awaitable<result<std::vector<group_offsets>>> list_group_offsets(
        std::vector<std::string> groups);
    /// Commits for a group without being its member, which only works while it has none (else unknown_member_id);
    /// a group that does not exist is made. One outcome for each partition.
    [[nodiscard]] asio::awaitable<result<std::vector<group_offset>>> alter_group_offsets(
        std::string group, std::map<topic_partition, std::int64_t> offsets);
    /// Forgets what a group has committed in these partitions; refused (group_subscribed_to_topic) while members read
    /// the topic. One outcome for each partition.
    [[nodiscard]] asio::awaitable<result<std::vector<group_offset>>> delete_group_offsets(
        std::string group, std::vector<topic_partition> where);

    [[nodiscard]] asio::awaitable<void> close();

private:
    struct impl;
    std::shared_ptr<impl> impl_;
};

}  // namespace imago::client
