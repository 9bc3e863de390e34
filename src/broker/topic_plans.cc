// What each operation on a topic checks and writes. Runs while the topic's name is held, so that the
// catalogue does not change under it.
#include "broker/errors.h"
#include "broker/topic_admin_parts.h"
#include "broker/topic_name.h"

#include <algorithm>
#include <set>

namespace imago::broker {
namespace {

/// Longest value of one setting; Kafka has no limit of its own, a record must.
constexpr std::size_t config_value_size_max = 32 << 10;

std::optional<std::string> null_value_problem(const std::vector<config_setting>& configs) {
    for (const config_setting& one : configs) {
        if (!one.value) return "Null value not supported for topic configs: " + one.name.substr(0, 200);
    }
    return std::nullopt;
}

std::optional<std::string> configs_problem(const config_map& configs) {
    for (const auto& [name, value] : configs) {
        if (value.size() > config_value_size_max) {
            return "Invalid value for configuration " + name.substr(0, 200) + ": longer than 32768 bytes";
        }
    }
    return topic_config_problem(configs);
}

}  // namespace

using refusal = broker_errc;

topic_admin::plan topic_admin::plan_create(const new_topic& wanted, bool validate_only, unix_ms now) {
    if (auto problem = topic_name_problem(wanted.name)) {
        return plan::refuse(make_error_code(refusal::invalid_topic_name), *problem);
    }
    if (topics_.find(wanted.name)) {
        return plan::refuse(make_error_code(refusal::topic_already_exists),
                            "Topic '" + wanted.name + "' already exists.");
    }
    if (auto problem = null_value_problem(wanted.configs)) {
        return plan::refuse(make_error_code(refusal::invalid_config), *problem);
    }
    auto created = std::make_shared<topic>();
    for (const config_setting& one : wanted.configs) created->configs[one.name] = *one.value;
    if (auto problem = configs_problem(created->configs)) {
        return plan::refuse(make_error_code(refusal::invalid_config), *problem);
    }

    std::size_t count = 0;
    if (!wanted.assignment.empty()) {
        if (wanted.partitions != -1) {
            return plan::refuse(
                make_error_code(refusal::invalid_request),
                "A manual partition assignment was specified, but numPartitions was not set to -1.");
        }
        if (wanted.replication_factor != -1) {
            return plan::refuse(
                make_error_code(refusal::invalid_request),
                "A manual partition assignment was specified, but replication factor was not set to -1.");
        }
        std::set<std::int32_t> seen;
        for (const auto& one : wanted.assignment) {
            if (!seen.insert(one.partition).second) {
                return plan::refuse(make_error_code(refusal::invalid_assignment),
                                    "Found multiple manual partition assignments for partition " +
                                        std::to_string(one.partition));
            }
            if (auto problem = assignment_problem(one.servers)) {
                return plan::refuse(make_error_code(refusal::invalid_assignment), *problem);
            }
        }
        count = seen.size();
        if (*seen.begin() != 0 || *seen.rbegin() != static_cast<std::int32_t>(count) - 1) {
            return plan::refuse(make_error_code(refusal::invalid_assignment),
                                "partitions should be a consecutive 0-based integer sequence");
        }
    } else {
        if (wanted.replication_factor < -1 || wanted.replication_factor == 0) {
            return plan::refuse(make_error_code(refusal::invalid_replication_factor),
                                "Replication factor must be larger than 0, or -1 to use the default value.");
        }
        if (wanted.partitions <= 0) {
            return plan::refuse(make_error_code(refusal::invalid_partitions),
                                "Number of partitions was set to an invalid non-positive value.");
        }
        count = static_cast<std::size_t>(wanted.partitions);
    }

    created->name = wanted.name;
    created->created = now;
    created->settings = make_topic_settings(created->configs, *topics_.shared_defaults());
    plan made;
    if (const std::string other = topics_.collision_with(wanted.name); !other.empty()) {
        made.note = "Topic '" + wanted.name + "' looks like topic '" + other +
                    "' where '.' and '_' are not told apart.";
    }
    if (validate_only) {
        created->partitions.resize(count);
        made.topic = std::move(created);
        return made;
    }

    created->id = uuid::random();
    const queue_run run{store_.new_queue_ids(static_cast<std::uint32_t>(count)),
                        static_cast<std::uint32_t>(count)};
    created->partitions.reserve(count);
    for (std::uint32_t i = 0; i < run.count; ++i) created->partitions.push_back({run.first.value + i});
    write_queues(made, {&run, 1}, topics::topic_record(*created));
    made.topic = std::move(created);
    return made;
}

std::optional<std::string> topic_admin::assignment_problem(const std::vector<std::int32_t>& servers) const {
    if (servers.empty()) return "The manual partition assignment includes an empty replica list.";
    std::set<std::int32_t> seen;
    for (std::int32_t server : servers) {
        if (!seen.insert(server).second) {
            return "The manual partition assignment includes the broker " + std::to_string(server) +
                   " more than once.";
        }
        if (server != options_.node_id) {
            return "The manual partition assignment includes broker " + std::to_string(server) +
                   ", but no such broker is registered.";
        }
    }
    return std::nullopt;
}

void topic_admin::write_queues(plan& made, std::span<const queue_run> runs, store::table_change record) {
    std::vector<change_list> queues = frames_of(runs, &store::store::queue_created);
    if (queues.size() == 1 && queues[0].size() < frame_changes_max) {
        made.changes = std::move(queues[0]);
        made.changes.push_back(std::move(record));  // last: whoever finds the topic finds its queues
        return;
    }
    const topics::debris debris{uuid::random(), {runs.begin(), runs.end()}};
    made.frames.push_back({topics::debris_record(debris)});
    std::move(queues.begin(), queues.end(), std::back_inserter(made.frames));
    made.frames.push_back({std::move(record), topics::debris_removal(debris.id)});
    made.frames_needed = made.frames.size();
    made.undo = frames_of(runs, &store::store::queue_removed);
    made.undo.push_back({topics::debris_removal(debris.id)});
}

topic_admin::plan topic_admin::plan_remove(const topic_reference& which) {
    const topic_ptr present = which.name.empty() ? topics_.find(which.id) : topics_.find(which.name);
    if (!present) {
        return which.name.empty() ? plan::refuse(make_error_code(refusal::unknown_topic_id),
                                                 "This server does not host this topic ID.")
                                  : plan::refuse(make_error_code(refusal::unknown_topic),
                                                 "This server does not host this topic-partition.");
    }
    plan made;
    made.topic = present;
    change_list first{topics::topic_removal(present->id)};
    if (options_.on_remove) options_.on_remove(*present, first);
    const std::vector<queue_run> runs = to_runs(present->partitions);
    std::vector<change_list> queues = frames_of(runs, &store::store::queue_removed);
    if (queues.size() == 1 && queues[0].size() + first.size() < frame_changes_max) {
        made.changes = std::move(first);
        std::move(queues[0].begin(), queues[0].end(), std::back_inserter(made.changes));
        return made;
    }
    const topics::debris debris{uuid::random(), runs};
    first.push_back(topics::debris_record(debris));
    made.frames.push_back(std::move(first));
    std::move(queues.begin(), queues.end(), std::back_inserter(made.frames));
    made.frames.push_back({topics::debris_removal(debris.id)});
    made.frames_needed = 1;  // from then on the topic is gone; the rest may also happen at the next start
    return made;
}

topic_admin::plan topic_admin::plan_more(const more_partitions& wanted, bool validate_only) {
    const topic_ptr present = topics_.find(wanted.name);
    if (!present) {
        return plan::refuse(make_error_code(refusal::unknown_topic),
                            "This server does not host this topic-partition.");
    }
    const auto now_there = static_cast<std::int64_t>(present->partitions.size());
    const std::int64_t more = wanted.count - now_there;
    if (more == 0) {
        return plan::refuse(make_error_code(refusal::invalid_partitions),
                            "Topic already has " + std::to_string(now_there) + " partition(s).");
    }
    if (more < 0) {
        return plan::refuse(make_error_code(refusal::invalid_partitions),
                            "The topic " + wanted.name + " currently has " + std::to_string(now_there) +
                                " partition(s); " + std::to_string(wanted.count) +
                                " would not be an increase.");
    }
    if (more > options_.partitions_per_request_max) {
        return plan::refuse(make_error_code(refusal::policy_violation),
                            "Excessively large number of partitions per request.");
    }
    if (wanted.assignment) {
        if (static_cast<std::int64_t>(wanted.assignment->size()) != more) {
            return plan::refuse(
                make_error_code(refusal::invalid_assignment),
                "Attempted to add " + std::to_string(more) + " additional partition(s), but only " +
                    std::to_string(wanted.assignment->size()) + " assignment(s) were specified.");
        }
        for (const auto& servers : *wanted.assignment) {
            if (auto problem = assignment_problem(servers)) {
                return plan::refuse(make_error_code(refusal::invalid_assignment), *problem);
            }
        }
    }
    auto grown = std::make_shared<topic>(*present);
    plan made;
    const auto count = static_cast<std::uint32_t>(more);
    if (validate_only) {
        grown->partitions.resize(present->partitions.size() + count);
        made.topic = std::move(grown);
        return made;
    }
    const queue_run run{store_.new_queue_ids(count), count};
    for (std::uint32_t i = 0; i < count; ++i) grown->partitions.push_back({run.first.value + i});
    write_queues(made, {&run, 1}, topics::topic_record(*grown));
    made.topic = std::move(grown);
    return made;
}

topic_admin::plan topic_admin::plan_configs(const topic_ptr& present, config_map configs,
                                            bool validate_only) {
    if (auto problem = configs_problem(configs))
        return plan::refuse(make_error_code(refusal::invalid_config), *problem);
    plan made;
    auto changed = std::make_shared<topic>(*present);
    changed->settings = make_topic_settings(configs, *topics_.shared_defaults());
    const bool same = configs == present->configs;
    changed->configs = std::move(configs);
    if (!validate_only && !same) {
        made.changes.push_back(topics::topic_record(*changed));
        made.retention = changed->settings.retention_ms != present->settings.retention_ms ||
                         changed->settings.retention_bytes != present->settings.retention_bytes ||
                         changed->settings.expire != present->settings.expire;
    }
    made.topic = std::move(changed);
    return made;
}

topic_admin::plan topic_admin::plan_replace(const config_replacement& wanted, bool validate_only) {
    const topic_ptr present = topics_.find(wanted.name);
    if (!present) {
        return plan::refuse(make_error_code(refusal::unknown_topic),
                            "The topic '" + wanted.name + "' does not exist.");
    }
    if (auto problem = null_value_problem(wanted.configs)) {
        return plan::refuse(make_error_code(refusal::invalid_config), *problem);
    }
    config_map configs;
    for (const config_setting& one : wanted.configs) configs[one.name] = *one.value;
    return plan_configs(present, std::move(configs), validate_only);
}

topic_admin::plan topic_admin::plan_change(const config_steps& wanted, bool validate_only) {
    const topic_ptr present = topics_.find(wanted.name);
    if (!present) {
        return plan::refuse(make_error_code(refusal::unknown_topic),
                            "The topic '" + wanted.name + "' does not exist.");
    }
    config_map configs = present->configs;
    const std::shared_ptr<const topic_defaults> defaults = topics_.shared_defaults();
    if (auto problem = apply_config_changes(configs, wanted.changes, [&](std::string_view name) {
            const config_key* key = find_topic_config(name);
            return key == nullptr
                       ? config_default{}
                       : config_default{
                             key, defaults->values[static_cast<std::size_t>(key - topic_config_keys().data())]
                                      .text};
        })) {
        return plan::refuse(problem->error, problem->message);
    }
    return plan_configs(present, std::move(configs), validate_only);
}

}  // namespace imago::broker
