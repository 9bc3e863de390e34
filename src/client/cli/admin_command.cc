#include "client/cli/admin_command.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

namespace imago::client::cli {

int cannot(const connection_settings& connection, std::string_view what, std::error_code error, std::string_view detail) {
    return complain(fmt::format("cannot {} at {}", what, connection.text()), error, detail);
}

void output_choice::add_to(CLI::App& command) {
    CLI::Option* option = command.add_option("--output", how, "table or json")
                              ->check(CLI::IsMember({"table", "json"}))
                              ->capture_default_str();
    command.add_flag("--json", json, "The same as --output json")->excludes(option);
}

void print_json(const nlohmann::json& what) {
    fmt::print("{}\n", what.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

bool confirmed(std::string_view question) {
    if (!is_terminal(STDIN_FILENO) || !is_terminal(STDERR_FILENO)) return true;
    fmt::print(stderr, "{} [y/N] ", question);
    std::fflush(stderr);
    const int answer = std::getchar();
    return answer == 'y' || answer == 'Y';
}

}  // namespace imago::client::cli
