#include "base/checksum.h"

#include <isa-l/crc.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

namespace imago {

std::uint32_t crc32c(byte_view bytes) noexcept {
    // ISA-L takes an int length and carries the inverted register; spans above 2 GiB go in pieces.
    std::uint32_t state = ~0U;
    auto* at = reinterpret_cast<unsigned char*>(const_cast<std::byte*>(bytes.data()));
    std::size_t left = bytes.size();
    while (left > 0) {
        const int piece = static_cast<int>(left < (1U << 30) ? left : (1U << 30));
        state = ::crc32_iscsi(at, piece, state);
        at += piece;
        left -= static_cast<std::size_t>(piece);
    }
    return ~state;
}

// In checksum_wide.cc: the library's own, which picks the widest vectors that the processor has. What is inlined here has those
// of the build, and no call: better for the small ones.
std::uint64_t xxh3_wide(byte_view bytes, std::uint64_t seed) noexcept;

std::uint64_t xxh3(byte_view bytes, std::uint64_t seed) noexcept {
    constexpr std::size_t worth_a_call = 512;
    if (bytes.size() >= worth_a_call) return xxh3_wide(bytes, seed);
    return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

}  // namespace imago
