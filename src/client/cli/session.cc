#include "client/cli/session.h"

#include <CLI/CLI.hpp>

#include <csignal>
#include <cstdlib>

#include "client/cli/context_file.h"
#include "client/cli/terminal.h"
#include "client/connection.h"

namespace imago::client::cli {

namespace {

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? std::string() : value;
}

}  // namespace

std::string brokers_problem(const std::string& text) {
    for (const std::string& each : CLI::detail::split(text, ','))
        if (!endpoint::parse(each)) return "'" + each + "' is not HOST:PORT";
    return {};
}

std::string metrics_problem(const std::string& text) {
    return text == "none" || endpoint::parse(text) ? "" : "'" + text + "' is neither HOST:PORT nor none";
}

void connection_settings::add_to(CLI::App& command) {
    command
        .add_option("-b,--brokers,--bootstrap", brokers,
                    "Servers to start from, comma separated (default: the context's, else 127.0.0.1:9092)")
        ->type_name("HOST:PORT")
        ->check(brokers_problem);
    command.add_option("--context", context, "A saved context (see imago context --help)")->type_name("CONTEXT");
    CLI::Option* limit = command.add_option("--timeout", timeout, "Seconds to wait for an answer")
                             ->type_name("SECONDS")
                             ->check(CLI::Range(0.001, 86400.0))
                             ->capture_default_str();
    command.parse_complete_callback([this, limit] { look_up(limit->count() > 0); });
}

void connection_settings::look_up(bool timeout_given) {
    found_brokers_ = brokers;
    if (found_brokers_.empty() && context.empty()) found_brokers_ = environment("IMAGO_BROKERS");
    // --brokers and IMAGO_BROKERS say all there is to say, unless a context is named as well.
    std::string name = context;
    if (name.empty() && found_brokers_.empty()) name = environment("IMAGO_CONTEXT");
    const char* asked_by = context.empty() ? "IMAGO_CONTEXT" : "--context";
    if (name.empty() && !found_brokers_.empty()) return;
    std::string why;
    const auto file = context_file::load(context_file::place(), why);
    if (!file) throw CLI::ValidationError("contexts", why + ". Repair or remove the file, or name servers with --brokers");
    const bool current = name.empty();
    if (current) name = file->current;
    if (name.empty()) return;
    const auto found = file->contexts.find(name);
    if (found == file->contexts.end() || found->second.brokers.empty())
        throw CLI::ValidationError(current ? "the current context" : asked_by,
                                   "there is no context '" + name + "'. `imago context list` shows those there are, `imago context add " +
                                       name + " -b HOST:PORT` saves it");
    if (found_brokers_.empty()) found_brokers_ = found->second.brokers;
    found_metrics_ = found->second.metrics;
    if (found->second.timeout && !timeout_given) timeout = *found->second.timeout;
}

std::string connection_settings::metrics_address(const std::string& given) const {
    return given.empty() ? found_metrics_ : given;
}

std::string connection_settings::text() const { return found_brokers_.empty() ? "127.0.0.1:9092" : found_brokers_; }

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
