#include "client/cli/escapes.h"

namespace imago::client::cli {
namespace {

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

}  // namespace

std::optional<std::string> unescape(std::string_view typed) {
    std::string bytes;
    for (std::size_t i = 0; i < typed.size(); ++i) {
        if (typed[i] != '\\') {
            bytes += typed[i];
            continue;
        }
        if (++i == typed.size()) return std::nullopt;
        switch (typed[i]) {
            case 'n': bytes += '\n'; break;
            case 'r': bytes += '\r'; break;
            case 't': bytes += '\t'; break;
            case '0': bytes += '\0'; break;
            case 'e': bytes += '\x1b'; break;
            case '\\': bytes += '\\'; break;
            case 'x': {
                const int high = i + 1 < typed.size() ? hex_digit(typed[i + 1]) : -1;
                const int low = i + 2 < typed.size() ? hex_digit(typed[i + 2]) : -1;
                if (high < 0 || low < 0) return std::nullopt;
                bytes += static_cast<char>(high * 16 + low);
                i += 2;
                break;
            }
            default: return std::nullopt;
        }
    }
    return bytes;
}

}  // namespace imago::client::cli
