#include "client/cli/commands.h"

#include <CLI/CLI.hpp>

namespace imago::client::cli {

void add_client_commands(CLI::App& app, action& chosen) {
    add_topic_commands(app, chosen);
    add_group_commands(app, chosen);
    add_produce_command(app, chosen);
    add_consume_command(app, chosen);
    add_top_command(app, chosen);
    add_context_commands(app, chosen);
    add_completion_command(app, chosen);
}

}  // namespace imago::client::cli
