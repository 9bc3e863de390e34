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

/// Takes "+01:00", "-0130" or "Z" off the end of a time of day; its minutes east of UTC.
std::optional<int> take_zone(std::string_view& text) {
    if (!text.empty() && text.back() == 'Z') {
        text.remove_suffix(1);
        return 0;
    }
    const std::size_t day_end = text.find_first_of("T ");
    if (day_end == std::string_view::npos) return std::nullopt;
    const std::size_t sign = text.find_first_of("+-", day_end);
    if (sign == std::string_view::npos) return std::nullopt;
    std::string digits(text.substr(sign + 1));
    std::erase(digits, ':');
    const auto value = number(digits);
    if (!value || digits.size() != 4 || *value / 100 > 14 || *value % 100 > 59) return std::nullopt;
    const int minutes = static_cast<int>(*value / 100 * 60 + *value % 100);
    const bool west = text[sign] == '-';
    text.remove_suffix(text.size() - sign);
    return west ? -minutes : minutes;
}

/// Takes ".123" off the end; the milliseconds. Digits after the third are dropped.
std::optional<std::int64_t> take_fraction(std::string_view& text) {
    const std::size_t dot = text.rfind('.');
    if (dot == std::string_view::npos) return 0;
    std::string digits(text.substr(dot + 1));
    if (digits.empty() || digits.size() > 9 || !number(digits)) return std::nullopt;
    digits.resize(3, '0');
    text.remove_suffix(text.size() - dot);
    return number(digits);
}

}  // namespace

std::optional<std::int64_t> parse_time(std::string_view typed) {
    if (const auto ms = number(typed)) return ms;
    const auto zone = take_zone(typed);
    const bool fraction_given = typed.find('.') != std::string_view::npos;
    const auto fraction = take_fraction(typed);
    if (!fraction) return std::nullopt;
    const std::string plain(typed);
    for (const char* form : {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%d"}) {
        std::tm parts{};
        const char* end = ::strptime(plain.c_str(), form, &parts);
        if (end == nullptr || *end != '\0') continue;
        if (fraction_given && std::string_view(form).find("%S") == std::string_view::npos) return std::nullopt;
        parts.tm_isdst = -1;
        const std::time_t seconds = zone ? ::timegm(&parts) - *zone * 60 : std::mktime(&parts);
        return std::int64_t{seconds} * 1000 + *fraction;
    }
    return std::nullopt;
}

std::optional<start_point> parse_start(std::string_view typed) {
    using kind = start_point::kind;
    if (typed == "beginning" || typed == "earliest") return start_point{kind::beginning, 0};
    if (typed == "end" || typed == "latest") return start_point{kind::end, 0};
    if (typed.empty()) return std::nullopt;
    if (typed.front() == '@') {
        const auto time = parse_time(typed.substr(1));
        if (!time) return std::nullopt;
        return start_point{kind::time, *time};
    }
    const bool before_end = typed.front() == '-';
    const auto value = number(before_end ? typed.substr(1) : typed);
    if (!value) return std::nullopt;
    return start_point{before_end ? kind::before_end : kind::offset, *value};
}

}  // namespace imago::client::cli
