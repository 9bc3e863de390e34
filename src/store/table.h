// State that is kept as log and snapshot. The log is the database: each change is a record in the internal queue,
// appended through the same door as every message; a checkpoint holds a dump. Topics, committed offsets and the like
// implement this interface; the store replays, dumps and rewrites without knowing what they mean.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace imago::store {

/// Table 0 is the store's own (queues). Numbers are part of the disk format: never reuse one.
enum class table_id : std::uint8_t { queues = 0, topics = 1, group_offsets = 2, producer_ids = 3, server = 4, groups = 5 };

/// One key set to a value, or removed.
struct table_change {
    table_id table{};
    std::string key;
    std::string value;
    bool removed = false;
};

class table {
public:
    virtual ~table() = default;
    /// A change that is durable now. Called on the log thread, and during open() for the snapshot and then the log;
    /// changes may be applied again (from a state that already has them), so that apply must be an upsert.
    virtual void apply(byte_view key, byte_view value, bool removed) = 0;
    /// Hands out the whole state as key and value. Any thread, concurrent with apply: the implementation locks.
    virtual void dump(const std::function<void(byte_view key, byte_view value)>& out) const = 0;
};

}  // namespace imago::store
