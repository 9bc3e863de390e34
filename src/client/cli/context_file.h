// Saved contexts: which servers a name stands for.
//
//   # comment
//   current = staging
//
//   [staging]
//   brokers = 10.0.0.7:9092,10.0.0.8:9092
//   metrics = 10.0.0.7:9464
//   timeout = 5
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace imago::client::cli {

struct context {
    std::string brokers;
    std::string metrics;            ///< empty: not said
    std::optional<double> timeout;  ///< seconds
};

/// The file as a whole. It is read and replaced at once, so two commands that change it leave one of both states, never
/// half of one.
class context_file {
public:
    /// $XDG_CONFIG_HOME/imago/contexts, or ~/.config/imago/contexts. Empty if there is neither.
    [[nodiscard]] static std::string place();
    /// A file that is not there is an empty one. None, with `why` for people, if it cannot be read or understood.
    [[nodiscard]] static std::optional<context_file> load(const std::string& place, std::string& why);
    [[nodiscard]] static std::optional<context_file> parse(std::string_view text, std::string& why);
    /// Written beside, made durable, then renamed; mode 0600. False, with `why`, if that fails: then nothing changed.
    [[nodiscard]] bool save(const std::string& place, std::string& why) const;
    [[nodiscard]] std::string text() const;

    /// Letters, digits, '-', '_' and '.'; at most 64.
    [[nodiscard]] static bool is_name(std::string_view name);

    std::string current;  ///< empty: none
    std::map<std::string, context> contexts;
};

}  // namespace imago::client::cli
