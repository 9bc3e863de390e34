#include "server/config/units.h"

#include <array>
#include <charconv>

namespace imago::config {
namespace {

struct unit {
    std::string_view name;
    std::int64_t factor;
};

// From the largest: formatting takes the first that divides.
constexpr std::array<unit, 9> sizes{{{"TiB", 1LL << 40},
                                     {"GiB", 1LL << 30},
                                     {"MiB", 1LL << 20},
                                     {"KiB", 1LL << 10},
                                     {"TB", 1'000'000'000'000},
                                     {"GB", 1'000'000'000},
                                     {"MB", 1'000'000},
                                     {"KB", 1'000},
                                     {"B", 1}}};
constexpr std::size_t binary_sizes = 4;
constexpr std::array<unit, 5> durations{
    {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    return text;
}

/// Splits "256 MiB" into 256 and "MiB"; nothing if there is no number in front or it is too large.
std::optional<std::pair<std::int64_t, std::string_view>> split(std::string_view text) {
    text = trimmed(text);
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{}) return std::nullopt;
    return std::pair(number, trimmed(text.substr(static_cast<std::size_t>(end - text.data()))));
}

template <std::size_t N>
std::optional<std::int64_t> with_unit(std::int64_t number, std::string_view name,
                                      const std::array<unit, N>& units) {
    for (const unit& one : units) {
        if (one.name != name) continue;
        std::int64_t product = 0;
        if (__builtin_mul_overflow(number, one.factor, &product)) return std::nullopt;
        return product;
    }
    return std::nullopt;
}

}  // namespace

std::optional<std::int64_t> parse_size(std::string_view text) {
    const auto parts = split(text);
    if (!parts) return std::nullopt;
    return parts->second.empty() ? parts->first : with_unit(parts->first, parts->second, sizes);
}

std::optional<std::int64_t> parse_duration(std::string_view text) {
    const auto parts = split(text);
    if (!parts) return std::nullopt;
    if (parts->second.empty()) return parts->first == 0 ? std::optional<std::int64_t>(0) : std::nullopt;
    return with_unit(parts->first, parts->second, durations);
}

std::optional<std::int64_t> parse_integer(std::string_view text) {
    const auto parts = split(text);
    return parts && parts->second.empty() ? std::optional(parts->first) : std::nullopt;
}

std::string format_size(std::int64_t bytes) {
    for (std::size_t i = 0; i < binary_sizes && bytes != 0; ++i) {
        if (bytes % sizes[i].factor == 0)
            return std::to_string(bytes / sizes[i].factor) + std::string(sizes[i].name);
    }
    return std::to_string(bytes);
}

std::string format_duration(std::int64_t ms) {
    for (const unit& one : durations) {
        if (ms != 0 && ms % one.factor == 0) return std::to_string(ms / one.factor) + std::string(one.name);
    }
    return "0";
}

std::optional<address> parse_address(std::string_view text) {
    text = trimmed(text);
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    std::string_view host = text.substr(0, colon);
    const std::string_view digits = text.substr(colon + 1);
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
    if (host.starts_with('[')) {
        if (!host.ends_with(']')) return std::nullopt;
        host = host.substr(1, host.size() - 2);
    } else if (host.find(':') != std::string_view::npos) {
        return std::nullopt;  // an IPv6 address without brackets: where does the port begin?
    }
    if (host.find_first_of(" /[]") != std::string_view::npos) return std::nullopt;
    return address{std::string(host), port};
}

bool is_wildcard(const address& address) {
    return address.host.empty() || address.host == "0.0.0.0" || address.host == "::" || address.host == "*";
}

}  // namespace imago::config
