// What every machine may ask of the world: settings, topics, names. Nothing in it changes a group.
#pragma once

#include "base/ids.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace imago::broker::groups {

struct effects;
struct context;
class machine;
class classic_group;

struct group_options {
    // classic
    std::int32_t initial_rebalance_delay_ms = 3000;
    std::int32_t session_timeout_min_ms = 6000;
    std::int32_t session_timeout_max_ms = 1'800'000;
    std::int32_t size_max = INT32_MAX;
    /// A new member whose JoinGroup waits for longer than this is given up: its client may be gone.
    std::int32_t new_member_join_timeout_ms = 300'000;
    // consumer
    std::int32_t consumer_session_timeout_ms = 45'000;
    std::int32_t consumer_heartbeat_interval_ms = 5000;
    std::int32_t consumer_size_max = INT32_MAX;
    /// The first is what a group takes that does not say.
    std::vector<std::string> consumer_assignors{"uniform", "range"};
    enum class migration : std::uint8_t { disabled, downgrade, upgrade, bidirectional };
    migration consumer_migration = migration::bidirectional;
    /// An Empty group without offsets is forgotten after this.
    std::int64_t empty_group_ms = 600'000;
};

struct topic_fact {
    std::string name;
    uuid id;
    std::int32_t partitions = 0;
};

/// The topics as they are now. Any thread.
class topic_directory {
public:
    virtual ~topic_directory() = default;
    [[nodiscard]] virtual std::optional<topic_fact> by_name(std::string_view name) const = 0;
    [[nodiscard]] virtual std::optional<topic_fact> by_id(const uuid& id) const = 0;
    /// All of them, in the order of their names. Work grows with their number.
    virtual void each(const std::function<void(const topic_fact&)>& tell) const = 0;
};

/// What the consumers of the classic protocol write into their metadata and assignments ("consumer" protocol type).
struct classic_subscription {
    struct owned {
        std::string topic;
        std::vector<std::int32_t> partitions;
    };
    std::int16_t version = 0;
    std::vector<std::string> topics;
    std::string user_data;
    std::vector<owned> owned_partitions;
    std::int32_t generation = -1;
    std::optional<std::string> rack;
};
struct classic_assignment {
    std::int16_t version = 0;
    std::vector<classic_subscription::owned> partitions;
    std::string user_data;
};

/// Reads and writes those bytes. No state; any thread. The groups know no protocol's bytes themselves.
class subscription_codec {
public:
    virtual ~subscription_codec() = default;
    [[nodiscard]] virtual std::optional<classic_subscription> read_subscription(std::string_view bytes) const = 0;
    [[nodiscard]] virtual std::optional<classic_assignment> read_assignment(std::string_view bytes) const = 0;
    [[nodiscard]] virtual std::string write_subscription(const classic_subscription& subscription) const = 0;
    [[nodiscard]] virtual std::string write_assignment(const classic_assignment& assignment) const = 0;
};

/// A record of one group without the name of the group: see group_table.
struct group_record {
    char kind = 0;
    std::string rest;  ///< of the key
    std::string value;
};

/// How groups of the consumer protocol come about. A null function: the protocol is not served.
struct consumer_factory {
    /// An empty, new group.
    std::unique_ptr<machine> (*make)(std::string name, const context& with) = nullptr;
    /// As it was durable. Members get a fresh session timeout from `now`. Null: the records are no such group.
    std::unique_ptr<machine> (*load)(std::string name, const context& with, std::span<const group_record> records,
                                     unix_ms now) = nullptr;
    /// The group that takes the place of a classic one when a member of the consumer protocol comes: `out` gets the
    /// changes (removal of the classic record among them) and the answers to what waits in the classic group.
    /// Null: not allowed; the group stays what it is.
    std::unique_ptr<machine> (*convert)(classic_group& from, const context& with, unix_ms now, effects& out) = nullptr;
};

/// Lives longer than every machine.
struct context {
    group_options options;
    const topic_directory* topics = nullptr;
    const subscription_codec* codec = nullptr;
    consumer_factory consumer;
    /// Makes the random part of member ids: a UUID as text.
    std::function<std::string()> new_id;
    /// One line for the operator; any thread. May be empty.
    std::function<void(std::string_view)> log;
};

}  // namespace imago::broker::groups
