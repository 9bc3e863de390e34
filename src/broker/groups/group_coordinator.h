// All groups. Feeds their machines, makes what they change durable, and only then lets the answers go: for each group
// they leave in the order of its steps, each after everything that was written before it is durable. So an answer
// never shows what a crash could take back. If a write fails, the answers behind it become
// coordinator_not_available, and the group is made anew from what is durable.
//
// A group that is empty and idle is not in memory; one with members has its machine, and one entry in the heap of
// deadlines. Nothing sweeps: the alarm rings for the earliest deadline.
//
// Threads: any. Groups share a fixed number of locks by the hash of their name; none is ever held over I/O. Answers
// are given once, on the caller's thread, the log thread or the alarm's, possibly before the function returns and
// with a group's lock held: they must only hand over, and not call the coordinator. `now` is of a clock that never goes
// back (wall time at the start of the server). The store must be closed before the coordinator is destroyed.
#pragma once

#include "broker/groups/alarm.h"
#include "broker/groups/context.h"
#include "broker/groups/effects.h"
#include "broker/groups/group_table.h"
#include "broker/groups/machine.h"
#include "broker/groups/requests.h"
#include "broker/offset_commits.h"
#include "store/store.h"

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace imago::broker::groups {

struct listed_group {
    std::string name;
    group_type type = group_type::classic;
    group_state state = group_state::empty;
    std::string protocol_type;
};

/// An answer that somebody waits for. Copies stand for the same one.
class ticket {
public:
    ticket() = default;
    explicit ticket(std::shared_ptr<std::atomic<bool>> settled) : settled_(std::move(settled)) {}
    /// Nobody waits any more. True: the answer will not be given. False: it was, or is being given now.
    bool forget() {
        const std::shared_ptr<std::atomic<bool>> settled = std::move(settled_);
        return settled != nullptr && !settled->exchange(true);
    }

private:
    std::shared_ptr<std::atomic<bool>> settled_;
};

template <class Answer>
using answer_to = std::function<void(Answer)>;

class group_coordinator {
public:
    group_coordinator(store::store& store, const group_table& table, group_offsets& offsets, offset_commits& commits,
                      context with);
    ~group_coordinator();
    group_coordinator(const group_coordinator&) = delete;
    group_coordinator& operator=(const group_coordinator&) = delete;

    /// Once, when the store is open and before the first request: brings the groups that have members back.
    /// `bell` must outlive the last call; whoever rings it calls tick().
    void start(alarm& bell, unix_ms now);
    /// Deadlines that have come, and groups that a failed write left.
    void tick(unix_ms now);

    // ---- members ----
    ticket join(std::string group, join_request asked, unix_ms now, answer_to<join_answer> done);
    ticket sync(std::string group, sync_request asked, unix_ms now, answer_to<sync_answer> done);
    ticket heartbeat(std::string group, heartbeat_request asked, unix_ms now, answer_to<heartbeat_answer> done);
    ticket leave(std::string group, leave_request asked, unix_ms now, answer_to<leave_answer> done);
    ticket consumer_heartbeat(std::string group, consumer_heartbeat_request asked, unix_ms now,
                              answer_to<consumer_heartbeat_answer> done);

    // ---- offsets ----
    /// As offset_commits::commit, if the group accepts them from `who`; else each outcome is why not. `wall` is the time
    /// that the offsets are given.
    void commit(std::string group, const offset_claim& who, std::vector<offset_commit> commits,
                std::int64_t retention_ms, unix_ms now, unix_ms wall, offset_commits::done_function done);
    /// Whether `who` may read the group's offsets. A group that is not there has none and says nothing.
    [[nodiscard]] std::error_code check_fetch(std::string_view group, const offset_claim& who) const;
    /// The error of the whole request, or each one's.
    void delete_offsets(std::string group, std::vector<offset_reference> which, unix_ms now,
                        std::function<void(std::error_code, std::vector<std::error_code>)> done);

    // ---- administration ----
    /// group_id_not_found, or what the group is; nothing of it can be taken back by a crash.
    void describe(std::string group, unix_ms now, std::function<void(std::error_code, group_view)> done);
    /// All groups, those that have only offsets too, in the order of their names.
    [[nodiscard]] std::vector<listed_group> list(unix_ms now) const;
    /// With the group go its offsets. group_id_not_found, non_empty_group.
    void remove(std::string group, unix_ms now, std::function<void(std::error_code)> done);

    // ---- topics ----
    /// These topics came, went or grew (log thread: it only hands over). tick() tells the groups.
    void topics_changed(std::vector<std::string> names);

private:
    struct state;
    std::unique_ptr<state> state_;
};

}  // namespace imago::broker::groups
