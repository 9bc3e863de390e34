// The client's commands alone, for tests that need no server of ours.
#include <CLI/CLI.hpp>

#include "client/cli/commands.h"
#include "client/cli/completion.h"
#include "client/cli/progress.h"
#include "inspect/cli.h"

int main(int argc, char** argv) {
    CLI::App app("imago, client commands only", "imago");
    imago::client::cli::action chosen;
    app.require_subcommand(1);
    imago::client::cli::add_client_commands(app, chosen);
    imago::inspect::add_log_commands(app, chosen, imago::client::cli::show_byte_progress());
    if (const auto answered = imago::client::cli::answer_completion(app, argc, argv)) return *answered;
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    return chosen();
}
