// Snappy has no stream of its own. Java's library (xerial) frames it: 82 "SNAPPY" 00, version i32, lowest
// compatible version i32, then blocks of {length i32, raw snappy}. Others send one raw block. Both are read,
// xerial is written.
#include "wire/compression_codecs.h"

#include <snappy.h>

#include <algorithm>
#include <array>

namespace imago::wire::codecs {
namespace {

constexpr std::array<std::uint8_t, 8> magic = {0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0};
constexpr std::size_t frame_header = 16;
constexpr std::size_t block_size = 32 * 1024;
// The densest element is a copy of 64 bytes in 3: what claims to hold more is no snappy, and gets no memory.
constexpr std::size_t ratio_max = 22;

const char* chars(const std::byte* bytes) { return reinterpret_cast<const char*>(bytes); }

bool is_framed(byte_view from) {
    return from.size() >= frame_header && std::memcmp(from.data(), magic.data(), magic.size()) == 0;
}

result<> raw_decompress(byte_view block, bounded_sink& sink) {
    static thread_local std::vector<char> output;
    std::size_t size = 0;
    if (!snappy::GetUncompressedLength(chars(block.data()), block.size(), &size) ||
        size > block.size() * ratio_max)
        return fail(wire_errc::bad_compressed_data);
    if (size > sink.left()) return fail(wire_errc::output_too_large);
    if (output.size() < size || output.size() > std::max<std::size_t>(size, std::size_t{4} << 20))
        std::vector<char>(size).swap(output);
    if (!snappy::RawUncompress(chars(block.data()), block.size(), output.data()))
        return fail(wire_errc::bad_compressed_data);
    return sink.take({reinterpret_cast<const std::byte*>(output.data()), size});
}

}  // namespace

result<> snappy_decompress(byte_view from, bounded_sink& sink) {
    if (!is_framed(from)) return raw_decompress(from, sink);
    for (from = from.subspan(frame_header); !from.empty();) {
        if (from.size() < 4) return fail(wire_errc::bad_compressed_data);
        const std::int32_t size = load_be<std::int32_t>(from.data());
        from = from.subspan(4);
        if (size < 0 || static_cast<std::size_t>(size) > from.size())
            return fail(wire_errc::bad_compressed_data);
        IMAGO_CHECK(raw_decompress(from.first(static_cast<std::size_t>(size)), sink));
        from = from.subspan(static_cast<std::size_t>(size));
    }
    return {};
}

void snappy_compress(byte_view from, std::vector<std::byte>& to) {
    std::size_t at = to.size();
    to.resize(at + frame_header);
    std::memcpy(to.data() + at, magic.data(), magic.size());
    store_be<std::int32_t>(to.data() + at + 8, 1);
    store_be<std::int32_t>(to.data() + at + 12, 1);
    while (!from.empty()) {
        const byte_view block = from.first(std::min(block_size, from.size()));
        at = to.size();
        to.resize(at + 4 + snappy::MaxCompressedLength(block.size()));
        std::size_t size = 0;
        snappy::RawCompress(chars(block.data()), block.size(), reinterpret_cast<char*>(to.data() + at + 4),
                            &size);
        store_be<std::int32_t>(to.data() + at, static_cast<std::int32_t>(size));
        to.resize(at + 4 + size);
        from = from.subspan(block.size());
    }
}

}  // namespace imago::wire::codecs
