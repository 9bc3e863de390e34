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

struct connection_settings {
    std::string brokers;     ///< comma separated; empty = IMAGO_BROKERS, else 127.0.0.1:9092
    double timeout = 30;     ///< seconds

    void add_to(CLI::App& command);
    [[nodiscard]] client_options options() const;
    [[nodiscard]] std::string text() const;
};

/// Runs the coroutine that `make` gives on this thread until it ends; its exit code. The coroutine and what it refers
/// to are gone when this returns.
int run(const std::function<asio::awaitable<int>(asio::io_context&)>& make);

/// "name=value"; false if there is no '='.
[[nodiscard]] bool split_pair(const std::string& text, std::string& name, std::string& value);

}  // namespace imago::client::cli
