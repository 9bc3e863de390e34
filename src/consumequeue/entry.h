// One entry of a queue's index: where one record batch lies in the commit log. Format: docs/format/index.md
#pragma once

#include "base/ids.h"

#include <cstdint>

namespace imago::consumequeue {

struct index_entry {
    queue_offset base;           ///< offset of the batch's first record
    log_position position;       ///< of the frame that holds the batch
    unix_ms max_timestamp = -1;  ///< largest record timestamp; time lookup
    std::uint32_t size = 0;      ///< bytes of the batch (the frame's payload)
    std::uint32_t count = 0;     ///< offsets that the batch takes: the next entry starts at base + count
    std::uint32_t tag_hash = 0;
    std::uint32_t flags = 0;

    [[nodiscard]] queue_offset end() const { return base + count; }
};

/// The batch was acknowledged but its bytes are damaged: its offsets exist, reading them is an error.
inline constexpr std::uint32_t entry_damaged = 1;

/// Entry size on disk and entries in one 4 KiB block.
inline constexpr std::size_t entry_size = 40;
inline constexpr std::size_t block_size = 4096;
inline constexpr std::size_t block_header_size = 96;
inline constexpr std::size_t entries_per_block = (block_size - block_header_size) / entry_size;
static_assert(entries_per_block == 100);

/// First and next offset of a queue, as consumers may see it: everything below `end` is durable.
struct queue_bounds {
    queue_offset start;
    queue_offset end;
};

}  // namespace imago::consumequeue
