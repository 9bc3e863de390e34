#include "io/disk.h"

#include <cerrno>

namespace imago::io {
namespace {

std::string_view parent_of(std::string_view path) {
    const auto slash = path.find_last_of('/');
    if (slash == std::string_view::npos) return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

result<> write_whole(disk& disk, std::string_view path, byte_view bytes) {
    open_mode mode;
    mode.write = mode.create = true;
    IMAGO_TRY(auto file, disk.open(path, mode));
    IMAGO_CHECK(disk.truncate(*file, 0));  // a crash may have left one behind
    IMAGO_CHECK(disk.write_at(*file, 0, bytes));
    return disk.sync(*file);
}

}  // namespace

result<std::vector<std::byte>> read_file(disk& disk, std::string_view path) {
    IMAGO_TRY(auto file, disk.open(path, {}));
    IMAGO_TRY(const std::uint64_t size, disk.size(*file));
    std::vector<std::byte> bytes(size);
    IMAGO_TRY(const std::size_t count, disk.read_at(*file, 0, bytes));
    bytes.resize(count);
    return bytes;
}

result<> replace_file(disk& disk, std::string_view path, byte_view bytes) {
    const std::string temporary = std::string(path) + ".tmp";
    auto done = write_whole(disk, temporary, bytes);
    if (done) done = disk.rename(temporary, path);
    if (!done) {
        (void)disk.remove(temporary);  // what matters is the first error
        return done;
    }
    return disk.sync_directory(parent_of(path));
}

std::unique_ptr<disk> make_disk(std::string* why_not) {
    auto uring = make_uring_disk();
    if (uring) return std::move(*uring);
    if (why_not != nullptr) *why_not = "io_uring: " + uring.error().message();
    return make_posix_disk();
}

}  // namespace imago::io
