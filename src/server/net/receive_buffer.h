// Memory that requests arrive in, counted by those who look into it and recycled.
#pragma once

#include "base/bytes.h"
#include "server/net/session.h"

#include <cstddef>
#include <memory>
#include <vector>

namespace imago::net {

class buffer_pool;

/// Belongs to one loop. Bytes that were received never move while somebody holds it.
class receive_buffer {
public:
    [[nodiscard]] std::byte* data() { return bytes_.get(); }
    [[nodiscard]] std::size_t capacity() const { return capacity_; }
    void hold() { ++holders_; }

private:
    friend class buffer_pool;
    std::unique_ptr<std::byte[]> bytes_;
    std::size_t capacity_ = 0;
    std::size_t holders_ = 0;
};

/// Makes buffers and keeps the free ones for as long as they are taken again: fresh memory costs a page fault for every
/// 4 KiB of a request. What lay unused for a whole `trim_period` goes back to the system, but for a few. Must outlive its
/// buffers; one thread, the loop's.
class buffer_pool {
public:
    explicit buffer_pool(event_loop& loop);
    ~buffer_pool();
    buffer_pool(const buffer_pool&) = delete;
    buffer_pool& operator=(const buffer_pool&) = delete;

    /// A buffer of at least `size` bytes, held once. It may be larger, but not three times as large.
    [[nodiscard]] receive_buffer* take(std::size_t size);
    /// Takes back one hold.
    void release(receive_buffer* buffer);
    /// Bytes of those that nobody holds.
    [[nodiscard]] std::size_t free_bytes() const { return free_bytes_; }

    static constexpr std::chrono::seconds trim_period{1};
    static constexpr std::size_t kept_when_idle = 4ULL << 20;
    static constexpr std::size_t kept_bytes_max = 64ULL << 20;  ///< what comes free beyond goes back at once

private:
    void begin_period();
    void trim();

    event_loop& loop_;
    timer trim_;
    std::vector<receive_buffer*> free_;
    std::size_t free_bytes_ = 0;
    std::size_t unused_bytes_ = 0;  // the least that was free in this period
};

}  // namespace imago::net
