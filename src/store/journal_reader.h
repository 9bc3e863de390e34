// Reading a file of the index journal piece by piece, in large reads with the next one under way.
#pragma once

#include <array>
#include <memory>
#include <optional>

#include "base/result.h"
#include "io/disk.h"
#include "store/journal_format.h"

namespace imago::store {

struct journal_piece {
    journal_head head;
    byte_view bytes;  ///< of all of it; valid until the next call
};

/// One thread. A piece that does not follow the one before it ends the reading for good: a tear, or what an earlier use of
/// the file left.
class journal_reader {
public:
    journal_reader(io::disk& disk, io::ring& ring, io::file& file, std::size_t read_bytes = 2 << 20);
    ~journal_reader();
    journal_reader(const journal_reader&) = delete;
    journal_reader& operator=(const journal_reader&) = delete;

    [[nodiscard]] std::optional<journal_piece> next();
    /// Behind the last piece that next() gave: where its successor goes, and what that one has to repeat.
    [[nodiscard]] std::uint64_t offset() const { return offset_; }
    [[nodiscard]] const std::optional<journal_head>& last() const { return last_; }

private:
    struct window {
        aligned_bytes memory;  ///< room for what is left of the window before, then the bytes read
        std::uint64_t offset = 0;
        std::size_t size = 0;  ///< read, when it has been waited for
        bool reading = false;
        io::request request;
    };
    void start(window& window, std::uint64_t offset);
    void finish(window& window);
    /// `size` bytes at offset_, or fewer.
    [[nodiscard]] byte_view view(std::size_t size);

    io::disk& disk_;
    io::ring& ring_;
    io::file& file_;
    std::size_t read_bytes_;
    std::size_t slack_;      ///< room in front of each window
    std::uint64_t file_size_ = 0;
    std::array<window, 3> windows_;
    std::size_t current_ = 0;
    aligned_bytes large_;   ///< a piece larger than a window
    std::uint64_t offset_ = 0;
    std::optional<journal_head> last_;
};

/// The piece that a use of the file begins with: none if the file holds no journal.
[[nodiscard]] std::optional<journal_head> read_journal_beginning(io::disk& disk, io::file& file);

}  // namespace imago::store
