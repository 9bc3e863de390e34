// Making, changing and removing topics.
//
// Every operation takes a list, because requests do: what belongs together becomes one durable change (one
// flush), and the callback gets one outcome for each element, in order, when all are known. An outcome
// without error is durable and visible in the catalogue.
//
// Operations on the same topic wait for each other in the order of their arrival, so that of several
// creations of one name exactly one wins, and the others learn "already exists" when it really does.
// Operations on different topics run side by side.
//
// A topic with more queues than one frame should hold is made in several: first a debris record that names
// the queues, then the queues, at last the topic itself together with the removal of the debris record. A
// crash in between leaves nothing visible, and resume() gives the queues back. Removal is the same backwards.
//
// Threads: any. `done` is called on the log thread; or on the caller's, before the function returns, when
// nothing had to be written. It must not block. The store must be closed before the admin is destroyed.
#pragma once

#include "base/ids.h"
#include "broker/changes.h"
#include "broker/config.h"
#include "broker/topics.h"
#include "store/store.h"

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace imago::broker {

struct new_topic {
    std::string name;
    std::int32_t partitions = -1;          ///< -1 = the server's default, or as many as are assigned
    std::int16_t replication_factor = -1;  ///< any positive number is fine; one server keeps one replica
    struct assigned {
        std::int32_t partition = 0;
        std::vector<std::int32_t> servers;
    };
    std::vector<assigned> assignment;  ///< empty = the server decides
    std::vector<config_setting> configs;
};

/// A topic by name, or by id if the name is empty.
struct topic_reference {
    std::string name;
    uuid id;
};

struct more_partitions {
    std::string name;
    std::int32_t count = 0;                                            ///< in all, not in addition
    std::optional<std::vector<std::vector<std::int32_t>>> assignment;  ///< of the new ones
};

struct config_replacement {
    std::string name;
    std::vector<config_setting>
        configs;  ///< everything that is to be set; the rest falls back to its default
};

struct config_steps {
    std::string name;
    std::vector<config_change> changes;
};

struct topic_outcome {
    std::error_code error;
    std::string message;  ///< for the user, with an error: what exactly is wrong
    std::string note;     ///< without an error: something worth a warning
    std::string name;
    /// What the topic is now. When only validated: what it would be. After removal: what it was.
    topic_ptr topic;
};

using topics_done = std::function<void(std::vector<topic_outcome>)>;

struct topic_admin_options {
    std::int32_t node_id = 1;
    /// Partitions of new topics that do not say; called on any thread.
    std::function<std::int32_t()> default_partitions;
    std::int32_t partitions_per_request_max = 100'000;
    /// Durable changes that go with the removal of a topic (its committed offsets).
    std::function<void(const topic&, change_list&)> on_remove;
};

class topic_admin {
public:
    topic_admin(store::store& store, topics& topics, topic_admin_options options);
    ~topic_admin();
    topic_admin(const topic_admin&) = delete;
    topic_admin& operator=(const topic_admin&) = delete;

    /// Once, before the first create(): gives back the queues of interrupted work. `done` gets the first
    /// error.
    void resume(change_done done);

    void create(std::vector<new_topic> wanted, bool validate_only, unix_ms now, topics_done done);
    void remove(std::vector<topic_reference> which, topics_done done);
    void add_partitions(std::vector<more_partitions> wanted, bool validate_only, topics_done done);
    void replace_configs(std::vector<config_replacement> wanted, bool validate_only, topics_done done);
    void change_configs(std::vector<config_steps> wanted, bool validate_only, topics_done done);

private:
    struct plan;
    struct batch;
    struct item;
    using item_ptr = std::shared_ptr<item>;
    using planner = std::function<plan()>;

    void start(std::shared_ptr<batch> all, std::vector<std::pair<std::string, planner>> steps);
    void run(std::vector<item_ptr> ready);
    void write_together(std::vector<item_ptr> items, change_list changes);
    void write_in_steps(item_ptr item);
    void settle(item& item, std::vector<item_ptr>& next);

    [[nodiscard]] plan plan_create(const new_topic& wanted, bool validate_only, unix_ms now);
    [[nodiscard]] plan plan_remove(const topic_reference& which);
    [[nodiscard]] plan plan_more(const more_partitions& wanted, bool validate_only);
    [[nodiscard]] plan plan_configs(const topic_ptr& present, config_map configs, bool validate_only);
    [[nodiscard]] plan plan_replace(const config_replacement& wanted, bool validate_only);
    [[nodiscard]] plan plan_change(const config_steps& wanted, bool validate_only);
    [[nodiscard]] std::optional<std::string> assignment_problem(
        const std::vector<std::int32_t>& servers) const;
    /// New queues and the topic record that has them, as one frame or several.
    void write_queues(plan& made, std::span<const queue_run> runs, store::table_change record);

    store::store& store_;
    topics& topics_;
    const topic_admin_options options_;
    std::mutex mutex_;
    /// Topics that are being worked on, with the work that waits for them.
    std::unordered_map<std::string, std::deque<item_ptr>> busy_;
};

}  // namespace imago::broker
