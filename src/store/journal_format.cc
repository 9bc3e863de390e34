#include "store/journal_format.h"

#include "base/checksum.h"

namespace imago::store {
namespace {

constexpr std::uint32_t journal_magic = 0x504A4D49;  // "IMJP"
constexpr std::uint32_t journal_version = 1;
constexpr std::size_t journal_head_described = 72;

std::uint64_t checksum_of(byte_view piece) { return xxh3(piece.subspan(journal_head_size), xxh3(piece.first(journal_head_described))); }

}  // namespace

void put_producer_stamp(std::byte* to, const producer_stamp& stamp) {
    store_le<std::int64_t>(to, stamp.producer_id);
    store_le<std::int64_t>(to + 8, stamp.time);
    store_le<std::int64_t>(to + 16, stamp.last_used);
    store_le<std::int32_t>(to + 24, stamp.base_sequence);
    store_le<std::int16_t>(to + 28, stamp.epoch);
    store_le<std::int16_t>(to + 30, 0);
}

void seal_journal_piece(byte_span piece, journal_head& head) {
    head.size = piece.size();
    std::byte* at = piece.data();
    store_le<std::uint32_t>(at, journal_magic);
    store_le<std::uint32_t>(at + 4, journal_version);
    store_le<std::uint64_t>(at + 8, head.sequence);
    store_le<std::uint64_t>(at + 16, head.salt);
    store_le<std::uint64_t>(at + 24, head.previous);
    store_le<std::uint64_t>(at + 32, head.from.value);
    store_le<std::uint64_t>(at + 40, head.to.value);
    store_le<std::uint64_t>(at + 48, head.log_salt);
    store_le<std::uint32_t>(at + 56, head.number);
    store_le<std::uint32_t>(at + 60, head.entries);
    store_le<std::uint64_t>(at + 64, head.size);
    head.checksum = checksum_of(piece);
    store_le<std::uint64_t>(at + journal_head_described, head.checksum);
}

std::optional<journal_head> decode_journal_head(byte_view from, std::uint64_t size_max) {
    if (from.size() < journal_head_size) return std::nullopt;
    const std::byte* at = from.data();
    if (load_le<std::uint32_t>(at) != journal_magic || load_le<std::uint32_t>(at + 4) != journal_version) return std::nullopt;
    journal_head head;
    head.sequence = load_le<std::uint64_t>(at + 8);
    head.salt = load_le<std::uint64_t>(at + 16);
    head.previous = load_le<std::uint64_t>(at + 24);
    head.from = {load_le<std::uint64_t>(at + 32)};
    head.to = {load_le<std::uint64_t>(at + 40)};
    head.log_salt = load_le<std::uint64_t>(at + 48);
    head.number = load_le<std::uint32_t>(at + 56);
    head.entries = load_le<std::uint32_t>(at + 60);
    head.size = load_le<std::uint64_t>(at + 64);
    head.checksum = load_le<std::uint64_t>(at + journal_head_described);
    if (head.size < journal_head_size || head.size > size_max || head.to < head.from) return std::nullopt;
    if (head.entries > (head.size - journal_head_size) / journal_entry_size) return std::nullopt;
    return head;
}

bool journal_piece_matches(const journal_head& head, byte_view piece) {
    return piece.size() == head.size && checksum_of(piece) == head.checksum;
}

bool decode_journal_entries(const journal_head& head, byte_view piece, std::vector<journal_entry>& into) {
    into.resize(head.entries);
    byte_view left = piece.subspan(journal_head_size);
    const auto skip = [&left](std::size_t size) { left = left.subspan(size); };
    for (journal_entry& entry : into) {
        if (left.size() < journal_entry_size) return false;
        const std::byte* at = left.data();
        entry.index = {{load_le<std::int64_t>(at)},      {load_le<std::uint64_t>(at + 8)}, load_le<std::int64_t>(at + 16),
                       load_le<std::uint32_t>(at + 24), load_le<std::uint32_t>(at + 28), load_le<std::uint32_t>(at + 36), 0};
        entry.queue = {load_le<std::uint32_t>(at + 32)};
        entry.kind = static_cast<journal_kind>(load_le<std::uint32_t>(at + 40));
        skip(journal_entry_size);
        switch (entry.kind) {
            case journal_kind::plain: break;
            case journal_kind::producer:
                if (left.size() < journal_producer_size) return false;
                at = left.data();
                entry.producer = {load_le<std::int64_t>(at), load_le<std::int64_t>(at + 8), load_le<std::int64_t>(at + 16),
                                  load_le<std::int32_t>(at + 24), load_le<std::int16_t>(at + 28)};
                skip(journal_producer_size);
                break;
            case journal_kind::change:
                if (left.size() < entry.index.size) return false;
                entry.payload = left.first(entry.index.size);
                skip(entry.index.size);
                break;
            default: return false;
        }
    }
    return left.empty();
}

}  // namespace imago::store
