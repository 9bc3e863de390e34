#include "wire/compression.h"

#include "base/batch_builder.h"
#include "base/check.h"
#include "wire/compression_codecs.h"

#include <algorithm>

namespace imago::wire {

namespace codecs {
byte_span output_buffer() {
    static thread_local std::vector<std::byte> buffer(64 * 1024);
    return buffer;
}
}  // namespace codecs

std::size_t decompress_limits::for_input(std::size_t size) const {
    const std::size_t by_ratio = size > output_max / ratio_max ? output_max : size * ratio_max;
    return std::min(output_max, std::max(floor, by_ratio));
}

result<> decompress(compression codec, byte_view from, const decompress_limits& limits, output_sink sink) {
    codecs::bounded_sink bounded(sink, limits.for_input(from.size()));
    switch (codec) {
        case compression::none:
            return bounded.take(from);
        case compression::gzip:
            return codecs::gzip_decompress(from, bounded);
        case compression::snappy:
            return codecs::snappy_decompress(from, bounded);
        case compression::lz4:
            return codecs::lz4_decompress(from, bounded);
        case compression::zstd:
            return codecs::zstd_decompress(from, bounded);
    }
    return fail(wire_errc::bad_compressed_data);
}

result<> decompress(compression codec, byte_view from, const decompress_limits& limits,
                    std::vector<std::byte>& to) {
    return decompress(codec, from, limits, [&to](byte_view piece) {
        to.insert(to.end(), piece.begin(), piece.end());
        return true;
    });
}

void compress(compression codec, byte_view from, std::vector<std::byte>& to) {
    switch (codec) {
        case compression::none:
            to.insert(to.end(), from.begin(), from.end());
            return;
        case compression::gzip:
            return codecs::gzip_compress(from, to);
        case compression::snappy:
            return codecs::snappy_compress(from, to);
        case compression::lz4:
            return codecs::lz4_compress(from, to);
        case compression::zstd:
            return codecs::zstd_compress(from, to);
    }
    IMAGO_ASSERT(!"a codec that exists");
}

void compress_batch(byte_view batch, compression codec, std::vector<std::byte>& to) {
    IMAGO_ASSERT(batch_view(batch).codec_bits() == 0);
    to.assign(batch.begin(), batch.begin() + batch_header_size);
    compress(codec, batch.subspan(batch_header_size), to);
    store_be<std::int32_t>(to.data() + 8, static_cast<std::int32_t>(to.size() - batch_length_overhead));
    const int attributes = batch_view(batch).attributes() | static_cast<int>(codec);
    store_be<std::int16_t>(to.data() + 21, static_cast<std::int16_t>(attributes));
    set_batch_crc(to);
}

}  // namespace imago::wire
