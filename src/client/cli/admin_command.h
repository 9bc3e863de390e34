// What the commands that administer have in common: an admin for one command, and how they print.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "client/cli/session.h"
#include "client/cli/terminal.h"
#include "imago/async.h"

namespace imago::client::cli {

/// Runs `work(admin&)`, a coroutine that gives the exit code, with an admin that is closed afterwards.
template <class F>
int with_admin(const connection_settings& connection, F work) {
    return run([&connection, work](asio::io_context& io) -> asio::awaitable<int> {
        const auto connected = std::make_unique<admin>(io.get_executor(), connection.options());
        const int code = co_await work(*connected);
        co_await connected->close();
        co_return code;
    });
}

/// Says that `what` could not be done at the servers of `connection`; the exit code.
int cannot(const connection_settings& connection, std::string_view what, std::error_code error,
           std::string_view detail = {});

/// --output table|json and its short form --json.
struct output_choice {
    std::string how = "table";
    bool json = false;

    void add_to(CLI::App& command);
    [[nodiscard]] bool as_json() const { return json || how == "json"; }
};

/// Prints JSON over several lines. Bytes that are no UTF-8 are replaced.
void print_json(const nlohmann::json& what);

/// Asks "QUESTION [y/N]" if a person sits there; true otherwise.
[[nodiscard]] bool confirmed(std::string_view question);

}  // namespace imago::client::cli
