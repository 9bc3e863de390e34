// From defaults, file, environment and flags to a server_config. Later sources win in this order:
//
//   default  <  file (TOML)  <  environment (IMAGO_SECTION__KEY)  <  flags (--data-dir, --set
//   SECTION.KEY=VALUE)
//
// A key that does not exist is an error with its place and the name that may have been meant. All problems of
// all sources are reported, not only the first.
#pragma once

#include "server/config/server_config.h"

#include <tl/expected.hpp>

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace imago::config {

struct problem {
    std::string where;  ///< "imago.toml:3:18", "IMAGO_NET__THREADS", "--set net.threads", or empty
    std::string what;
    [[nodiscard]] std::string text() const { return where.empty() ? what : where + ": " + what; }
};

/// One value from the command line.
struct flag_value {
    std::string flag;  ///< as typed, for messages: "--set", "--data-dir"
    std::string key;   ///< "data.dir"
    std::string value;
};

struct input {
    std::optional<std::string> file;  ///< path of the TOML file
    std::vector<std::pair<std::string, std::string>> environment;
    std::vector<flag_value> flags;
};

struct loaded {
    server_config config;
    /// Where each value comes from, in the order of keys(): "default", "imago.toml:3", "IMAGO_NET__THREADS",
    /// "--set".
    std::vector<std::string> sources;
};

using load_result = tl::expected<loaded, std::vector<problem>>;

[[nodiscard]] load_result load(const input& input);
/// The same with the file's text at hand; `name` stands in messages.
[[nodiscard]] load_result load_text(std::string_view toml, const std::string& name, const input& rest = {});

/// "section.key=value", the argument of --set.
[[nodiscard]] tl::expected<flag_value, problem> parse_set(std::string_view argument);
/// The variables of this process.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> process_environment();

/// Values that Kafka's clients may ask for, under Kafka's names; those that are the default of both are left
/// out.
[[nodiscard]] std::map<std::string, std::string, std::less<>> kafka_settings(const loaded& loaded);

}  // namespace imago::config
