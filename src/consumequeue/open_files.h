// The index files: their names, and a bounded cache of open ones.
#pragma once

#include "base/ids.h"
#include "base/result.h"
#include "consumequeue/lru.h"
#include "io/disk.h"

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace imago::consumequeue {

/// Any thread, but for what is said otherwise. Readers and the writer share the files; one that was pushed
/// out of the cache closes when its last user lets go.
class open_files {
public:
    open_files(io::disk& disk, std::string directory, std::size_t open_max);

    /// The queue's index file: DIR/xx/NNNNNNNN.idx, NNNNNNNN the id in hexadecimal, xx its last two digits.
    [[nodiscard]] std::string path_of(queue_id queue) const;
    /// Fails with no_such_file_or_directory if there is none.
    [[nodiscard]] result<std::shared_ptr<io::file>> open(queue_id queue);

    /// The queues that have a file. Other files in the folder are none of ours and not told.
    [[nodiscard]] std::vector<queue_id> list() const;

    // The writer's thread only:
    /// The same, created if missing.
    [[nodiscard]] result<std::shared_ptr<io::file>> open_or_create(queue_id queue);
    [[nodiscard]] result<> remove(queue_id queue);
    /// Makes files in the queue's directory durable as far as their names go; does nothing if they are.
    [[nodiscard]] result<> sync_directory_of(queue_id queue);

private:
    [[nodiscard]] std::string directory_of(queue_id queue) const;
    [[nodiscard]] result<std::shared_ptr<io::file>> keep(queue_id queue, bool create);

    io::disk& disk_;
    const std::string directory_;
    std::mutex mutex_;
    lru<queue_id, std::shared_ptr<io::file>> files_;
    // The writer's. A file that is there when we start may have been created just before a crash of the
    // process, so that its name is not durable yet: each directory is synced at least once in a life.
    std::array<bool, 256> made_{};
    std::array<bool, 256> names_durable_{};
};

}  // namespace imago::consumequeue
