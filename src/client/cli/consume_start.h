// Where consuming starts, as it is typed.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace imago::client::cli {

struct start_point {
    enum class kind : std::uint8_t { beginning, end, offset, before_end, time };
    kind what = kind::end;
    std::int64_t value = 0;  ///< the offset, how many before the end, or milliseconds since 1970
};

/// Milliseconds since 1970, from such a number or from ISO 8601: YYYY-MM-DD[Thh:mm[:ss[.fff]]][Z|+hh:mm|-hh:mm], local
/// time if it names no zone.
[[nodiscard]] std::optional<std::int64_t> parse_time(std::string_view typed);

/// beginning (or earliest), end (or latest), N, -N, @TIME as parse_time() reads it.
[[nodiscard]] std::optional<start_point> parse_start(std::string_view typed);

}  // namespace imago::client::cli
