#include "commitlog/frame.h"

#include "base/checksum.h"
#include "base/record_batch.h"

namespace imago::commitlog {
namespace {

constexpr std::size_t header_checksum_at = 88;
constexpr std::size_t trailer_checksum_at = 28;

}  // namespace

std::uint64_t payload_checksum(byte_view payload) {
    return payload.size() <= batch_prefix_size ? 0 : xxh3(payload.subspan(batch_prefix_size));
}

void encode_header(byte_span to, const frame_header& header) {
    std::byte* at = to.data();
    store_le<std::uint32_t>(at + 0, frame_magic);
    store_le<std::uint16_t>(at + 4, static_cast<std::uint16_t>(header.type));
    store_le<std::uint16_t>(at + 6, 0);
    store_le<std::uint64_t>(at + 8, header.salt);
    store_le<std::uint64_t>(at + 16, header.position.value);
    store_le<std::uint64_t>(at + 24, header.durable_frontier.value);
    store_le<std::uint32_t>(at + 32, header.payload_size);
    store_le<std::uint32_t>(at + 36, header.advance);
    store_le<std::uint32_t>(at + 40, header.queue.value);
    store_le<std::int32_t>(at + 44, header.epoch.value);
    store_le<std::int64_t>(at + 48, header.base.value);
    store_le<std::int64_t>(at + 56, header.max_timestamp);
    store_le<std::int64_t>(at + 64, header.append_time);
    store_le<std::uint32_t>(at + 72, header.count);
    store_le<std::uint32_t>(at + 76, header.tag_hash);
    store_le<std::uint64_t>(at + 80, header.payload_checksum);
    store_le<std::uint64_t>(at + header_checksum_at, xxh3(to.first(header_checksum_at)));
}

std::optional<frame_header> decode_header(byte_view from) {
    if (from.size() < frame_header_size) return std::nullopt;
    const std::byte* at = from.data();
    if (load_le<std::uint32_t>(at) != frame_magic) return std::nullopt;
    if (load_le<std::uint64_t>(at + header_checksum_at) != xxh3(from.first(header_checksum_at))) return std::nullopt;
    frame_header header;
    header.type = static_cast<frame_type>(load_le<std::uint16_t>(at + 4));
    if (header.type != frame_type::batch && header.type != frame_type::footer) return std::nullopt;
    header.salt = load_le<std::uint64_t>(at + 8);
    header.position = {load_le<std::uint64_t>(at + 16)};
    header.durable_frontier = {load_le<std::uint64_t>(at + 24)};
    header.payload_size = load_le<std::uint32_t>(at + 32);
    header.advance = load_le<std::uint32_t>(at + 36);
    header.queue = {load_le<std::uint32_t>(at + 40)};
    header.epoch = {load_le<std::int32_t>(at + 44)};
    header.base = {load_le<std::int64_t>(at + 48)};
    header.max_timestamp = load_le<std::int64_t>(at + 56);
    header.append_time = load_le<std::int64_t>(at + 64);
    header.count = load_le<std::uint32_t>(at + 72);
    header.tag_hash = load_le<std::uint32_t>(at + 76);
    header.payload_checksum = load_le<std::uint64_t>(at + 80);
    if (header.advance < frame_size(header.payload_size)) return std::nullopt;
    if (header.type == frame_type::batch && header.payload_size < batch_header_size) return std::nullopt;
    return header;
}

void encode_trailer(byte_span to, const frame_header& header) {
    std::byte* at = to.data();
    store_le<std::uint32_t>(at + 0, trailer_magic);
    store_le<std::uint32_t>(at + 4, header.queue.value);
    store_le<std::uint64_t>(at + 8, header.position.value);
    store_le<std::int64_t>(at + 16, header.base.value);
    store_le<std::uint32_t>(at + 24, header.count);
    store_le<std::uint32_t>(at + trailer_checksum_at,
                            static_cast<std::uint32_t>(xxh3(to.first(trailer_checksum_at), header.salt)));
}

std::optional<frame_identity> decode_trailer(byte_view from, std::uint64_t salt) {
    if (from.size() < frame_trailer_size) return std::nullopt;
    const std::byte* at = from.data();
    if (load_le<std::uint32_t>(at) != trailer_magic) return std::nullopt;
    if (load_le<std::uint32_t>(at + trailer_checksum_at) !=
        static_cast<std::uint32_t>(xxh3(from.first(trailer_checksum_at), salt))) {
        return std::nullopt;
    }
    return frame_identity{{load_le<std::uint32_t>(at + 4)},
                          {load_le<std::uint64_t>(at + 8)},
                          {load_le<std::int64_t>(at + 16)},
                          load_le<std::uint32_t>(at + 24)};
}

bool payload_matches(const frame_header& header, byte_view payload) {
    if (payload.size() != header.payload_size) return false;
    if (payload_checksum(payload) != header.payload_checksum) return false;
    if (header.type == frame_type::footer) return true;
    const batch_view batch(payload);
    return batch.base_offset() == header.base && batch.size() == std::int64_t{header.payload_size} &&
           load_be<std::int32_t>(payload.data() + 12) == header.epoch.value;
}

}  // namespace imago::commitlog
