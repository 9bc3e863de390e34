// What is to be sent: bytes of our own, and slices of others' memory between them that are never copied.
#pragma once

#include "base/bytes.h"

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

namespace imago::wire {

/// Bytes that somebody else keeps: they stay valid for as long as `owner` lives.
struct byte_slice {
    byte_view bytes;
    std::shared_ptr<const void> owner;
};

/// Collects the parts of a frame for one gather write. Own bytes lie in chunks that never move, so a pointer
/// from extend() stays valid until clear(); attached slices are referenced and their owners held until
/// clear(). One thread at a time.
class gather_buffer {
public:
    /// Slices up to this size are cheaper to copy than to send as an element of their own.
    static constexpr std::size_t copy_max = 512;

    /// Room for `size` own bytes, in one piece, to be filled by the caller.
    [[nodiscard]] std::byte* extend(std::size_t size) {
        if (size > static_cast<std::size_t>(end_ - next_)) grow(size);
        std::byte* place = next_;
        next_ += size;
        size_ += size;
        return place;
    }
    /// Copies `bytes`.
    void append(byte_view bytes) {
        if (!bytes.empty()) std::memcpy(extend(bytes.size()), bytes.data(), bytes.size());
    }
    /// Refers to the bytes of `slice` and shares their ownership; copies them instead when they are few.
    void attach(const byte_slice& slice);
    /// Moves everything in `other` to the end of this one, without copying. `other` is left empty.
    void splice(gather_buffer&& other);

    /// Bytes in all parts.
    [[nodiscard]] std::size_t size() const { return size_; }
    /// The parts in order, none of them empty. Valid until the next change.
    [[nodiscard]] std::span<const byte_view> parts();
    /// A copy of all bytes in one piece.
    [[nodiscard]] std::vector<std::byte> flatten();

    /// Forgets everything, but keeps the largest chunk for the next use.
    void clear();

private:
    struct chunk {
        std::unique_ptr<std::byte[]> bytes;
        std::size_t size = 0;
    };
    void grow(std::size_t size);
    void close_part();

    std::vector<chunk> chunks_;
    std::vector<byte_view> parts_;
    std::vector<std::shared_ptr<const void>> owners_;
    std::byte* part_begin_ = nullptr;  // own bytes from here to next_ are not yet in parts_
    std::byte* next_ = nullptr;
    std::byte* end_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace imago::wire
