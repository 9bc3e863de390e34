// The one list of configuration keys. Reading, checking, showing and docs/configuration.md are all made from
// it.
#pragma once

#include "server/config/server_config.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace imago::config {

enum class kind : std::uint8_t { boolean, integer, size, duration, text, choice, address };

/// Where a key's value lives in a server_config; the type fits the key's kind.
using slot = std::variant<bool*, std::int64_t*, std::string*>;

struct key {
    std::string_view section;
    std::string_view name;
    kind type;
    std::string_view initial;  ///< default, as one would write it
    std::int64_t least = 0;    ///< numbers only
    std::int64_t most = INT64_MAX;
    std::string_view choices = {};  ///< "a, b, c"
    std::string_view endless = {};  ///< the word for -1, if -1 is allowed
    std::string_view flag = {};     ///< the command line's own name for it, as --data-dir
    std::string_view kafka = {};    ///< under which Kafka's clients see it
    bool live = false;              ///< may also be changed while the server runs, under its Kafka name
    std::string_view help = {};
    slot (*where)(server_config&) = nullptr;

    [[nodiscard]] std::string full_name() const { return std::string(section) + "." + std::string(name); }
};

[[nodiscard]] std::span<const key> keys();
[[nodiscard]] const key* find_key(std::string_view section, std::string_view name);

/// Reads `text` as the key's kind into `into`. Otherwise says what is wrong, without the key's name.
[[nodiscard]] std::optional<std::string> read_value(const key& key, std::string_view text,
                                                    server_config& into);
/// The value, as one would write it.
[[nodiscard]] std::string write_value(const key& key, const server_config& from);
/// The value in Kafka's spelling: milliseconds, bytes, true.
[[nodiscard]] std::string kafka_value(const key& key, const server_config& from);
/// "1MiB..1GiB", "uring, posix" ...; for people.
[[nodiscard]] std::string allowed_values(const key& key);
/// A name of the list that `name` ("section.key") may have been meant for; empty if none is near.
[[nodiscard]] std::string nearest_key(std::string_view name);

}  // namespace imago::config
