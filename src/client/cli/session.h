// What all commands share: which servers, and running a coroutine to its end.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>

#include <functional>
#include <string>
#include <vector>

#include "imago/options.h"

namespace CLI {
class App;
}

namespace imago::client::cli {

/// Which servers a command speaks to. The first of these that is given counts: --brokers, --context, IMAGO_BROKERS,
/// IMAGO_CONTEXT, the current context, 127.0.0.1:9092.
struct connection_settings {
    std::string brokers;      ///< as --brokers gave it, comma separated; empty if it did not
    std::string context;      ///< as --context gave it
    double timeout = 30;      ///< seconds

    /// Adds the options. The context is looked up when `command` has been parsed: one that is not there is a wrong
    /// argument. This must not move afterwards.
    void add_to(CLI::App& command);
    [[nodiscard]] client_options options() const;
    [[nodiscard]] std::string text() const;
    /// `given` (an option) if it is not empty, else what the context says: HOST:PORT, "none", or empty.
    [[nodiscard]] std::string metrics_address(const std::string& given) const;

private:
    void look_up(bool timeout_given);
    std::string found_brokers_;
    std::string found_metrics_;
};

/// For CLI11's check(): empty if all is well, else what is wrong.
[[nodiscard]] std::string brokers_problem(const std::string& text);
[[nodiscard]] std::string metrics_problem(const std::string& text);

/// Runs the coroutine that `make` gives on this thread until it ends; its exit code. The coroutine and what it refers
/// to are gone when this returns.
int run(const std::function<asio::awaitable<int>(asio::io_context&)>& make);

/// "name=value"; false if there is no '='.
[[nodiscard]] bool split_pair(const std::string& text, std::string& name, std::string& value);

}  // namespace imago::client::cli
