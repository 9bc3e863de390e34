// The codecs of record batches: gzip, snappy (raw and Java's xerial framing), lz4 frames, zstd.
#pragma once

#include "base/bytes.h"
#include "base/record_batch.h"
#include "base/result.h"

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

namespace imago::wire {

/// How much may come out of how little. Output may always reach `floor`, then `ratio_max` times the input,
/// and never more than `output_max`.
struct decompress_limits {
    std::size_t output_max = std::size_t{1} << 30;
    std::size_t ratio_max = 1024;
    std::size_t floor = std::size_t{64} << 20;

    [[nodiscard]] std::size_t for_input(std::size_t size) const;
};

/// Gets decompressed bytes piece by piece. A reference to something callable as bool(byte_view): true goes
/// on.
class output_sink {
public:
    template <class F, class = std::enable_if_t<!std::is_same_v<std::decay_t<F>, output_sink>>>
    output_sink(F&& take)  // NOLINT: made from a lambda in the call
        : object_(const_cast<void*>(static_cast<const void*>(&take))),
          call_([](void* object, byte_view piece) -> bool {
              return (*static_cast<std::remove_reference_t<F>*>(object))(piece);
          }) {}
    bool operator()(byte_view piece) const { return call_(object_, piece); }

private:
    void* object_;
    bool (*call_)(void*, byte_view);
};

/// Decompresses `from` into `sink`, in pieces of some 64 KiB; `compression::none` passes it on whole.
/// Contexts and buffers are kept for each thread. Errors: bad_compressed_data (also when bytes follow the
/// end), output_too_large, stopped when the sink said so.
[[nodiscard]] result<> decompress(compression codec, byte_view from, const decompress_limits& limits,
                                  output_sink sink);

/// Decompresses `from` to the end of `to`.
[[nodiscard]] result<> decompress(compression codec, byte_view from, const decompress_limits& limits,
                                  std::vector<std::byte>& to);

/// Compresses `from` to the end of `to`, at the codec's usual level; snappy in xerial framing, as Java writes
/// it.
void compress(compression codec, byte_view from, std::vector<std::byte>& to);

/// Makes the compressed form of an uncompressed batch in `to`, which is overwritten.
void compress_batch(byte_view batch, compression codec, std::vector<std::byte>& to);

/// The codec in a batch's attributes; false for the numbers that are none.
[[nodiscard]] inline bool codec_of(const batch_view& batch, compression& codec) {
    codec = static_cast<compression>(batch.codec_bits());
    return batch.codec_bits() <= static_cast<std::uint8_t>(compression::zstd);
}

}  // namespace imago::wire
