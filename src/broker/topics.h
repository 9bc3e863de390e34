// The topic catalogue: which topics there are, and whose queue is whose.
//
// A store table: it changes only through apply(), that is when a change is durable. Lookups may come from any
// thread; they take a shared lock for one hash lookup and give a topic that stays valid and unchanged as long
// as it is held.
//
// Records (docs/format/tables.md):
//   't' + topic id    a topic: name, creation time, its queues as runs of ids, explicit settings
//   'd' + random id   debris: queues of a topic that is being made or removed in several steps. If the record
//   is
//                     found at start, the work was interrupted, and the queues that no topic has are removed.
#pragma once

#include "broker/topic.h"
#include "store/store.h"
#include "store/table.h"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace imago::broker {

/// `count` queues with consecutive ids.
struct queue_run {
    queue_id first;
    std::uint32_t count = 0;
};

class topics final : public store::table {
public:
    struct place {
        topic_ptr owner;
        std::int32_t partition = 0;
    };
    struct debris {
        uuid id;
        std::vector<queue_run> runs;
    };

    topics() = default;
    topics(const topics&) = delete;
    topics& operator=(const topics&) = delete;

    // ---- lookups, any thread ----
    /// Null if there is none.
    [[nodiscard]] topic_ptr find(std::string_view name) const;
    [[nodiscard]] topic_ptr find(const uuid& id) const;
    /// The topic and partition that a queue belongs to.
    [[nodiscard]] std::optional<place> locate(queue_id queue) const;
    /// All topics in the order of their names.
    [[nodiscard]] std::vector<topic_ptr> all() const;
    [[nodiscard]] std::size_t count() const;
    /// The name of a topic that looks the same to metric systems; empty if there is none.
    [[nodiscard]] std::string collision_with(std::string_view name) const;

    // ---- for store_options ----
    [[nodiscard]] store::retention retention_of(queue_id queue) const;
    /// "name[3]", or "queue 17" for a queue without a topic.
    [[nodiscard]] std::string name_of(queue_id queue) const;

    // ---- settings that topics inherit ----
    [[nodiscard]] topic_defaults defaults() const { return *shared_defaults(); }
    [[nodiscard]] std::shared_ptr<const topic_defaults> shared_defaults() const;
    /// Gives every topic its settings anew. Work grows with the number of topics: for changes by hand only.
    void set_defaults(topic_defaults defaults);

    /// Called with the name of a topic that came, went or changed, with no lock held, on the log thread. Set once
    /// the store is open; must only hand over.
    std::function<void(const std::string& name)> on_change;

    // ---- store::table ----
    void apply(byte_view key, byte_view value, bool removed) override;
    void dump(const std::function<void(byte_view key, byte_view value)>& out) const override;

    // ---- for the administration ----
    /// Interrupted work, as it was found or is going on.
    [[nodiscard]] std::vector<debris> unfinished() const;
    /// Records that this version could not read; they are kept and dumped as they are. Not zero: do not
    /// serve.
    [[nodiscard]] std::size_t unreadable() const;

    [[nodiscard]] static store::table_change topic_record(const topic& topic);
    [[nodiscard]] static store::table_change topic_removal(const uuid& id);
    [[nodiscard]] static store::table_change debris_record(const debris& debris);
    [[nodiscard]] static store::table_change debris_removal(const uuid& id);

private:
    struct text_hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const noexcept {
            return std::hash<std::string_view>{}(text);
        }
    };
    /// The queues of one topic that follow each other: found by their first id, so that a topic of any number
    /// of partitions costs one node.
    struct owned_run {
        uuid topic;
        std::uint32_t count = 0;
        std::int32_t first_partition = 0;
    };

    void put(std::shared_ptr<topic> topic);
    void erase(const uuid& id);
    [[nodiscard]] std::optional<place> locate_locked(queue_id queue) const;

    mutable std::shared_mutex mutex_;
    std::unordered_map<std::string, topic_ptr, text_hash, std::equal_to<>> by_name_;
    std::unordered_map<uuid, topic_ptr> by_id_;
    std::map<std::uint32_t, owned_run> by_queue_;
    std::unordered_map<std::string, std::vector<std::string>> collisions_;  ///< collision_form -> names
    std::map<uuid, std::vector<queue_run>> debris_;
    std::map<std::string, std::string> unreadable_;
    std::shared_ptr<const topic_defaults> defaults_ = std::make_shared<const topic_defaults>();
};

/// Ids as runs, in the order given.
[[nodiscard]] std::vector<queue_run> to_runs(std::span<const queue_id> ids);

}  // namespace imago::broker
