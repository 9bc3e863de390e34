// Bytes as spans, and integers in them: _be for the network (Kafka), _le for the disk.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <string_view>
#include <type_traits>

namespace imago {

using byte_view = std::span<const std::byte>;
using byte_span = std::span<std::byte>;

static_assert(std::endian::native == std::endian::little, "imago runs on little-endian machines");

namespace detail {
template <class T>
T swap_bytes(T value) {
    if constexpr (sizeof(T) == 1) return value;
    if constexpr (sizeof(T) == 2) return static_cast<T>(__builtin_bswap16(static_cast<std::uint16_t>(value)));
    if constexpr (sizeof(T) == 4) return static_cast<T>(__builtin_bswap32(static_cast<std::uint32_t>(value)));
    if constexpr (sizeof(T) == 8) return static_cast<T>(__builtin_bswap64(static_cast<std::uint64_t>(value)));
}
}  // namespace detail

template <class T>
[[nodiscard]] T load_le(const std::byte* from) {
    T value;
    std::memcpy(&value, from, sizeof value);
    return value;
}
template <class T>
void store_le(std::byte* to, std::type_identity_t<T> value) {
    std::memcpy(to, &value, sizeof value);
}
template <class T>
[[nodiscard]] T load_be(const std::byte* from) {
    return detail::swap_bytes(load_le<T>(from));
}
template <class T>
void store_be(std::byte* to, std::type_identity_t<T> value) {
    store_le<T>(to, detail::swap_bytes<T>(value));
}

[[nodiscard]] inline byte_view as_bytes(std::string_view text) {
    return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}
[[nodiscard]] inline std::string_view as_text(byte_view bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// `value` rounded up to a multiple of `unit`, a power of two.
[[nodiscard]] constexpr std::uint64_t round_up(std::uint64_t value, std::uint64_t unit) {
    return (value + unit - 1) & ~(unit - 1);
}
[[nodiscard]] constexpr std::uint64_t round_down(std::uint64_t value, std::uint64_t unit) {
    return value & ~(unit - 1);
}

struct aligned_delete {
    void operator()(std::byte* bytes) const { ::operator delete[](bytes, std::align_val_t{4096}); }
};
/// Memory for direct I/O, aligned to 4096.
using aligned_bytes = std::unique_ptr<std::byte[], aligned_delete>;

[[nodiscard]] inline aligned_bytes make_aligned_bytes(std::size_t size) {
    return aligned_bytes(static_cast<std::byte*>(::operator new[](size, std::align_val_t{4096})));
}

}  // namespace imago
