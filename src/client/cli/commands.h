// The commands of the `imago` binary that speak to a server: topic, group, produce, consume, top; and context, completion.
#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace imago::client::cli {

/// What the command line asked for; empty until a command was parsed. Returns the exit code:
/// 0 done · 1 failed, and standard error says what and what to do · 2 wrong arguments (found while parsing).
using action = std::function<int()>;

/// Adds the commands. When one of them is parsed, `chosen` becomes what it does; call it after parsing. `app` and
/// `chosen` must outlive each other's use.
void add_client_commands(CLI::App& app, action& chosen);

// One function a command; add_client_commands() calls them.
void add_topic_commands(CLI::App& app, action& chosen);
void add_completion_command(CLI::App& app, action& chosen);
void add_context_commands(CLI::App& app, action& chosen);
void add_group_commands(CLI::App& app, action& chosen);
void add_produce_command(CLI::App& app, action& chosen);
void add_consume_command(CLI::App& app, action& chosen);
void add_top_command(CLI::App& app, action& chosen);

}  // namespace imago::client::cli
