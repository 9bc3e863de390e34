// The codecs one by one; each has its own source. For compression.cc only.
#pragma once

#include "wire/compression.h"
#include "wire/error.h"

namespace imago::wire::codecs {

/// Passes pieces on to the sink and counts them against the limit.
class bounded_sink {
public:
    bounded_sink(output_sink sink, std::size_t limit) : sink_(sink), left_(limit) {}

    [[nodiscard]] result<> take(byte_view piece) {
        if (piece.size() > left_) return fail(wire_errc::output_too_large);
        left_ -= piece.size();
        if (!piece.empty() && !sink_(piece)) return fail(wire_errc::stopped);
        return {};
    }
    [[nodiscard]] std::size_t left() const { return left_; }

private:
    output_sink sink_;
    std::size_t left_;
};

/// A buffer of this thread for decompressed pieces.
[[nodiscard]] byte_span output_buffer();

[[nodiscard]] result<> gzip_decompress(byte_view from, bounded_sink& sink);
void gzip_compress(byte_view from, std::vector<std::byte>& to);
[[nodiscard]] result<> snappy_decompress(byte_view from, bounded_sink& sink);
void snappy_compress(byte_view from, std::vector<std::byte>& to);
[[nodiscard]] result<> lz4_decompress(byte_view from, bounded_sink& sink);
void lz4_compress(byte_view from, std::vector<std::byte>& to);
[[nodiscard]] result<> zstd_decompress(byte_view from, bounded_sink& sink);
void zstd_compress(byte_view from, std::vector<std::byte>& to);

}  // namespace imago::wire::codecs
