#include "client/cli/consume_start.h"

#include <charconv>
#include <ctime>
#include <string>

namespace imago::client::cli {
namespace {

std::optional<std::int64_t> number(std::string_view text) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value < 0) return std::nullopt;
    return value;
}

std::optional<std::int64_t> time_of(std::string_view text) {
    if (const auto ms = number(text)) return ms;
    const bool utc = !text.empty() && text.back() == 'Z';
    const std::string plain(text.substr(0, text.size() - (utc ? 1 : 0)));
    for (const char* form : {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d"}) {
        std::tm parts{};
        const char* end = ::strptime(plain.c_str(), form, &parts);
        if (end == nullptr || *end != '\0') continue;
        parts.tm_isdst = -1;
        const std::time_t seconds = utc ? ::timegm(&parts) : std::mktime(&parts);
        return std::int64_t{seconds} * 1000;
    }
    return std::nullopt;
}

}  // namespace

std::optional<start_point> parse_start(std::string_view typed) {
    using kind = start_point::kind;
    if (typed == "beginning" || typed == "earliest") return start_point{kind::beginning, 0};
    if (typed == "end" || typed == "latest") return start_point{kind::end, 0};
    if (typed.empty()) return std::nullopt;
    if (typed.front() == '@') {
        const auto time = time_of(typed.substr(1));
        if (!time) return std::nullopt;
        return start_point{kind::time, *time};
    }
    const bool before_end = typed.front() == '-';
    const auto value = number(before_end ? typed.substr(1) : typed);
    if (!value) return std::nullopt;
    return start_point{before_end ? kind::before_end : kind::offset, *value};
}

}  // namespace imago::client::cli
