// `imago log info|dump|check DIR`: looks at a data folder without a server and without changing anything.
#pragma once

#include <cstdint>
#include <functional>

namespace CLI {
class App;
}

namespace imago::inspect {

/// Adds the commands. When one of them is parsed, `chosen` becomes what it does; its exit code: 0 sound, 1 something is
/// wrong or cannot be read, 2 wrong arguments (found while parsing). Both must outlive the parsing and the call.
/// `tell` hears how far a long look at the log is, in bytes.
void add_log_commands(CLI::App& app, std::function<int()>& chosen,
                      const std::function<void(std::uint64_t done, std::uint64_t total)>& tell = {});

}  // namespace imago::inspect
