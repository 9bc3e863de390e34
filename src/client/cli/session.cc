#include "client/cli/session.h"

#include <CLI/CLI.hpp>

#include <csignal>
#include <cstdlib>

#include "client/cli/terminal.h"
#include "client/connection.h"

namespace imago::client::cli {

void connection_settings::add_to(CLI::App& command) {
    command
        .add_option("-b,--brokers,--bootstrap", brokers,
                    "Servers to start from, comma separated (default: IMAGO_BROKERS, else 127.0.0.1:9092)")
        ->type_name("HOST:PORT")
        ->check([](const std::string& text) -> std::string {
            for (const std::string& each : CLI::detail::split(text, ','))
                if (!endpoint::parse(each)) return "'" + each + "' is not HOST:PORT";
            return {};
        });
    command.add_option("--timeout", timeout, "Seconds to wait for an answer")
        ->type_name("SECONDS")
        ->check(CLI::Range(0.001, 86400.0))
        ->capture_default_str();
}

std::string connection_settings::text() const {
    if (!brokers.empty()) return brokers;
    const char* from_environment = std::getenv("IMAGO_BROKERS");
    return from_environment != nullptr && *from_environment != '\0' ? from_environment : "127.0.0.1:9092";
}

client_options connection_settings::options() const {
    client_options made;
    made.brokers = CLI::detail::split(text(), ',');
    made.client_id = "imago-cli";
    made.request_timeout = milliseconds(static_cast<std::int64_t>(timeout * 1000));
    made.connect_timeout = std::min(made.request_timeout, milliseconds(10'000));
    made.retry_timeout = made.request_timeout;
    return made;
}

int run(const std::function<asio::awaitable<int>(asio::io_context&)>& make) {
    std::signal(SIGPIPE, SIG_IGN);
    asio::io_context io(1);
    int code = 1;
    asio::co_spawn(io, make(io), [&](std::exception_ptr failed, int result) {
        if (failed) std::rethrow_exception(failed);
        code = result;
    });
    io.run();
    return code;
}

bool split_pair(const std::string& text, std::string& name, std::string& value) {
    const std::size_t at = text.find('=');
    if (at == std::string::npos || at == 0) return false;
    name = text.substr(0, at);
    value = text.substr(at + 1);
    return true;
}

}  // namespace imago::client::cli
