// Named settings with Kafka's types and Kafka's words for what is wrong with a value. Topics and the server
// describe theirs with this.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace imago::broker {

enum class config_type : std::uint8_t { boolean, text, int32, int64, real, list, password };

/// Where the value in force comes from.
enum class config_source : std::uint8_t {
    built_in,        ///< nobody set it
    server_file,     ///< configuration file, environment or flag of the server
    server_dynamic,  ///< set at run time for the server
    topic,           ///< set for the topic
};

/// The description of one setting. All text lives for ever.
struct config_key {
    std::string_view name;
    config_type type;
    std::string_view initial;           ///< default, as text
    std::string_view server_name = {};  ///< the server setting that is the default of this topic setting
    std::optional<std::int64_t> least = {};
    std::optional<std::int64_t> most = {};
    std::string_view choices = {};  ///< "a, b, c": the only values (for lists: elements) allowed
    std::string_view help = {};
};

/// What is wrong with `value` for `key`, as Kafka says it; nothing if it is fine.
[[nodiscard]] std::optional<std::string> config_problem(const config_key& key, std::string_view value);

/// Values that config_problem() found fine, parsed.
[[nodiscard]] std::int64_t config_integer(std::string_view value);
[[nodiscard]] bool config_boolean(std::string_view value);
/// Elements of a list, trimmed, without empty ones.
[[nodiscard]] std::vector<std::string> config_list(std::string_view value);

/// A setting with its value, as an administrator wants to see it.
struct config_entry {
    struct synonym {
        std::string_view name;
        std::string value;
        config_source source{};
    };
    const config_key* key = nullptr;
    std::string value;
    config_source source{};
    bool read_only = false;
    /// All values that are set, the one in force first.
    std::vector<synonym> synonyms;
};

/// One name set to a value when a topic is created or its settings are replaced.
struct config_setting {
    std::string name;
    std::optional<std::string> value;
};

/// One step of an incremental change.
struct config_change {
    enum class kind : std::uint8_t { set, remove, append, subtract };
    std::string name;
    kind what = kind::set;
    std::optional<std::string> value;
};

/// Explicitly set values by name.
using config_map = std::map<std::string, std::string, std::less<>>;

/// A setting and what it is when nobody sets it.
struct config_default {
    const config_key* key = nullptr;  ///< null: no such setting
    std::string value;
};

struct config_refusal {
    std::error_code error;
    std::string message;
};

/// Carries the steps out on `configs`; lists start from their default. Does not check the resulting values.
[[nodiscard]] std::optional<config_refusal> apply_config_changes(
    config_map& configs, const std::vector<config_change>& changes,
    const std::function<config_default(std::string_view name)>& default_of);

}  // namespace imago::broker
