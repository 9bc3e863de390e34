#include "consumequeue/open_files.h"

#include <algorithm>
#include <charconv>
#include <cstdio>

namespace imago::consumequeue {

open_files::open_files(io::disk& disk, std::string directory, std::size_t open_max)
    : disk_(disk), directory_(std::move(directory)), files_(std::max<std::size_t>(open_max, 1)) {}

std::string open_files::directory_of(queue_id queue) const {
    char name[8];
    std::snprintf(name, sizeof name, "/%02x", queue.value & 0xffU);
    return directory_ + name;
}

std::string open_files::path_of(queue_id queue) const {
    char name[24];
    std::snprintf(name, sizeof name, "/%08x.idx", queue.value);
    return directory_of(queue) + name;
}

std::vector<queue_id> open_files::list() const {
    std::vector<queue_id> queues;
    for (std::uint32_t low = 0; low < 256; ++low) {
        const auto names = disk_.list(directory_of({low}));
        if (!names) continue;
        for (const std::string& name : *names) {
            queue_id queue;
            const auto parsed = std::from_chars(name.data(), name.data() + name.size(), queue.value, 16);
            const std::string path = path_of(queue);
            if (parsed.ec == std::errc{} && path.ends_with("/" + name) && (queue.value & 0xff) == low)
                queues.push_back(queue);
        }
    }
    return queues;
}

result<std::shared_ptr<io::file>> open_files::keep(queue_id queue, bool create) {
    // Opening takes microseconds: not under the lock. Two threads may open the same file; the later one
    // stays.
    IMAGO_TRY(auto opened, disk_.open(path_of(queue), {.write = true, .create = create, .direct = true}));
    std::shared_ptr<io::file> file = std::move(opened);
    const std::lock_guard hold(mutex_);
    files_.put(queue, file);
    return file;
}

result<std::shared_ptr<io::file>> open_files::open(queue_id queue) {
    {
        const std::lock_guard hold(mutex_);
        if (auto* file = files_.find(queue)) return *file;
    }
    return keep(queue, false);
}

result<std::shared_ptr<io::file>> open_files::open_or_create(queue_id queue) {
    auto opened = open(queue);
    if (opened || opened.error() != std::errc::no_such_file_or_directory) return opened;
    const std::size_t directory = queue.value & 0xff;
    if (!made_[directory]) {
        IMAGO_CHECK(disk_.make_directories(directory_of(queue)));
        made_[directory] = true;
    }
    names_durable_[directory] = false;
    return keep(queue, true);
}

result<> open_files::remove(queue_id queue) {
    {
        const std::lock_guard hold(mutex_);
        files_.erase(queue);
    }
    return disk_.remove(path_of(queue));
}

result<> open_files::sync_directory_of(queue_id queue) {
    const std::size_t directory = queue.value & 0xff;
    if (names_durable_[directory]) return {};
    IMAGO_CHECK(disk_.sync_directory(directory_of(queue)));
    names_durable_[directory] = true;
    return {};
}

}  // namespace imago::consumequeue
