// Sequential reading of one segment in large direct reads, the next ones under way while the last is looked at.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "base/bytes.h"
#include "commitlog/segments.h"
#include "io/disk.h"

namespace imago::commitlog {

/// One thread. Positions are meant to rise; going back costs a read. Sectors that the disk cannot read come back as
/// zeros, so that they are no frames: whoever asked finds the damage by its checksums.
class segment_window {
public:
    segment_window(io::disk& disk, io::ring& ring, std::shared_ptr<segment> segment, std::size_t window_bytes = 2 << 20);
    ~segment_window();

    /// At most `size` bytes from `position`, fewer only at the segment's end. Valid until the next call.
    [[nodiscard]] byte_view view(log_position position, std::size_t size);

private:
    struct piece {
        aligned_bytes memory;  ///< slack_ bytes for what is left of the piece before, then window_ bytes
        std::uint64_t offset = 0;
        std::size_t size = 0;
        bool reading = false;
        bool unchecked = false;  ///< read, or being read; not yet looked at
        io::request request;
    };
    void start(piece& piece, std::uint64_t offset);
    void finish(piece& piece);
    void read_ahead(std::size_t count);
    [[nodiscard]] piece& after_current(std::size_t count) { return pieces_[(current_ + count) % pieces_.size()]; }
    void read_by_sectors(std::uint64_t offset, byte_span into);

    io::disk& disk_;
    io::ring& ring_;
    std::shared_ptr<segment> segment_;
    std::size_t window_;
    std::size_t slack_;
    std::array<piece, 9> pieces_;
    std::size_t current_ = 0;
    std::size_t ahead_ = 0;   ///< pieces behind the current one that were started; they follow each other
    std::size_t kept_ = 0;    ///< bytes before the current piece's offset that lie in its slack
    aligned_bytes large_;   ///< for a view that spans more than slack and window
    std::size_t large_capacity_ = 0;
};

}  // namespace imago::commitlog
