// What a piece of the index journal looks like. Format: docs/format/journal.md
//
//   head (80 bytes) | entry*          entry: 44 bytes, then what its kind adds
//
// A piece covers a range of the log completely: each frame of a batch that begins in it has an entry. It holds the checksum
// of the piece before it, so that a chain of pieces can be told from what an earlier use of the file left behind.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "consumequeue/entry.h"
#include "store/producers.h"

namespace imago::store {

enum class journal_kind : std::uint32_t { plain = 0, producer = 1, change = 2 };

struct journal_entry {
    queue_id queue;
    journal_kind kind = journal_kind::plain;
    consumequeue::index_entry index;
    producer_stamp producer;  ///< of kind producer
    byte_view payload;        ///< of kind change: the batch as it is in the log
};

struct journal_head {
    std::uint64_t sequence = 0;  ///< of this use of the file; rises with each beginning
    std::uint64_t salt = 0;      ///< random, of the life of the server that wrote the piece
    std::uint64_t previous = 0;  ///< checksum of the piece before, also that of the other file; 0: there is none
    log_position from;           ///< what it covers: [from, to)
    log_position to;
    std::uint64_t log_salt = 0;  ///< the log's where the last entry's frame lies; 0: no entries
    std::uint32_t number = 0;    ///< in its file
    std::uint32_t entries = 0;
    std::uint64_t size = 0;      ///< of the piece, without the zeros up to the next 4 KiB
    std::uint64_t checksum = 0;
};

inline constexpr std::size_t journal_head_size = 80;
inline constexpr std::size_t journal_entry_size = 44;
inline constexpr std::size_t journal_producer_size = 32;
inline constexpr std::size_t journal_alignment = 4096;

/// To journal_entry_size bytes.
inline void put_journal_entry(std::byte* to, queue_id queue, const consumequeue::index_entry& entry, journal_kind kind) {
    store_le<std::int64_t>(to, entry.base.value);
    store_le<std::uint64_t>(to + 8, entry.position.value);
    store_le<std::int64_t>(to + 16, entry.max_timestamp);
    store_le<std::uint32_t>(to + 24, entry.size);
    store_le<std::uint32_t>(to + 28, entry.count);
    store_le<std::uint32_t>(to + 32, queue.value);
    store_le<std::uint32_t>(to + 36, entry.tag_hash);
    store_le<std::uint32_t>(to + 40, static_cast<std::uint32_t>(kind));
}
/// To journal_producer_size bytes behind the entry.
void put_producer_stamp(std::byte* to, const producer_stamp& stamp);

/// Writes the head over the first bytes of the piece, whose content stands behind it, and sets head.checksum.
void seal_journal_piece(byte_span piece, journal_head& head);
/// The head, if it is one of this version and its size is no more than `size_max`; the checksum is not looked at.
[[nodiscard]] std::optional<journal_head> decode_journal_head(byte_view from, std::uint64_t size_max);
/// The whole piece is what its checksum says.
[[nodiscard]] bool journal_piece_matches(const journal_head& head, byte_view piece);
/// Replaces `into` by the entries. False: the content is not that of a journal.
[[nodiscard]] bool decode_journal_entries(const journal_head& head, byte_view piece, std::vector<journal_entry>& into);

}  // namespace imago::store
