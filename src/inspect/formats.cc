#include "inspect/formats.h"

#include <algorithm>

#include "base/checksum.h"

namespace imago::inspect {
namespace {

/// Fields at their places, as the tables of the documents have them.
class fields {
public:
    explicit fields(byte_view bytes) : bytes_(bytes) {}
    template <class T>
    [[nodiscard]] T at(std::size_t offset) const {
        return load_le<T>(bytes_.data() + offset);
    }
    [[nodiscard]] bool checked(std::size_t size) const {
        return xxh3(bytes_.first(size)) == at<std::uint64_t>(size);
    }

private:
    byte_view bytes_;
};

constexpr std::uint32_t segment_magic = 0x47534d49;
constexpr std::uint32_t frame_magic = 0x52464d49;
constexpr std::uint32_t trailer_magic = 0x54464d49;
constexpr std::uint32_t manifest_magic = 0x4e4d4d49;
constexpr std::uint32_t frontier_magic = 0x54524d49;
constexpr std::uint32_t index_magic = 0x4b4c4249;
constexpr std::size_t manifest_slot_size = 256 * 1024;
constexpr std::size_t index_header_size = 96;
constexpr std::size_t index_entry_size = 40;

}  // namespace

std::optional<segment_header> decode_segment_header(byte_view bytes, std::string& why) {
    const fields in(bytes);
    if (bytes.size() < 40) why = "shorter than a segment header";
    else if (in.at<std::uint32_t>(0) != segment_magic) why = "no segment magic";
    else if (!in.checked(32)) why = "segment header checksum is wrong";
    else if (in.at<std::uint32_t>(4) != 1) why = "segment version " + std::to_string(in.at<std::uint32_t>(4)) + " is not known";
    else return segment_header{in.at<std::uint64_t>(8), in.at<std::uint64_t>(16), in.at<std::uint64_t>(24)};
    return std::nullopt;
}

bool has_frame_magic(byte_view bytes) { return bytes.size() >= 4 && load_le<std::uint32_t>(bytes.data()) == frame_magic; }

bool has_trailer_magic(byte_view bytes) { return bytes.size() >= 4 && load_le<std::uint32_t>(bytes.data()) == trailer_magic; }

std::optional<frame_header> decode_frame_header(byte_view bytes, std::string& why) {
    if (bytes.size() < frame_header_size) {
        why = "the segment ends inside a frame header";
        return std::nullopt;
    }
    const fields in(bytes);
    if (in.at<std::uint32_t>(0) != frame_magic) {
        why = "no frame magic";
        return std::nullopt;
    }
    if (!in.checked(88)) {
        why = "frame header checksum is wrong";
        return std::nullopt;
    }
    frame_header frame;
    frame.type = in.at<std::uint16_t>(4);
    frame.salt = in.at<std::uint64_t>(8);
    frame.position = in.at<std::uint64_t>(16);
    frame.frontier = in.at<std::uint64_t>(24);
    frame.payload_size = in.at<std::uint32_t>(32);
    frame.advance = in.at<std::uint32_t>(36);
    frame.queue = in.at<std::uint32_t>(40);
    frame.epoch = in.at<std::int32_t>(44);
    frame.base = in.at<std::int64_t>(48);
    frame.max_timestamp = in.at<std::int64_t>(56);
    frame.append_time = in.at<std::int64_t>(64);
    frame.count = in.at<std::uint32_t>(72);
    frame.tag_hash = in.at<std::uint32_t>(76);
    frame.payload_checksum = in.at<std::uint64_t>(80);
    if (frame.advance < frame.size() || frame.advance % 8 != 0) {
        why = "the frame's size and its advance contradict each other";
        return std::nullopt;
    }
    return frame;
}

std::optional<trailer> decode_trailer(byte_view bytes, std::uint64_t salt) {
    if (bytes.size() < trailer_size) return std::nullopt;
    const fields in(bytes);
    if (in.at<std::uint32_t>(0) != trailer_magic) return std::nullopt;
    if (static_cast<std::uint32_t>(xxh3(bytes.first(28), salt)) != in.at<std::uint32_t>(28)) return std::nullopt;
    return trailer{in.at<std::uint32_t>(4), in.at<std::uint64_t>(8), in.at<std::int64_t>(16), in.at<std::uint32_t>(24)};
}

std::optional<std::uint64_t> segment_entry::salt_at(std::uint64_t position) const {
    std::optional<std::uint64_t> salt;
    std::uint64_t start = 0;
    for (const span& each : spans) {
        if (each.start > position || (salt && each.start < start)) continue;
        salt = each.salt;  // of two with the same start the later one counts
        start = each.start;
    }
    return salt;
}

std::optional<manifest> decode_manifest_slot(byte_view bytes) {
    if (bytes.size() < 32) return std::nullopt;
    const fields in(bytes);
    const std::uint32_t size = in.at<std::uint32_t>(16);
    if (in.at<std::uint32_t>(0) != manifest_magic || in.at<std::uint32_t>(4) != 1 || size < 32 || size > bytes.size() ||
        size > manifest_slot_size || !in.checked(size - 8))
        return std::nullopt;
    manifest made;
    made.sequence = in.at<std::uint64_t>(8);
    std::size_t at = 24;
    for (std::uint32_t left = in.at<std::uint32_t>(20); left > 0; --left) {
        if (at + 24 > size - 8) return std::nullopt;
        segment_entry& segment = made.segments.emplace_back();
        segment.base = in.at<std::uint64_t>(at);
        segment.bytes = in.at<std::uint64_t>(at + 8);
        const std::uint32_t spans = in.at<std::uint32_t>(at + 16);
        at += 24;
        if (spans > (size - 8 - at) / 24) return std::nullopt;
        for (std::uint32_t i = 0; i < spans; ++i, at += 24)
            segment.spans.push_back(
                {in.at<std::uint64_t>(at), in.at<std::uint64_t>(at + 8), in.at<std::uint64_t>(at + 16)});
    }
    return made;
}

std::optional<manifest> decode_manifest(byte_view file) {
    std::optional<manifest> best;
    for (std::size_t slot = 0; slot < 2; ++slot) {
        if (slot * manifest_slot_size >= file.size()) break;
        auto found = decode_manifest_slot(file.subspan(slot * manifest_slot_size));
        if (found && (!best || found->sequence > best->sequence)) best = std::move(found);
    }
    if (best)
        std::sort(best->segments.begin(), best->segments.end(),
                  [](const segment_entry& a, const segment_entry& b) { return a.base < b.base; });
    return best;
}

std::optional<frontier_stamp> decode_frontier(byte_view file) {
    std::optional<frontier_stamp> best;
    for (const std::size_t at : {std::size_t{0}, std::size_t{4096}}) {
        if (at + 40 > file.size()) break;
        const fields in(file.subspan(at));
        if (in.at<std::uint32_t>(0) != frontier_magic || in.at<std::uint32_t>(4) != 1 || !in.checked(32)) continue;
        if (!best || in.at<std::uint64_t>(8) > best->sequence)
            best = frontier_stamp{in.at<std::uint64_t>(8), in.at<std::uint64_t>(16), in.at<std::uint64_t>(24) != 0};
    }
    return best;
}

index_entry decode_index_entry(const std::byte* at) {
    return {load_le<std::int64_t>(at),       load_le<std::uint64_t>(at + 8),  load_le<std::int64_t>(at + 16),
            load_le<std::uint32_t>(at + 24), load_le<std::uint32_t>(at + 28), load_le<std::uint32_t>(at + 32),
            load_le<std::uint32_t>(at + 36)};
}

std::optional<index_block> decode_index_block(byte_view bytes, std::string& why) {
    const fields in(bytes);
    if (bytes.size() < index_block_size) why = "the file ends inside the block";
    else if (in.at<std::uint32_t>(8) != index_magic) why = "no block magic";
    else if (xxh3(bytes.subspan(8, index_block_size - 8)) != in.at<std::uint64_t>(0)) why = "block checksum is wrong";
    else if (in.at<std::uint16_t>(12) != 1) why = "block version " + std::to_string(in.at<std::uint16_t>(12)) + " is not known";
    if (!why.empty()) return std::nullopt;
    index_block block;
    const std::size_t count = in.at<std::uint16_t>(14);
    block.queue = in.at<std::uint32_t>(16);
    block.number = in.at<std::uint64_t>(24);
    block.first = in.at<std::int64_t>(32);
    block.end = in.at<std::int64_t>(40);
    if (count > (index_block_size - index_header_size) / index_entry_size) {
        why = "more entries than a block can hold";
        return std::nullopt;
    }
    for (std::size_t i = 0; i < count; ++i)
        block.entries.push_back(decode_index_entry(bytes.data() + index_header_size + i * index_entry_size));
    return block;
}

}  // namespace imago::inspect
