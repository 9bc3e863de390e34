// `imago bench`: measures any server of the Kafka protocol.
#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace imago::bench {

/// As client::cli::add_client_commands.
void add_bench_commands(CLI::App& app, std::function<int()>& chosen);

}  // namespace imago::bench
