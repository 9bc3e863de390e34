// Zigzag varints as Kafka's records have them: small numbers of either sign take one byte.
#pragma once

#include "base/bytes.h"

#include <cstdint>

namespace imago {

inline constexpr std::size_t varint_size_max = 5;
inline constexpr std::size_t varlong_size_max = 10;

[[nodiscard]] constexpr std::uint64_t zigzag(std::int64_t value) {
    return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}
[[nodiscard]] constexpr std::int64_t unzigzag(std::uint64_t value) {
    return static_cast<std::int64_t>((value >> 1) ^ (~(value & 1) + 1));
}

/// Bytes that `value` takes.
[[nodiscard]] constexpr std::size_t varint_size(std::int64_t value) {
    std::size_t size = 1;
    for (std::uint64_t rest = zigzag(value); rest >= 0x80; rest >>= 7) ++size;
    return size;
}

/// Writes `value` at `to`; returns the place after it.
inline std::byte* store_varint(std::byte* to, std::int64_t value) {
    std::uint64_t rest = zigzag(value);
    for (; rest >= 0x80; rest >>= 7) *to++ = static_cast<std::byte>(rest | 0x80);
    *to++ = static_cast<std::byte>(rest);
    return to;
}

/// Reads a number of at most 32 bits from [from, end) and moves `from` past it. False, and `from` undefined,
/// when the bytes end first or the number is longer than its type allows.
[[nodiscard]] inline bool load_varint(const std::byte*& from, const std::byte* end, std::int32_t& value) {
    if (from != end && static_cast<std::uint8_t>(*from) < 0x80) {  // nearly always
        value = static_cast<std::int32_t>(unzigzag(static_cast<std::uint8_t>(*from++)));
        return true;
    }
    std::uint32_t raw = 0;
    for (int shift = 0; shift < 35 && from != end; shift += 7) {
        const auto byte = static_cast<std::uint8_t>(*from++);
        if (shift == 28 && byte > 0x0f) return false;
        raw |= std::uint32_t{byte & 0x7fu} << shift;
        if (byte < 0x80) {
            value = static_cast<std::int32_t>((raw >> 1) ^ (~(raw & 1) + 1));
            return true;
        }
    }
    return false;
}
/// The same for at most 64 bits.
[[nodiscard]] inline bool load_varlong(const std::byte*& from, const std::byte* end, std::int64_t& value) {
    if (from != end && static_cast<std::uint8_t>(*from) < 0x80) {
        value = unzigzag(static_cast<std::uint8_t>(*from++));
        return true;
    }
    std::uint64_t raw = 0;
    for (int shift = 0; shift < 70 && from != end; shift += 7) {
        const auto byte = static_cast<std::uint8_t>(*from++);
        if (shift == 63 && byte > 1) return false;
        raw |= std::uint64_t{byte & 0x7fu} << shift;
        if (byte < 0x80) {
            value = unzigzag(raw);
            return true;
        }
    }
    return false;
}

}  // namespace imago
