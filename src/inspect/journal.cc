#include "inspect/journal.h"

#include <algorithm>

#include "base/checksum.h"

namespace imago::inspect {
namespace {

constexpr std::uint32_t piece_magic_of_journal = 0x504a4d49;
constexpr std::uint32_t version_of_journal = 1;
constexpr std::size_t head_of_piece = 80;
constexpr std::size_t unit = 4096;

/// The piece at `offset`, whole; nothing if there is none.
std::vector<std::byte> read_piece(folder& from, io::file& file, std::uint64_t offset, std::uint64_t file_size) {
    std::vector<std::byte> piece(unit);
    auto got = from.disk().read_at(file, offset, piece);
    if (!got || *got < head_of_piece || load_le<std::uint32_t>(piece.data()) != piece_magic_of_journal ||
        load_le<std::uint32_t>(piece.data() + 4) != version_of_journal)
        return {};
    const auto size = load_le<std::uint64_t>(piece.data() + 64);
    if (size < head_of_piece || size > file_size - offset) return {};
    piece.resize(size);
    got = from.disk().read_at(file, offset, piece);
    if (!got || *got < size) return {};
    const byte_view all(piece);
    if (xxh3(all.subspan(head_of_piece), xxh3(all.first(72))) != load_le<std::uint64_t>(piece.data() + 72)) return {};
    return piece;
}

/// False: not what a journal holds.
bool take_entries(byte_view piece, std::vector<journal_entry>& into) {
    byte_view left = piece.subspan(head_of_piece);
    for (auto count = load_le<std::uint32_t>(piece.data() + 60); count > 0; --count) {
        if (left.size() < 44) return false;
        const std::byte* at = left.data();
        journal_entry entry;
        entry.index.base = load_le<std::int64_t>(at);
        entry.index.position = load_le<std::uint64_t>(at + 8);
        entry.index.max_timestamp = load_le<std::int64_t>(at + 16);
        entry.index.size = load_le<std::uint32_t>(at + 24);
        entry.index.count = load_le<std::uint32_t>(at + 28);
        entry.queue = load_le<std::uint32_t>(at + 32);
        entry.index.tag_hash = load_le<std::uint32_t>(at + 36);
        const auto kind = load_le<std::uint32_t>(at + 40);
        const std::size_t more = kind == 1 ? 32 : kind == 2 ? entry.index.size : 0;
        if (kind > 2 || left.size() - 44 < more) return false;
        left = left.subspan(44 + more);
        into.push_back(entry);
    }
    return left.empty();
}

/// Nothing was cut off the log below the piece's last frame by a server that did not know of the journal.
bool in_this_log(const folder& from, std::uint64_t last, std::uint64_t salt) {
    const segment_entry* segment = from.segment_of(last);
    return segment == nullptr || segment->salt_at(last) == salt;
}

}  // namespace

std::vector<journal> read_journals(folder& from) {
    std::vector<journal> found;
    for (const char* name : {"journal.a", "journal.b"}) {
        const auto file = from.disk().open(from.path() + "/checkpoint/" + name, {});
        if (!file) continue;
        const std::uint64_t size = from.disk().size(**file).value_or(0);
        journal made;
        made.file = name;
        std::uint64_t previous = 0;
        for (std::uint64_t offset = 0; offset < size;) {
            const auto piece = read_piece(from, **file, offset, size);
            if (piece.empty()) break;
            const std::byte* at = piece.data();
            const auto begins = load_le<std::uint64_t>(at + 32);
            if (load_le<std::uint32_t>(at + 56) != made.pieces) break;
            if (made.pieces == 0) {
                made.sequence = load_le<std::uint64_t>(at + 8);
                made.from = begins;
            } else if (load_le<std::uint64_t>(at + 8) != made.sequence || load_le<std::uint64_t>(at + 24) != previous || begins != made.to) {
                break;
            }
            const std::size_t before = made.entries.size();
            const bool taken = take_entries(piece, made.entries);
            const bool any = made.entries.size() > before;
            if (!taken || (any && !in_this_log(from, made.entries.back().index.position, load_le<std::uint64_t>(at + 48)))) {
                made.entries.resize(before);
                break;
            }
            made.to = load_le<std::uint64_t>(at + 40);
            made.pieces += 1;
            previous = load_le<std::uint64_t>(at + 72);
            offset += round_up(piece.size(), unit);
        }
        if (made.pieces > 0) found.push_back(std::move(made));
    }
    std::sort(found.begin(), found.end(), [](const journal& a, const journal& b) { return a.sequence < b.sequence; });
    return found;
}

}  // namespace imago::inspect
