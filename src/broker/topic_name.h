// Kafka's rules for topic names.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace imago::broker {

inline constexpr std::size_t topic_name_size_max = 249;

/// Why `name` cannot be a topic's name, in words for the user; nothing if it can.
[[nodiscard]] std::optional<std::string> topic_name_problem(std::string_view name);

/// True for names that metric systems may confuse with another ('.' and '_' look the same there).
[[nodiscard]] bool has_collision_chars(std::string_view name);
/// The name with '.' as '_': equal for names that collide.
[[nodiscard]] std::string collision_form(std::string_view name);

}  // namespace imago::broker
