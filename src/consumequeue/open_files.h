// The block files: their names, and a bounded cache of open ones.
#pragma once

#include "base/result.h"
#include "consumequeue/lru.h"
#include "io/disk.h"

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

    /// DIR/NNNNNNNN.blk, the number in hexadecimal.
    [[nodiscard]] std::string path_of(std::uint32_t number) const;
    /// Fails with no_such_file_or_directory if there is none.
    [[nodiscard]] result<std::shared_ptr<io::file>> open(std::uint32_t number);

    /// Numbers of the files that are there, ascending. Other files in the folder are none of ours and not
    /// told.
    [[nodiscard]] std::vector<std::uint32_t> list() const;
    /// Paths of what versions before block files have left: DIR/xx/NNNNNNNN.idx, a file for each queue.
    [[nodiscard]] std::vector<std::string> list_old() const;

    // The writer's thread only:
    /// The same, created if missing.
    [[nodiscard]] result<std::shared_ptr<io::file>> open_or_create(std::uint32_t number);
    /// Closes it as soon as nobody uses it.
    void forget(std::uint32_t number);
    /// Makes files durable as far as their names go; does nothing if they are.
    [[nodiscard]] result<> sync_names();

private:
    [[nodiscard]] result<std::shared_ptr<io::file>> keep(std::uint32_t number, bool create);

    io::disk& disk_;
    const std::string directory_;
    std::mutex mutex_;
    lru<std::uint32_t, std::shared_ptr<io::file>> files_;
    // The writer's. A file that is there when we start may have been created just before a crash of the
    // process, so that its name is not durable yet: the directory is synced at least once in a life.
    bool made_ = false;
    bool names_durable_ = false;
};

}  // namespace imago::consumequeue
