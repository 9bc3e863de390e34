#include "base/ids.h"

#include <sys/random.h>

#include <cstring>

#include "base/check.h"

namespace imago {
namespace {

constexpr char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

int digit_of(char c) {
    const char* found = c == '\0' ? nullptr : std::strchr(alphabet, c);
    return found == nullptr ? -1 : static_cast<int>(found - alphabet);
}

}  // namespace

uuid uuid::random() {
    uuid id;
    do {
        IMAGO_ASSERT(::getrandom(id.bytes.data(), id.bytes.size(), 0) == 16);
        id.bytes[6] = static_cast<std::uint8_t>((id.bytes[6] & 0x0f) | 0x40);
        id.bytes[8] = static_cast<std::uint8_t>((id.bytes[8] & 0x3f) | 0x80);
    } while (id.bytes[0] >= 0xf8 && id.bytes[0] <= 0xfb);  // '-' first looks like a flag on a command line
    return id;
}

std::string uuid::to_base64() const {
    std::string text;
    text.reserve(22);
    std::uint32_t bits = 0;
    int count = 0;
    for (std::uint8_t byte : bytes) {
        bits = (bits << 8) | byte;
        count += 8;
        while (count >= 6) {
            count -= 6;
            text.push_back(alphabet[(bits >> count) & 63]);
        }
    }
    text.push_back(alphabet[(bits << (6 - count)) & 63]);
    return text;
}

uuid uuid::from_base64(std::string_view text) {
    if (text.size() != 22) return {};
    uuid id;
    std::uint32_t bits = 0;
    int count = 0;
    std::size_t next = 0;
    for (char c : text) {
        const int digit = digit_of(c);
        if (digit < 0) return {};
        bits = (bits << 6) | static_cast<std::uint32_t>(digit);
        count += 6;
        if (count >= 8 && next < 16) {
            count -= 8;
            id.bytes[next++] = static_cast<std::uint8_t>(bits >> count);
        }
    }
    return id;
}

}  // namespace imago

std::size_t std::hash<imago::uuid>::operator()(const imago::uuid& id) const noexcept {
    std::size_t value;
    std::memcpy(&value, id.bytes.data() + 8, sizeof value);
    return value;
}
