// The 4 KiB index block as it lies in a block file. Format: docs/format/index.md
//
//   0 xxh3 u64 of bytes 8..4095 | 8 magic u32 | 12 version u16 | 14 count u16 | 16 queue u32 | 20 zero u32
//   24 number u64 | 32 first i64 | 40 end i64 | 48 first position u64 | 56 last position u64
//   64 largest timestamp i64 | 72 zero, 24 bytes | 96 entries, 40 bytes each | zeros
#pragma once

#include "base/bytes.h"
#include "consumequeue/queue_index.h"

#include <span>

namespace imago::consumequeue {

inline constexpr std::uint32_t block_magic = 0x4b4c4249;  // "IBLK"
inline constexpr std::uint16_t block_version = 1;

/// What a block says about itself.
struct block_header {
    queue_id queue;
    std::uint64_t number = 0;
    queue_offset first;  ///< the block covers offsets [first, end)
    queue_offset end;
    log_position first_position;
    log_position last_position;
    unix_ms max_timestamp = -1;
    std::uint16_t count = 0;
};

/// Fills the block_size bytes at `to`. Takes queue, number, first, end and first_position from `header`, the
/// rest from the entries, of which there are at most entries_per_block. The same arguments always give the
/// same bytes.
void encode_block(std::byte* to, const block_header& header, std::span<const index_entry> entries);

struct decoded_block {
    block_header header;
    std::vector<index_entry> entries;
};
/// bad_block unless `bytes` is a whole block that is consistent in itself.
[[nodiscard]] result<decoded_block> decode_block(byte_view bytes);

/// True if the block is the one that the reference means.
[[nodiscard]] bool matches(const block_header& header, const block_ref& ref);

/// Index of the first entry that reaches above `from`.
[[nodiscard]] std::size_t find_offset(std::span<const index_entry> entries, queue_offset from);
/// How many entries from the first on have sizes that sum up to at most max_bytes; at least one.
[[nodiscard]] std::size_t take_bytes(std::span<const index_entry> entries, std::size_t max_bytes);
[[nodiscard]] const index_entry* find_time(std::span<const index_entry> entries, unix_ms time,
                                           queue_offset from);
[[nodiscard]] const index_entry* find_max_timestamp(std::span<const index_entry> entries, queue_offset from);

}  // namespace imago::consumequeue
