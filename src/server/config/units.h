// Sizes and durations as people write them: 256MiB, 1048588, 10s, 5m, 7d.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace imago::config {

/// Bytes: a number with B, KiB, MiB, GiB, TiB or KB, MB, GB, TB (powers of 1000); without a unit it is bytes.
[[nodiscard]] std::optional<std::int64_t> parse_size(std::string_view text);
/// Milliseconds: a number with ms, s, m, h or d. A unit is required, except for 0.
[[nodiscard]] std::optional<std::int64_t> parse_duration(std::string_view text);
[[nodiscard]] std::optional<std::int64_t> parse_integer(std::string_view text);

/// The shortest exact spelling.
[[nodiscard]] std::string format_size(std::int64_t bytes);
[[nodiscard]] std::string format_duration(std::int64_t ms);

struct address {
    std::string host;  ///< without brackets
    std::uint16_t port = 0;
};
/// HOST:PORT or [IPv6]:PORT; the host may be empty.
[[nodiscard]] std::optional<address> parse_address(std::string_view text);
/// Every interface: no client can connect to such an address.
[[nodiscard]] bool is_wildcard(const address& address);

}  // namespace imago::config
