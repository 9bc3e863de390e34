// Committing and deleting the offsets of consumers that are in no group membership (assign, not subscribe).
//
// An outcome without error is durable. The offsets of one call are made durable together as far as they fit a
// frame. Threads: any. `done` is called once, on the log thread, or before the function returns when nothing
// had to be written.
#pragma once

#include "broker/changes.h"
#include "broker/group_offsets.h"
#include "broker/topic.h"

#include <functional>
#include <string>
#include <vector>

namespace imago::broker {

struct offset_commit {
    topic_ptr topic;  ///< null: the outcome is unknown_topic
    std::int32_t partition = 0;
    queue_offset offset;
    std::int32_t leader_epoch = -1;
    std::string metadata;
};

struct offset_reference {
    topic_ptr topic;
    std::int32_t partition = 0;
};

class offset_commits {
public:
    /// An error for each element, in order.
    using done_function = std::function<void(std::vector<std::error_code>)>;

    offset_commits(store::store& store, group_offsets& offsets, std::size_t metadata_size_max = 4096)
        : store_(store), offsets_(offsets), metadata_size_max_(metadata_size_max) {}

    /// `retention_ms`: for these offsets, as old clients may say; -1 = the server's.
    void commit(std::string group, std::vector<offset_commit> commits, std::int64_t retention_ms, unix_ms now,
                done_function done);
    void remove(std::string group, std::vector<offset_reference> which, done_function done);
    /// Everything that the group has committed.
    void remove_group(std::string group, change_done done);

private:
    struct pending;
    void write(std::vector<std::pair<std::size_t, store::table_change>> changes, change_list extra,
               std::vector<std::error_code> outcomes, done_function done);

    store::store& store_;
    group_offsets& offsets_;
    const std::size_t metadata_size_max_;
};

}  // namespace imago::broker
