// The one list of what this server answers. ApiVersions is made from it, and docs/protocol/kafka.md is
// checked against it.
#pragma once

#include "server/kafka/request.h"

#include <memory>
#include <span>

namespace imago::kafka {

using request_maker = std::unique_ptr<request> (*)(worker&, std::size_t kind);

struct handler_entry {
    wire::api_key key;
    std::int16_t version_min;
    std::int16_t version_max;
    request_maker make;
    bool often = false;  ///< worth recycling
};

/// In the order of their keys.
[[nodiscard]] std::span<const handler_entry> handlers();

inline constexpr std::size_t no_handler = ~std::size_t{0};
/// The index in handlers(). ApiVersions is found in any version: what it does not know it answers as Kafka
/// does.
[[nodiscard]] std::size_t find_handler(std::int16_t key, std::int16_t version);

// One for each file in handlers/.
#define IMAGO_HANDLER(name) std::unique_ptr<request> make_##name(worker& home, std::size_t kind);
IMAGO_HANDLER(produce)
IMAGO_HANDLER(fetch)
IMAGO_HANDLER(list_offsets)
IMAGO_HANDLER(metadata)
IMAGO_HANDLER(offset_commit)
IMAGO_HANDLER(offset_fetch)
IMAGO_HANDLER(find_coordinator)
IMAGO_HANDLER(join_group)
IMAGO_HANDLER(heartbeat)
IMAGO_HANDLER(leave_group)
IMAGO_HANDLER(sync_group)
IMAGO_HANDLER(describe_groups)
IMAGO_HANDLER(list_groups)
IMAGO_HANDLER(api_versions)
IMAGO_HANDLER(create_topics)
IMAGO_HANDLER(delete_topics)
IMAGO_HANDLER(delete_records)
IMAGO_HANDLER(init_producer_id)
IMAGO_HANDLER(offset_for_leader_epoch)
IMAGO_HANDLER(describe_configs)
IMAGO_HANDLER(alter_configs)
IMAGO_HANDLER(describe_log_dirs)
IMAGO_HANDLER(create_partitions)
IMAGO_HANDLER(delete_groups)
IMAGO_HANDLER(incremental_alter_configs)
IMAGO_HANDLER(offset_delete)
IMAGO_HANDLER(describe_cluster)
IMAGO_HANDLER(list_transactions)
IMAGO_HANDLER(consumer_group_heartbeat)
IMAGO_HANDLER(consumer_group_describe)
IMAGO_HANDLER(describe_topic_partitions)
#undef IMAGO_HANDLER

/// For the files of the handlers.
#define IMAGO_MAKE_HANDLER(name, type)                                     \
    std::unique_ptr<request> make_##name(worker& home, std::size_t kind) { \
        return std::make_unique<type>(home, kind);                         \
    }

}  // namespace imago::kafka
