#include "base/check.h"
#include "wire/compression_codecs.h"

#include <zstd.h>

namespace imago::wire::codecs {
namespace {

// Levels up to 19 use windows of at most 8 MiB. Larger ones are read, but their memory is not kept.
constexpr std::size_t kept_memory_max = std::size_t{9} << 20;

struct decoder {
    ZSTD_DCtx* handle = ZSTD_createDCtx();
    decoder() { IMAGO_ASSERT(handle != nullptr); }
    ~decoder() { ZSTD_freeDCtx(handle); }
};
struct encoder {
    ZSTD_CCtx* handle = ZSTD_createCCtx();
    encoder() { IMAGO_ASSERT(handle != nullptr); }
    ~encoder() { ZSTD_freeCCtx(handle); }
};

result<> decompress_frames(ZSTD_DCtx* context, byte_view from, bounded_sink& sink) {
    const byte_span buffer = output_buffer();
    ZSTD_inBuffer in{from.data(), from.size(), 0};
    for (;;) {
        ZSTD_outBuffer out{buffer.data(), buffer.size(), 0};
        const std::size_t before = in.pos;
        const std::size_t wants = ZSTD_decompressStream(context, &out, &in);
        if (ZSTD_isError(wants)) return fail(wire_errc::bad_compressed_data);
        IMAGO_CHECK(sink.take(buffer.first(out.pos)));
        if (wants == 0) {  // a frame is complete and flushed
            if (in.pos == in.size) return {};
        } else if (in.pos == before && out.pos == 0) {
            return fail(wire_errc::bad_compressed_data);  // it ends inside a frame
        }
    }
}

}  // namespace

result<> zstd_decompress(byte_view from, bounded_sink& sink) {
    static thread_local decoder kept;
    ZSTD_DCtx_reset(kept.handle, ZSTD_reset_session_only);
    const result<> done = decompress_frames(kept.handle, from, sink);
    if (ZSTD_sizeof_DCtx(kept.handle) > kept_memory_max) {
        ZSTD_freeDCtx(kept.handle);
        kept.handle = ZSTD_createDCtx();
        IMAGO_ASSERT(kept.handle != nullptr);
    }
    return done;
}

void zstd_compress(byte_view from, std::vector<std::byte>& to) {
    static thread_local encoder kept;
    const std::size_t before = to.size();
    to.resize(before + ZSTD_compressBound(from.size()));
    const std::size_t size = ZSTD_compressCCtx(kept.handle, to.data() + before, to.size() - before,
                                               from.data(), from.size(), ZSTD_CLEVEL_DEFAULT);
    IMAGO_ASSERT(!ZSTD_isError(size));
    to.resize(before + size);
}

}  // namespace imago::wire::codecs
