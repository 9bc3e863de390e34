// A topic as everyone sees it: immutable, replaced as a whole when something about it changes.
#pragma once

#include "base/ids.h"
#include "broker/topic_config.h"

#include <memory>
#include <string>
#include <vector>

namespace imago::broker {

struct topic {
    std::string name;
    uuid id;                           ///< for ever; a topic created again under the same name has another
    std::vector<queue_id> partitions;  ///< the queue of each partition
    config_map configs;                ///< what was set explicitly
    unix_ms created = -1;
    topic_settings settings;  ///< configs over the server's defaults, parsed

    /// The queue of a partition number from outside; nothing if there is no such partition.
    [[nodiscard]] std::optional<queue_id> queue(std::int32_t partition) const {
        if (partition < 0 || static_cast<std::size_t>(partition) >= partitions.size()) return std::nullopt;
        return partitions[static_cast<std::size_t>(partition)];
    }
};

using topic_ptr = std::shared_ptr<const topic>;

}  // namespace imago::broker
