#include <xxhash.h>
#if defined(__x86_64__)
#include <xxh_x86dispatch.h>
#endif

#include "base/bytes.h"

namespace imago {

std::uint64_t xxh3_wide(byte_view bytes, std::uint64_t seed) noexcept;

std::uint64_t xxh3_wide(byte_view bytes, std::uint64_t seed) noexcept {
    return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

}  // namespace imago
