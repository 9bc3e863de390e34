// The blocking form of the client: each call returns when it is done. No Asio in sight.
//
// Each object has a thread of its own, on which a coroutine object of imago/async.h lives; a call runs that object's
// operation there and waits. So heartbeats, fetching and sending go on between calls. Objects may be called from any
// thread, one call at a time; options' callbacks come on the object's thread and must not call it. Views in what pull()
// gave are good until the next call. Destructors close in order, as close() does.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "imago/errors.h"
#include "imago/group_options.h"
#include "imago/pulled.h"
#include "imago/result.h"

namespace imago::client::blocking {

/// Sends messages; on_delivery of its options tells the fate of each. See client::producer.
class producer {
public:
    explicit producer(client_options options, producer_options how = {});
    ~producer();

    /// Takes copies of the messages, waiting for room in the buffer. All of them go over to the producer's thread
    /// at once: give many at a time where speed matters.
    [[nodiscard]] result<> send(const std::string& topic, std::span<const message> what);
    [[nodiscard]] result<> send(const std::string& topic, const message& what) { return send(topic, {&what, 1}); }
    /// Returns when the fate of all that was sent has been reported.
    [[nodiscard]] result<> flush();
    void close();

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

/// Pulls from partitions that are assigned by hand. See client::consumer.
class consumer {
public:
    explicit consumer(client_options options, consumer_options how = {});
    ~consumer();

    [[nodiscard]] result<> assign(topic_partition where, std::int64_t offset);
    void unassign(const topic_partition& where);
    [[nodiscard]] result<> seek(const topic_partition& where, std::int64_t offset);
    void pause(const topic_partition& where);
    void resume(const topic_partition& where);
    [[nodiscard]] std::int64_t position(const topic_partition& where);
    [[nodiscard]] result<pulled> pull(milliseconds max_wait);
    /// From another thread or a signal's handler thread: ends a pull() that waits.
    void wake();
    void close();

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

/// A member of a group. See client::group_consumer.
class group_consumer {
public:
    group_consumer(client_options options, group_options how);
    ~group_consumer();

    [[nodiscard]] result<> subscribe(std::vector<std::string> topics);
    [[nodiscard]] result<> subscribe_pattern(std::string expression);
    void unsubscribe();
    [[nodiscard]] result<group_pulled> pull(milliseconds max_wait);
    void wake();
    [[nodiscard]] result<> commit();
    [[nodiscard]] result<> commit(std::map<topic_partition, std::int64_t> offsets);
    void commit_later();
    [[nodiscard]] result<std::map<topic_partition, committed_offset>> committed(std::vector<topic_partition> where);
    [[nodiscard]] std::int64_t position(const topic_partition& where);
    [[nodiscard]] result<> seek(const topic_partition& where, std::int64_t offset);
    void pause(std::span<const topic_partition> where);
    void resume(std::span<const topic_partition> where);
    [[nodiscard]] std::vector<topic_partition> assignment();
    void close();

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

/// Sees every partition and keeps its position in a file. See client::broadcast_consumer.
class broadcast_consumer {
public:
    broadcast_consumer(client_options options, broadcast_options how);
    ~broadcast_consumer();

    [[nodiscard]] result<> open();
    [[nodiscard]] result<pulled> pull(milliseconds max_wait);
    void wake();
    [[nodiscard]] result<> save();
    [[nodiscard]] result<> close();

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

/// Topics, their configuration and offsets. See client::admin.
class admin {
public:
    explicit admin(client_options options);
    ~admin();

    [[nodiscard]] result<std::vector<topic_info>> list_topics();
    [[nodiscard]] result<topic_info> describe_topic(std::string name);
    [[nodiscard]] result<std::vector<named_outcome>> create_topics(std::vector<new_topic> topics, bool validate_only = false);
    [[nodiscard]] result<std::vector<named_outcome>> delete_topics(std::vector<std::string> names);
    [[nodiscard]] result<named_outcome> create_partitions(std::string topic, std::int32_t count);
    [[nodiscard]] result<std::vector<config_entry>> describe_configs(std::string topic);
    [[nodiscard]] result<named_outcome> alter_configs(std::string topic, std::vector<config_change> changes);
    [[nodiscard]] result<std::vector<found_offset>> list_offsets(std::vector<topic_partition> where, std::int64_t spec);
    [[nodiscard]] result<std::vector<found_offset>> delete_records(std::map<topic_partition, std::int64_t> before);

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace imago::client::blocking
