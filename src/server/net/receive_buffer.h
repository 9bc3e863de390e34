// Memory that requests arrive in, counted by those who look into it and recycled.
#pragma once

#include "base/bytes.h"

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
    [[nodiscard]] bool shared() const { return holders_ > 1; }
    void hold() { ++holders_; }

private:
    friend class buffer_pool;
    std::unique_ptr<std::byte[]> bytes_;
    std::size_t capacity_ = 0;
    std::size_t holders_ = 0;
};

/// Makes buffers and keeps a few free ones. Must outlive them; one thread.
class buffer_pool {
public:
    ~buffer_pool();
    /// A buffer of at least `size` bytes, held once.
    [[nodiscard]] receive_buffer* take(std::size_t size);
    /// Takes back one hold.
    void release(receive_buffer* buffer);

private:
    static constexpr std::size_t class_bytes_max = 2ULL << 20;  ///< larger ones go back to the system
    static constexpr std::size_t kept_bytes_max = 4ULL << 20;
    std::vector<receive_buffer*> free_;
    std::size_t free_bytes_ = 0;
};

}  // namespace imago::net
