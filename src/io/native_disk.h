// What the uring and the posix backend share: files of the operating system, their names, and blocking
// operations.
#pragma once

#include "io/disk.h"

#include <sys/uio.h>

namespace imago::io {

/// Owns a file descriptor.
class native_file final : public file {
public:
    native_file(std::string path, int descriptor, bool direct, std::size_t block_size)
        : file(std::move(path), direct, block_size), descriptor_(descriptor) {}
    ~native_file() override;
    [[nodiscard]] int descriptor() const { return descriptor_; }

private:
    int descriptor_;
};

/// All of disk but kind() and make_ring().
class native_disk : public disk {
public:
    [[nodiscard]] result<std::unique_ptr<file>> open(std::string_view path, open_mode mode) override;
    [[nodiscard]] result<> make_directories(std::string_view path) override;
    [[nodiscard]] result<> remove(std::string_view path) override;
    [[nodiscard]] result<> rename(std::string_view from, std::string_view to) override;
    [[nodiscard]] result<std::vector<std::string>> list(std::string_view directory) override;
    [[nodiscard]] bool exists(std::string_view path) override;
    [[nodiscard]] result<> sync_directory(std::string_view path) override;
    [[nodiscard]] result<std::unique_ptr<file>> lock(std::string_view path) override;
    [[nodiscard]] result<std::uint64_t> size(file& file) override;
    [[nodiscard]] result<> allocate(file& file, std::uint64_t offset, std::uint64_t size) override;
    [[nodiscard]] result<> punch_hole(file& file, std::uint64_t offset, std::uint64_t size) override;
    [[nodiscard]] result<> truncate(file& file, std::uint64_t size) override;
    [[nodiscard]] result<std::uint64_t> free_space(std::string_view path) override;
    [[nodiscard]] result<std::size_t> read_at(file& file, std::uint64_t offset, byte_span into) override;
    [[nodiscard]] result<> write_at(file& file, std::uint64_t offset, byte_view bytes) override;
    [[nodiscard]] result<> write_durable_at(file& file, std::uint64_t offset, byte_view bytes) override;
    [[nodiscard]] result<> sync(file& file) override;
};

/// The descriptor of a file that a native disk opened.
[[nodiscard]] inline int descriptor_of(const file& file) {
    return static_cast<const native_file&>(file).descriptor();
}

/// One system call's worth. RWF_DSYNC where the kernel and the file system have it, else a sync of the whole file after
/// the write. As pwrite(): -1 and errno.
[[nodiscard]] ssize_t write_some(int descriptor, const iovec& bytes, std::uint64_t offset, bool durable);

/// Linux moves at most this many bytes in one call. A multiple of every block size.
inline constexpr std::size_t transfer_max = 0x7ffff000;

}  // namespace imago::io
