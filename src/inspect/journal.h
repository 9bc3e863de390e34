// Reads the index journal as docs/format/journal.md describes it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "inspect/folder.h"

namespace imago::inspect {

struct journal_entry {
    std::uint32_t queue = 0;
    index_entry index;
};

/// What one of the two files covers: pieces that follow each other from its beginning on, as far as they are whole. Where it ends
/// is no fault: nobody vouches for the end of a journal.
struct journal {
    std::string file;            ///< "journal.a" or "journal.b"
    std::uint64_t sequence = 0;
    std::uint64_t from = 0;      ///< it tells of all frames in [from, to)
    std::uint64_t to = 0;
    std::uint64_t pieces = 0;
    std::vector<journal_entry> entries;  ///< by position
};

/// Those that are there, in the order in which they were begun.
[[nodiscard]] std::vector<journal> read_journals(folder& from);

}  // namespace imago::inspect
