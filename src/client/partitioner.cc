#include "client/partitioner.h"

#include "base/bytes.h"

namespace imago::client {

std::uint32_t murmur2(std::string_view bytes) noexcept {
    constexpr std::uint32_t m = 0x5bd1e995;
    const std::byte* at = as_bytes(bytes).data();
    std::size_t left = bytes.size();
    std::uint32_t h = 0x9747b28cu ^ static_cast<std::uint32_t>(left);
    for (; left >= 4; left -= 4, at += 4) {
        std::uint32_t k = load_le<std::uint32_t>(at) * m;
        k ^= k >> 24;
        h = (h * m) ^ (k * m);
    }
    if (left > 0) {
        for (std::size_t i = left; i-- > 0;) h ^= std::to_integer<std::uint32_t>(at[i]) << (8 * i);
        h *= m;
    }
    h ^= h >> 13;
    h *= m;
    return h ^ (h >> 15);
}

}  // namespace imago::client
