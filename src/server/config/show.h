// The configuration for people and programs: `imago config show`, and the table in docs/configuration.md.
#pragma once

#include "server/config/load.h"

#include <string>

namespace imago::config {

/// A table of key, value and source.
[[nodiscard]] std::string show_table(const loaded& loaded);
/// A TOML file that would give the same configuration, each value with its source behind it.
[[nodiscard]] std::string show_toml(const loaded& loaded);
/// {"data.dir": {"value": "...", "source": "default", "change": "restart"}, ...}
[[nodiscard]] std::string show_json(const loaded& loaded);
/// The list of all keys in Markdown.
[[nodiscard]] std::string describe_markdown();

}  // namespace imago::config
