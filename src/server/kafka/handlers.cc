#include "server/kafka/handlers.h"

#include <algorithm>
#include <array>

namespace imago::kafka {

namespace {
using key = wire::api_key;

constexpr std::array list{
    handler_entry{key::produce, 3, 13, make_produce, true},
    handler_entry{key::fetch, 4, 18, make_fetch, true},
    handler_entry{key::list_offsets, 1, 11, make_list_offsets},
    handler_entry{key::metadata, 0, 13, make_metadata},
    handler_entry{key::offset_commit, 2, 10, make_offset_commit},
    handler_entry{key::offset_fetch, 1, 10, make_offset_fetch},
    handler_entry{key::find_coordinator, 0, 6, make_find_coordinator},
    handler_entry{key::join_group, 0, 9, make_join_group},
    handler_entry{key::heartbeat, 0, 4, make_heartbeat, true},
    handler_entry{key::leave_group, 0, 5, make_leave_group},
    handler_entry{key::sync_group, 0, 5, make_sync_group},
    handler_entry{key::describe_groups, 0, 6, make_describe_groups},
    handler_entry{key::list_groups, 0, 5, make_list_groups},
    handler_entry{key::api_versions, 0, 4, make_api_versions},
    handler_entry{key::create_topics, 2, 7, make_create_topics},
    handler_entry{key::delete_topics, 1, 6, make_delete_topics},
    handler_entry{key::delete_records, 0, 2, make_delete_records},
    handler_entry{key::init_producer_id, 0, 5, make_init_producer_id},
    handler_entry{key::offset_for_leader_epoch, 2, 4, make_offset_for_leader_epoch},
    handler_entry{key::describe_configs, 1, 4, make_describe_configs},
    handler_entry{key::alter_configs, 0, 2, make_alter_configs},
    handler_entry{key::describe_log_dirs, 1, 4, make_describe_log_dirs},
    handler_entry{key::create_partitions, 0, 3, make_create_partitions},
    handler_entry{key::delete_groups, 0, 2, make_delete_groups},
    handler_entry{key::incremental_alter_configs, 0, 1, make_incremental_alter_configs},
    handler_entry{key::offset_delete, 0, 0, make_offset_delete},
    handler_entry{key::describe_cluster, 0, 2, make_describe_cluster},
    handler_entry{key::list_transactions, 0, 2, make_list_transactions},
    handler_entry{key::consumer_group_heartbeat, 0, 1, make_consumer_group_heartbeat, true},
    handler_entry{key::consumer_group_describe, 0, 1, make_consumer_group_describe},
    handler_entry{key::describe_topic_partitions, 0, 0, make_describe_topic_partitions},
};

static_assert(std::is_sorted(list.begin(), list.end(),
                             [](const handler_entry& a, const handler_entry& b) { return a.key < b.key; }));
}  // namespace

std::span<const handler_entry> handlers() { return list; }

std::size_t find_handler(std::int16_t key, std::int16_t version) {
    const auto it =
        std::lower_bound(list.begin(), list.end(), key, [](const handler_entry& entry, std::int16_t value) {
            return static_cast<std::int16_t>(entry.key) < value;
        });
    if (it == list.end() || static_cast<std::int16_t>(it->key) != key) return no_handler;
    const bool known = version >= it->version_min && version <= it->version_max;
    if (!known && it->key != wire::api_key::api_versions) return no_handler;
    return static_cast<std::size_t>(it - list.begin());
}

}  // namespace imago::kafka
