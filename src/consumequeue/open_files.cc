#include "consumequeue/open_files.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <optional>

namespace imago::consumequeue {
namespace {

/// The number in "NNNNNNNN" + ending.
std::optional<std::uint32_t> number_in(const std::string& name, std::string_view ending) {
    if (name.size() != 8 + ending.size() || name.compare(8, ending.size(), ending) != 0) return std::nullopt;
    std::uint32_t number = 0;
    const auto parsed = std::from_chars(name.data(), name.data() + 8, number, 16);
    if (parsed.ec != std::errc{} || parsed.ptr != name.data() + 8) return std::nullopt;
    return number;
}

}  // namespace

open_files::open_files(io::disk& disk, std::string directory, std::size_t open_max)
    : disk_(disk), directory_(std::move(directory)), files_(std::max<std::size_t>(open_max, 1)) {}

std::string open_files::path_of(std::uint32_t number) const {
    char name[24];
    std::snprintf(name, sizeof name, "/%08x.blk", number);
    return directory_ + name;
}

std::vector<std::uint32_t> open_files::list() const {
    std::vector<std::uint32_t> numbers;
    if (const auto names = disk_.list(directory_)) {
        for (const std::string& name : *names) {
            const auto number = number_in(name, ".blk");
            if (number && path_of(*number) == directory_ + "/" + name) numbers.push_back(*number);
        }
    }
    std::sort(numbers.begin(), numbers.end());
    return numbers;
}

std::vector<std::string> open_files::list_old() const {
    std::vector<std::string> paths;
    for (unsigned low = 0; low < 256; ++low) {
        char folder[8];
        std::snprintf(folder, sizeof folder, "/%02x/", low);
        const auto names = disk_.list(directory_ + folder);
        if (!names) continue;
        for (const std::string& name : *names) {
            const auto queue = number_in(name, ".idx");
            if (queue && (*queue & 0xff) == low) paths.push_back(directory_ + folder + name);
        }
    }
    return paths;
}

result<std::shared_ptr<io::file>> open_files::keep(std::uint32_t number, bool create) {
    // Opening takes microseconds: not under the lock. Two threads may open the same file; the later one
    // stays.
    IMAGO_TRY(auto opened, disk_.open(path_of(number), {.write = true, .create = create, .direct = true}));
    std::shared_ptr<io::file> file = std::move(opened);
    const std::lock_guard hold(mutex_);
    files_.put(number, file);
    return file;
}

result<std::shared_ptr<io::file>> open_files::open(std::uint32_t number) {
    {
        const std::lock_guard hold(mutex_);
        if (auto* file = files_.find(number)) return *file;
    }
    return keep(number, false);
}

result<std::shared_ptr<io::file>> open_files::open_or_create(std::uint32_t number) {
    auto opened = open(number);
    if (opened || opened.error() != std::errc::no_such_file_or_directory) return opened;
    if (!made_) {
        IMAGO_CHECK(disk_.make_directories(directory_));
        made_ = true;
    }
    names_durable_ = false;
    return keep(number, true);
}

void open_files::forget(std::uint32_t number) {
    const std::lock_guard hold(mutex_);
    files_.erase(number);
}

result<> open_files::sync_names() {
    if (names_durable_) return {};
    IMAGO_CHECK(disk_.sync_directory(directory_));
    names_durable_ = true;
    return {};
}

}  // namespace imago::consumequeue
