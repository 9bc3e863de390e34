// The disk seam. Everything above speaks to files through these three interfaces, so that the same code runs
// on io_uring, on plain system calls, and on a simulated disk with seeded faults.
//
//   disk   names and metadata: open, rename, remove, list, sync a directory. Blocking; any thread.
//   ring   asynchronous reads, writes and syncs. It belongs to the first thread that uses it (only wake() is
//   free). file   an open file; closing is its destructor. It must outlive the requests on it.
//
// Durability, as the crash model has it: a write is durable when a request with `durable` (RWF_DSYNC)
// completed, or when a sync_data on the same file completed that was submitted after the write had completed.
// A durable write makes its own bytes durable (and the size, if it made the file longer), not earlier writes.
// A directory entry (create, rename, remove) is durable after sync_directory. After a crash each 512-byte
// sector of a completed write that is not durable comes back old or new, by itself; each sector of a write
// that had not completed, also a durable one, comes back old, new or garbage. A failed sync says nothing:
// what it should have made durable never may be.
//
// Errors are errno values in std::system_category. EIO and EROFS mean the device, ENOSPC a full one, EBADF a
// request without a usable file, EINVAL direct I/O that is not aligned.
#pragma once

#include "base/bytes.h"
#include "base/result.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace imago::io {

/// The unit of the crash model: what a device writes whole or not at all. Direct I/O goes by
/// file::block_size(), which is larger on some devices.
inline constexpr std::size_t sector_size = 512;

class file {
public:
    virtual ~file() = default;
    file(const file&) = delete;
    file& operator=(const file&) = delete;
    [[nodiscard]] const std::string& path() const { return path_; }
    /// True if opened for direct I/O: address, offset and size must be multiples of block_size().
    [[nodiscard]] bool direct() const { return direct_; }
    /// The unit of direct I/O: the logical block of the device, sector_size or a power of two above it
    /// (4096).
    [[nodiscard]] std::size_t block_size() const { return block_size_; }

protected:
    file(std::string path, bool direct, std::size_t block_size)
        : path_(std::move(path)), direct_(direct), block_size_(block_size) {}

private:
    std::string path_;
    bool direct_;
    std::size_t block_size_;
};

struct open_mode {
    bool write = false;      ///< else read only
    bool create = false;     ///< create if missing (mode 0640)
    bool exclusive = false;  ///< with create: fail with file_exists if it is there
    bool direct = false;     ///< O_DIRECT; backends that cannot fall back to buffered I/O
};

/// One asynchronous operation. The caller owns it and its bytes, and keeps both, unmoved, until done() is
/// called.
struct request {
    enum class kind : std::uint8_t { read, write, sync_data };

    kind what = kind::read;
    bool durable = false;  ///< write only: complete when the bytes are on the device (RWF_DSYNC)
    file* target = nullptr;
    std::uint64_t offset = 0;
    std::byte* data = nullptr;  ///< a write does not change it
    std::size_t size = 0;
    /// Called by ring::reap() or ring::wait() on the ring's thread, never from inside submit() or flush(). It
    /// may submit() and flush(), also this request again, or end the request's life; not reap(), wait() or
    /// end the ring's.
    void (*done)(request&) = nullptr;
    void* context = nullptr;

    // The outcome, valid in done():
    std::error_code error;
    /// Whole size for a write without error (short writes are carried on by the ring). A read at the end of
    /// the file may be shorter.
    std::size_t transferred = 0;
    request* next = nullptr;  ///< for the ring's own lists
};

/// The first call of submit, flush, reap or wait binds the ring to its thread for life (the kernel holds us
/// to it); it may be made elsewhere. The destructor runs there too, or anywhere once nothing is in flight: it
/// waits for the I/O that the kernel still has, because that uses the requests' memory, and drops it without
/// done().
class ring {
public:
    virtual ~ring() = default;
    ring() = default;
    ring(const ring&) = delete;
    ring& operator=(const ring&) = delete;

    /// Takes a request; it starts at the next flush(). Requests in flight together may complete in any order.
    virtual void submit(request& request) = 0;
    /// Starts what was submitted. Does not wait for it on uring; posix does the I/O here.
    virtual void flush() = 0;
    /// Runs done() of all requests that completed. Never blocks. Returns how many.
    virtual std::size_t reap() = 0;
    /// flush(), then blocks until at least one completed, wake() was called or `timeout` passed; then reap().
    /// A negative timeout waits without limit.
    virtual std::size_t wait(std::chrono::nanoseconds timeout) = 0;
    /// Ends the current or the next wait(). Any thread; does not block. Several calls may end one wait()
    /// together.
    virtual void wake() = 0;
    /// Readable when reap() may have work: for event loops. It is a hint; after it, call reap(). The loop
    /// does not need to read it: reap() does that. Ask for it before the ring's first use, or on its thread.
    [[nodiscard]] virtual int event_descriptor() const = 0;
    /// Requests that were submitted and whose done() has not been called.
    [[nodiscard]] virtual std::size_t in_flight() const = 0;
};

struct ring_options {
    unsigned entries = 256;  ///< requests that the kernel has at once; more wait their turn inside the ring
};

enum class backend : std::uint8_t { uring, posix, sim };

class disk {
public:
    virtual ~disk() = default;
    disk() = default;
    disk(const disk&) = delete;
    disk& operator=(const disk&) = delete;
    [[nodiscard]] virtual backend kind() const = 0;

    [[nodiscard]] virtual result<std::unique_ptr<file>> open(std::string_view path, open_mode mode) = 0;
    [[nodiscard]] virtual result<std::unique_ptr<ring>> make_ring(ring_options options = {}) = 0;

    /// Creates the directory and its parents, durably; fine if it is there.
    [[nodiscard]] virtual result<> make_directories(std::string_view path) = 0;
    /// Removes a file; fine if it is not there.
    [[nodiscard]] virtual result<> remove(std::string_view path) = 0;
    /// Replaces `to` if it is there.
    [[nodiscard]] virtual result<> rename(std::string_view from, std::string_view to) = 0;
    /// Names (not paths) of the files in a directory, sorted; no subdirectories, no "." or "..".
    [[nodiscard]] virtual result<std::vector<std::string>> list(std::string_view directory) = 0;
    [[nodiscard]] virtual bool exists(std::string_view path) = 0;
    /// Makes the directory's entries durable.
    [[nodiscard]] virtual result<> sync_directory(std::string_view path) = 0;
    /// Takes an exclusive advisory lock on `path` (created if missing) for the life of the returned file;
    /// fails with resource_unavailable_try_again if it is taken, by another process or this one.
    [[nodiscard]] virtual result<std::unique_ptr<file>> lock(std::string_view path) = 0;

    [[nodiscard]] virtual result<std::uint64_t> size(file& file) = 0;
    /// Gives [offset, offset + size) of the file real space (posix_fallocate); new bytes read as zeros. The file is at
    /// least that long then.
    [[nodiscard]] virtual result<> allocate(file& file, std::uint64_t offset, std::uint64_t size) = 0;
    /// Gives the space of [offset, offset + size) back; it reads as zeros afterwards.
    [[nodiscard]] virtual result<> punch_hole(file& file, std::uint64_t offset, std::uint64_t size) = 0;
    [[nodiscard]] virtual result<> truncate(file& file, std::uint64_t size) = 0;
    /// Bytes that may still be written below `path`.
    [[nodiscard]] virtual result<std::uint64_t> free_space(std::string_view path) = 0;

    // Blocking whole operations for start-up, checkpoints and tools; any thread. On a direct file the same
    // alignment holds as for requests. read_at is shorter only at the end of the file; sync makes data and
    // size durable.
    [[nodiscard]] virtual result<std::size_t> read_at(file& file, std::uint64_t offset, byte_span into) = 0;
    [[nodiscard]] virtual result<> write_at(file& file, std::uint64_t offset, byte_view bytes) = 0;
    /// write_at, and these bytes are durable when it returns: as a request with `durable`.
    [[nodiscard]] virtual result<> write_durable_at(file& file, std::uint64_t offset, byte_view bytes) = 0;
    [[nodiscard]] virtual result<> sync(file& file) = 0;
};

/// The whole content of a file.
[[nodiscard]] result<std::vector<std::byte>> read_file(disk& disk, std::string_view path);
/// Replaces a file so that a crash leaves the old content or the new: temporary, write, sync, rename, sync
/// directory.
[[nodiscard]] result<> replace_file(disk& disk, std::string_view path, byte_view bytes);

/// io_uring if the kernel lets us, else system calls. `why_not` (may be null) receives the reason for the
/// fallback.
[[nodiscard]] std::unique_ptr<disk> make_disk(std::string* why_not);
[[nodiscard]] result<std::unique_ptr<disk>> make_uring_disk();
[[nodiscard]] std::unique_ptr<disk> make_posix_disk();

}  // namespace imago::io
