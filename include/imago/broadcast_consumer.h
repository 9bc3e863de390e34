// The broadcast consumer: sees every partition of its topics, and keeps its position in a file of its own.
#pragma once

#include "imago/async.h"
#include "imago/group_options.h"

namespace imago::client {

/// Reads all partitions of its topics, whoever else does, and remembers how far.
///
/// Belongs to the thread of its executor, as all of imago/async.h. Calling pull() means that all that earlier calls
/// gave has been dealt with; such positions are saved every save_interval, at close() and by save(). The file is
/// replaced as a whole (written beside it, synced, renamed) and carries a checksum, so that after a crash at any moment
/// it holds an earlier position: each record is seen at least once. Saving blocks the thread for one fsync.
class broadcast_consumer {
public:
    broadcast_consumer(asio::any_io_executor where, client_options options, broadcast_options how);
    /// Without close() what was pulled since the last save is seen again.
    ~broadcast_consumer();

    /// Reads the file and finds the partitions; once, before all else. Fails with damaged_positions if the file is not
    /// one of ours or was changed (it is left as it is), with cannot_save if it cannot be written.
    [[nodiscard]] asio::awaitable<result<>> open();
    /// The next records of any partition; empty after `max_wait`. A partition whose position is no longer kept by the
    /// server goes on at its beginning. Fails with cannot_save when positions could not be saved.
    [[nodiscard]] asio::awaitable<result<pulled>> pull(milliseconds max_wait);
    /// Ends a pull() that is waiting, as if its time had passed.
    void wake();
    /// Saves the positions of all that pull() gave, the last records included.
    [[nodiscard]] result<> save();
    /// Moves a partition: that offset is the next to be pulled, and what is saved. Ends the views of the last pull().
    [[nodiscard]] result<> seek(const topic_partition& where, std::int64_t offset);
    /// The next offset that pull() will give; -1 if there is no such partition.
    [[nodiscard]] std::int64_t position(const topic_partition& where) const;
    [[nodiscard]] std::vector<topic_partition> partitions() const;

    /// Saves, then ends everything. The records of the last pull() count as dealt with.
    [[nodiscard]] asio::awaitable<result<>> close();

private:
    struct impl;
    std::shared_ptr<impl> impl_;
};

}  // namespace imago::client
