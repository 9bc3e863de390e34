#include "base/check.h"
#include "wire/compression_codecs.h"

#include <zlib.h>

namespace imago::wire::codecs {
namespace {

constexpr int gzip_window = 15 + 16;  // 32 KiB, with gzip's header and trailer

struct inflater {
    z_stream stream{};
    inflater() { IMAGO_ASSERT(inflateInit2(&stream, gzip_window) == Z_OK); }
    ~inflater() { inflateEnd(&stream); }
};

Bytef* bytes_of(const std::byte* bytes) { return reinterpret_cast<Bytef*>(const_cast<std::byte*>(bytes)); }

}  // namespace

result<> gzip_decompress(byte_view from, bounded_sink& sink) {
    static thread_local inflater kept;
    z_stream& stream = kept.stream;
    if (inflateReset(&stream) != Z_OK || from.size() > UINT32_MAX)
        return fail(wire_errc::bad_compressed_data);
    const byte_span buffer = output_buffer();
    stream.next_in = bytes_of(from.data());
    stream.avail_in = static_cast<uInt>(from.size());
    for (;;) {
        stream.next_out = bytes_of(buffer.data());
        stream.avail_out = static_cast<uInt>(buffer.size());
        const int state = inflate(&stream, Z_NO_FLUSH);
        if (state != Z_OK && state != Z_STREAM_END) return fail(wire_errc::bad_compressed_data);
        IMAGO_CHECK(sink.take(buffer.first(buffer.size() - stream.avail_out)));
        if (state != Z_STREAM_END) continue;
        if (stream.avail_in == 0) return {};
        inflateReset(&stream);  // another member follows
    }
}

void gzip_compress(byte_view from, std::vector<std::byte>& to) {
    z_stream stream{};
    IMAGO_ASSERT(
        deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, gzip_window, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    const std::size_t before = to.size();
    to.resize(before + deflateBound(&stream, static_cast<uLong>(from.size())));
    stream.next_in = bytes_of(from.data());
    stream.avail_in = static_cast<uInt>(from.size());
    stream.next_out = bytes_of(to.data() + before);
    stream.avail_out = static_cast<uInt>(to.size() - before);
    IMAGO_ASSERT(deflate(&stream, Z_FINISH) == Z_STREAM_END);
    to.resize(to.size() - stream.avail_out);
    deflateEnd(&stream);
}

}  // namespace imago::wire::codecs
