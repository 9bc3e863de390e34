#include "wire/murmur2.h"

namespace imago::wire {

std::int32_t murmur2(byte_view bytes) noexcept {
    constexpr std::uint32_t seed = 0x9747b28c;
    constexpr std::uint32_t multiplier = 0x5bd1e995;
    constexpr int rotation = 24;

    std::uint32_t hash = seed ^ static_cast<std::uint32_t>(bytes.size());
    for (; bytes.size() >= 4; bytes = bytes.subspan(4)) {
        std::uint32_t word = load_le<std::uint32_t>(bytes.data()) * multiplier;
        word ^= word >> rotation;
        hash = (hash * multiplier) ^ (word * multiplier);
    }
    if (!bytes.empty()) {
        std::uint32_t word = 0;
        for (std::size_t i = bytes.size(); i-- > 0;) word = word << 8 | static_cast<std::uint8_t>(bytes[i]);
        hash = (hash ^ word) * multiplier;
    }
    hash ^= hash >> 13;
    hash *= multiplier;
    hash ^= hash >> 15;
    return static_cast<std::int32_t>(hash);
}

}  // namespace imago::wire
