#include "commitlog/segment_header.h"

#include <algorithm>

#include "base/checksum.h"

namespace imago::commitlog {
namespace {

constexpr std::uint32_t segment_magic = 0x47534D49;  // "IMSG"
constexpr std::uint32_t segment_version = 1;
constexpr std::size_t header_described = 32;

}  // namespace

void encode_segment_header(byte_span to, const segment_entry& entry) {
    std::fill(to.begin(), to.end(), std::byte{0});
    store_le<std::uint32_t>(to.data(), segment_magic);
    store_le<std::uint32_t>(to.data() + 4, segment_version);
    store_le<std::uint64_t>(to.data() + 8, entry.base.value);
    store_le<std::uint64_t>(to.data() + 16, entry.bytes);
    store_le<std::uint64_t>(to.data() + 24, entry.spans.front().salt);
    store_le<std::uint64_t>(to.data() + header_described, xxh3(to.first(header_described)));
}

result<segment_entry> read_segment_header(byte_view from) {
    if (from.size() < header_described + 8 || load_le<std::uint32_t>(from.data()) != segment_magic ||
        load_le<std::uint32_t>(from.data() + 4) != segment_version ||
        load_le<std::uint64_t>(from.data() + header_described) != xxh3(from.first(header_described))) {
        return fail(commitlog_errc::bad_segment);
    }
    segment_entry entry;
    entry.base = {load_le<std::uint64_t>(from.data() + 8)};
    entry.bytes = load_le<std::uint64_t>(from.data() + 16);
    entry.spans.push_back({entry.base + 4096, load_le<std::uint64_t>(from.data() + 24), entry.base + 4096});
    return entry;
}

}  // namespace imago::commitlog
