#include "io/native_disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace imago::io {
namespace {

tl::unexpected<std::error_code> fail_errno() { return fail(system_error_code(errno)); }

std::string parent_of(const std::string& path) {
    const auto slash = path.find_last_of('/');
    if (slash == std::string::npos) return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

// The alignment that direct I/O on this file needs. Kernels before 6.1 and some file systems do not tell:
// 4096 is right for every device there, only larger than some need.
std::size_t direct_block_size(int descriptor) {
#ifdef STATX_DIOALIGN
    struct statx status {};
    if (::statx(descriptor, "", AT_EMPTY_PATH, STATX_DIOALIGN, &status) == 0 &&
        (status.stx_mask & STATX_DIOALIGN) != 0 && status.stx_dio_offset_align != 0)
        return std::max<std::size_t>({sector_size, status.stx_dio_offset_align, status.stx_dio_mem_align});
#else
    (void)descriptor;
#endif
    return 4096;
}

}  // namespace

native_file::~native_file() { ::close(descriptor_); }

result<std::unique_ptr<file>> native_disk::open(std::string_view path, open_mode mode) {
    std::string name(path);
    int flags = O_CLOEXEC | (mode.write ? O_RDWR : O_RDONLY);
    if (mode.create) flags |= O_CREAT;
    if (mode.create && mode.exclusive) flags |= O_EXCL;
    bool direct = mode.direct;
    int descriptor = -1;
    do {
        descriptor = ::open(name.c_str(), flags | (direct ? O_DIRECT : 0), 0640);
        if (descriptor < 0 && errno == EINVAL && direct) {
            // A file system without direct I/O refuses only after it made the file: do not trip over our own.
            direct = false;
            flags &= ~O_EXCL;
            errno = EINTR;
        }
    } while (descriptor < 0 && errno == EINTR);
    if (descriptor < 0) return fail_errno();
    const std::size_t block = direct ? direct_block_size(descriptor) : sector_size;
    return std::make_unique<native_file>(std::move(name), descriptor, direct, block);
}

result<> native_disk::make_directories(std::string_view path) {
    const std::string name(path);
    for (std::size_t end = name.find('/', 1);; end = name.find('/', end + 1)) {
        const std::string part = name.substr(0, end);
        if (::mkdir(part.c_str(), 0750) == 0) {
            IMAGO_CHECK(sync_directory(parent_of(part)));
        } else if (errno != EEXIST) {
            struct stat status {};
            const int error = errno;  // a read-only or forbidden parent is fine as long as it is there
            if (::stat(part.c_str(), &status) != 0) return fail(system_error_code(error));
        }
        if (end == std::string::npos) break;
    }
    struct stat status {};
    if (::stat(name.c_str(), &status) != 0) return fail_errno();
    if (!S_ISDIR(status.st_mode)) return fail(system_error_code(ENOTDIR));
    return {};
}

result<> native_disk::remove(std::string_view path) {
    if (::unlink(std::string(path).c_str()) != 0 && errno != ENOENT) return fail_errno();
    return {};
}

result<> native_disk::rename(std::string_view from, std::string_view to) {
    if (::rename(std::string(from).c_str(), std::string(to).c_str()) != 0) return fail_errno();
    return {};
}

result<std::vector<std::string>> native_disk::list(std::string_view directory) {
    const std::unique_ptr<DIR, int (*)(DIR*)> stream(::opendir(std::string(directory).c_str()), ::closedir);
    if (!stream) return fail_errno();
    std::vector<std::string> names;
    for (;;) {
        errno = 0;
        const dirent* entry = ::readdir(stream.get());
        if (entry == nullptr) {
            if (errno != 0) return fail_errno();
            break;
        }
        bool regular = entry->d_type == DT_REG;
        if (entry->d_type == DT_UNKNOWN || entry->d_type == DT_LNK) {
            struct stat status {};
            regular =
                ::fstatat(::dirfd(stream.get()), entry->d_name, &status, 0) == 0 && S_ISREG(status.st_mode);
        }
        if (regular) names.emplace_back(entry->d_name);
    }
    std::sort(names.begin(), names.end());
    return names;
}

bool native_disk::exists(std::string_view path) {
    struct stat status {};
    return ::stat(std::string(path).c_str(), &status) == 0;
}

result<> native_disk::sync_directory(std::string_view path) {
    const int descriptor = ::open(std::string(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return fail_errno();
    const int error = ::fsync(descriptor) == 0 ? 0 : errno;
    ::close(descriptor);
    if (error != 0) return fail(system_error_code(error));
    return {};
}

result<std::unique_ptr<file>> native_disk::lock(std::string_view path) {
    open_mode mode;
    mode.write = mode.create = true;
    IMAGO_TRY(auto file, open(path, mode));
    if (::flock(descriptor_of(*file), LOCK_EX | LOCK_NB) != 0) return fail_errno();
    return file;
}

result<std::uint64_t> native_disk::size(file& file) {
    struct stat status {};
    if (::fstat(descriptor_of(file), &status) != 0) return fail_errno();
    return static_cast<std::uint64_t>(status.st_size);
}

result<> native_disk::allocate(file& file, std::uint64_t offset, std::uint64_t size) {
    if (size == 0) return {};
    const auto from = static_cast<off_t>(offset);
    const auto length = static_cast<off_t>(size);
    int error = 0;
    do {
        error = ::fallocate(descriptor_of(file), 0, from, length) == 0 ? 0 : errno;
        // Where the file system has no such call, glibc's spelling writes to each block instead.
        if (error == EOPNOTSUPP) error = ::posix_fallocate(descriptor_of(file), from, length);
    } while (error == EINTR);
    if (error != 0) return fail(system_error_code(error));
    return {};
}

result<> native_disk::punch_hole(file& file, std::uint64_t offset, std::uint64_t size) {
    if (::fallocate(descriptor_of(file), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                    static_cast<off_t>(offset), static_cast<off_t>(size)) != 0)
        return fail_errno();
    return {};
}

result<> native_disk::truncate(file& file, std::uint64_t size) {
    while (::ftruncate(descriptor_of(file), static_cast<off_t>(size)) != 0)
        if (errno != EINTR) return fail_errno();
    return {};
}

result<std::uint64_t> native_disk::free_space(std::string_view path) {
    struct statvfs status {};
    if (::statvfs(std::string(path).c_str(), &status) != 0) return fail_errno();
    return std::uint64_t{status.f_bavail} * std::uint64_t{status.f_frsize};
}

result<std::size_t> native_disk::read_at(file& file, std::uint64_t offset, byte_span into) {
    std::size_t total = 0;
    while (total < into.size()) {
        const ssize_t count = ::pread(descriptor_of(file), into.data() + total, into.size() - total,
                                      static_cast<off_t>(offset + total));
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return fail_errno();
        total += static_cast<std::size_t>(count);
        // A direct read that ends inside a block has reached the end; asking on from there would not be
        // aligned.
        if (count == 0 || (file.direct() && total % file.block_size() != 0)) break;
    }
    return total;
}

ssize_t write_some(int descriptor, const iovec& bytes, std::uint64_t offset, bool durable) {
    if (!durable) return ::pwrite(descriptor, bytes.iov_base, bytes.iov_len, static_cast<off_t>(offset));
#ifdef RWF_DSYNC
    const ssize_t count = ::pwritev2(descriptor, &bytes, 1, static_cast<off_t>(offset), RWF_DSYNC);
    if (count >= 0 || (errno != EOPNOTSUPP && errno != ENOSYS)) return count;
#endif
    const ssize_t written = ::pwrite(descriptor, bytes.iov_base, bytes.iov_len, static_cast<off_t>(offset));
    if (written >= 0 && ::fdatasync(descriptor) != 0) return -1;
    return written;
}

namespace {
result<> write_all(file& file, std::uint64_t offset, byte_view bytes, bool durable) {
    std::size_t total = 0;
    while (total < bytes.size()) {
        const iovec rest{const_cast<std::byte*>(bytes.data()) + total, std::min(bytes.size() - total, transfer_max)};
        const ssize_t count = write_some(descriptor_of(file), rest, offset + total, durable);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return fail_errno();
        if (count == 0) return fail(system_error_code(EIO));
        total += static_cast<std::size_t>(count);
    }
    return {};
}
}  // namespace

result<> native_disk::write_at(file& file, std::uint64_t offset, byte_view bytes) {
    return write_all(file, offset, bytes, false);
}

result<> native_disk::write_durable_at(file& file, std::uint64_t offset, byte_view bytes) {
    return write_all(file, offset, bytes, true);
}

result<> native_disk::sync(file& file) {
    while (::fdatasync(descriptor_of(file)) != 0)
        if (errno != EINTR) return fail_errno();
    return {};
}

}  // namespace imago::io
