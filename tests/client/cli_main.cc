// The client's commands alone, for tests that need no server of ours.
#include <CLI/CLI.hpp>

#include "client/cli/commands.h"
#include "inspect/cli.h"

int main(int argc, char** argv) {
    CLI::App app("imago, client commands only", "imago");
    imago::client::cli::action chosen;
    app.require_subcommand(1);
    imago::client::cli::add_client_commands(app, chosen);
    imago::inspect::add_log_commands(app, chosen);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    return chosen();
}
