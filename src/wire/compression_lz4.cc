#include "base/check.h"
#include "wire/compression_codecs.h"

#include <lz4frame.h>

namespace imago::wire::codecs {
namespace {

struct context {
    LZ4F_dctx* handle = nullptr;
    context() { IMAGO_ASSERT(!LZ4F_isError(LZ4F_createDecompressionContext(&handle, LZ4F_VERSION))); }
    ~context() { LZ4F_freeDecompressionContext(handle); }
};

}  // namespace

result<> lz4_decompress(byte_view from, bounded_sink& sink) {
    static thread_local context kept;
    LZ4F_resetDecompressionContext(kept.handle);
    const byte_span buffer = output_buffer();
    for (;;) {
        std::size_t read = from.size();
        std::size_t written = buffer.size();
        const std::size_t wants =
            LZ4F_decompress(kept.handle, buffer.data(), &written, from.data(), &read, nullptr);
        if (LZ4F_isError(wants)) return fail(wire_errc::bad_compressed_data);
        IMAGO_CHECK(sink.take(buffer.first(written)));
        from = from.subspan(read);
        if (wants == 0) {  // a frame is complete
            if (from.empty()) return {};
        } else if (read == 0 && written == 0) {
            return fail(wire_errc::bad_compressed_data);  // it ends inside a frame
        }
    }
}

void lz4_compress(byte_view from, std::vector<std::byte>& to) {
    LZ4F_preferences_t preferences{};
    preferences.frameInfo.blockSizeID = LZ4F_max64KB;
    preferences.frameInfo.blockMode = LZ4F_blockIndependent;
    const std::size_t before = to.size();
    to.resize(before + LZ4F_compressFrameBound(from.size(), &preferences));
    const std::size_t size =
        LZ4F_compressFrame(to.data() + before, to.size() - before, from.data(), from.size(), &preferences);
    IMAGO_ASSERT(!LZ4F_isError(size));
    to.resize(before + size);
}

}  // namespace imago::wire::codecs
