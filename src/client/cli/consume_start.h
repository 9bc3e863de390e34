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

/// beginning (or earliest), end (or latest), N, -N, @MILLISECONDS, @YYYY-MM-DD[Thh:mm[:ss]][Z] (UTC with Z, else local).
[[nodiscard]] std::optional<start_point> parse_start(std::string_view typed);

}  // namespace imago::client::cli
