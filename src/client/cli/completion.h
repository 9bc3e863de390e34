// Completing what is being typed, from the same tables that the command line is parsed with.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace imago::client::cli {

/// Names the values that an option takes, where its checks do not say them.
void offer(CLI::Option* option, std::vector<std::string> values);

struct candidate {
    std::string text;
    std::string about;  ///< a few words; may be empty
};

struct completion {
    enum class also : std::uint8_t { nothing, files, folders };
    std::vector<candidate> candidates;
    also rest = also::nothing;  ///< what the shell may add by itself
};

/// What the words so far say about the servers to ask for names.
struct typed_servers {
    std::string brokers;
    std::string context;
};
/// The names of a kind ("TOPIC", "GROUP", "CONTEXT"); empty if they cannot be had quickly.
using name_source = std::function<std::vector<std::string>(std::string_view kind, const typed_servers& from)>;

/// What the last of `words` may become; the words before it are complete. Without the name of the program.
[[nodiscard]] completion complete(const CLI::App& app, const std::vector<std::string>& words, const name_source& names);

/// If the program was called as `imago __complete WORD...`, which only the shells' scripts do: prints the candidates and
/// gives the exit code.
[[nodiscard]] std::optional<int> answer_completion(const CLI::App& app, int argc, char** argv);

}  // namespace imago::client::cli
