// Delimiters and formats as they are typed: \n \r \t \0 \e \\ \xHH.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace imago::client::cli {

/// The bytes that `typed` stands for; none if an escape is not one of those above.
[[nodiscard]] std::optional<std::string> unescape(std::string_view typed);

}  // namespace imago::client::cli
