#include "consumequeue/block_format.h"

#include "base/check.h"
#include "base/checksum.h"

#include <algorithm>
#include <cstring>

namespace imago::consumequeue {
namespace {

// An entry on disk is the struct in memory, on the little-endian machines that we run on.
static_assert(sizeof(index_entry) == entry_size && std::is_trivially_copyable_v<index_entry>);
static_assert(offsetof(index_entry, base) == 0 && offsetof(index_entry, position) == 8 &&
              offsetof(index_entry, max_timestamp) == 16 && offsetof(index_entry, size) == 24 &&
              offsetof(index_entry, count) == 28 && offsetof(index_entry, tag_hash) == 32 &&
              offsetof(index_entry, flags) == 36);

std::uint64_t block_hash(const std::byte* block) { return xxh3({block + 8, block_size - 8}); }

bool consistent(const decoded_block& block) {
    const block_header& header = block.header;
    if (header.first.value < 0 || header.end < header.first) return false;
    queue_offset next = header.first;
    unix_ms largest = -1;
    for (const index_entry& entry : block.entries) {
        if (entry.base < next || entry.count == 0 || entry.base.value > header.end.value - entry.count)
            return false;
        next = entry.end();
        largest = std::max(largest, entry.max_timestamp);
    }
    const log_position last = block.entries.empty() ? header.first_position : block.entries.back().position;
    return last == header.last_position && largest == header.max_timestamp;
}

}  // namespace

void encode_block(std::byte* to, const block_header& header, std::span<const index_entry> entries) {
    IMAGO_ASSERT(entries.size() <= entries_per_block);
    unix_ms largest = -1;
    for (const index_entry& entry : entries) largest = std::max(largest, entry.max_timestamp);
    std::memset(to, 0, block_header_size);
    store_le<std::uint32_t>(to + 8, block_magic);
    store_le<std::uint16_t>(to + 12, block_version);
    store_le<std::uint16_t>(to + 14, static_cast<std::uint16_t>(entries.size()));
    store_le<std::uint32_t>(to + 16, header.queue.value);
    store_le<std::uint64_t>(to + 24, header.number);
    store_le<std::int64_t>(to + 32, header.first.value);
    store_le<std::int64_t>(to + 40, header.end.value);
    store_le<std::uint64_t>(to + 48, header.first_position.value);
    store_le<std::uint64_t>(to + 56,
                            entries.empty() ? header.first_position.value : entries.back().position.value);
    store_le<std::int64_t>(to + 64, largest);
    const std::size_t bytes = entries.size() * entry_size;
    if (bytes > 0) std::memcpy(to + block_header_size, entries.data(), bytes);
    std::memset(to + block_header_size + bytes, 0, block_size - block_header_size - bytes);
    store_le<std::uint64_t>(to, block_hash(to));
}

result<decoded_block> decode_block(byte_view bytes) {
    if (bytes.size() != block_size) return fail(index_errc::bad_block);
    const std::byte* at = bytes.data();
    if (load_le<std::uint32_t>(at + 8) != block_magic || load_le<std::uint16_t>(at + 12) != block_version ||
        load_le<std::uint64_t>(at) != block_hash(at))
        return fail(index_errc::bad_block);
    decoded_block block;
    block_header& header = block.header;
    header.count = load_le<std::uint16_t>(at + 14);
    if (header.count > entries_per_block) return fail(index_errc::bad_block);
    header.queue = {load_le<std::uint32_t>(at + 16)};
    header.number = load_le<std::uint64_t>(at + 24);
    header.first = {load_le<std::int64_t>(at + 32)};
    header.end = {load_le<std::int64_t>(at + 40)};
    header.first_position = {load_le<std::uint64_t>(at + 48)};
    header.last_position = {load_le<std::uint64_t>(at + 56)};
    header.max_timestamp = load_le<std::int64_t>(at + 64);
    block.entries.resize(header.count);
    if (header.count > 0)
        std::memcpy(block.entries.data(), at + block_header_size, header.count * entry_size);
    if (!consistent(block)) return fail(index_errc::bad_block);
    return block;
}

bool matches(const block_header& header, const block_ref& ref) {
    return header.queue == ref.queue && header.number == ref.number && header.first == ref.first &&
           header.end == ref.end && header.first_position == ref.from_position &&
           header.max_timestamp <= ref.max_timestamp;
}

std::size_t find_offset(std::span<const index_entry> entries, queue_offset from) {
    const auto found = std::partition_point(entries.begin(), entries.end(),
                                            [from](const index_entry& entry) { return entry.end() <= from; });
    return static_cast<std::size_t>(found - entries.begin());
}

std::size_t take_bytes(std::span<const index_entry> entries, std::size_t max_bytes) {
    std::size_t count = 0;
    std::uint64_t sum = 0;
    for (const index_entry& entry : entries) {
        sum += entry.size;
        if (count > 0 && sum > max_bytes) break;
        ++count;
    }
    return count;
}

const index_entry* find_time(std::span<const index_entry> entries, unix_ms time, queue_offset from) {
    for (const index_entry& entry : entries.subspan(find_offset(entries, from)))
        if (entry.max_timestamp >= time) return &entry;
    return nullptr;
}

const index_entry* find_max_timestamp(std::span<const index_entry> entries, queue_offset from) {
    const index_entry* best = nullptr;
    for (const index_entry& entry : entries.subspan(find_offset(entries, from)))
        if (best == nullptr || entry.max_timestamp > best->max_timestamp) best = &entry;
    return best;
}

std::span<const index_entry> block::locate(queue_offset from, std::size_t max_bytes) const {
    const auto rest = std::span<const index_entry>(entries).subspan(find_offset(entries, from));
    return rest.first(take_bytes(rest, max_bytes));
}
const index_entry* block::locate_time(unix_ms time, queue_offset from) const {
    return find_time(entries, time, from);
}
const index_entry* block::locate_max_timestamp(queue_offset from) const {
    return find_max_timestamp(entries, from);
}

}  // namespace imago::consumequeue
