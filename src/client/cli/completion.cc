#include "client/cli/completion.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>

#include "client/cli/commands.h"
#include "client/cli/context_file.h"
#include "client/cli/session.h"
#include "imago/async.h"

namespace imago::client::cli {
namespace {

std::map<const CLI::Option*, std::vector<std::string>>& offered() {
    static std::map<const CLI::Option*, std::vector<std::string>> values;
    return values;
}

bool takes_value(const CLI::Option& option) { return option.get_items_expected_max() > 0; }

const CLI::Option* find_option(const CLI::App& app, const std::string& word) {
    for (const CLI::Option* each : app.get_options())
        if (each->nonpositional() && each->check_name(word)) return each;
    return nullptr;
}

const CLI::App* find_subcommand(const CLI::App& app, const std::string& word) {
    const auto found = app.get_subcommands([&](const CLI::App* each) { return each->get_name() == word; });
    return found.empty() ? nullptr : found.front();
}

/// The words inside of {a,b,c}, as the checks of an option describe themselves.
std::vector<std::string> choices_in(const std::string& text) {
    const std::size_t open = text.find('{');
    const std::size_t close = text.find('}', open);
    if (open == std::string::npos || close == std::string::npos) return {};
    return CLI::detail::split(text.substr(open + 1, close - open - 1), ',');
}

/// What the words name so far.
struct place {
    const CLI::App* app;
    const CLI::Option* waiting = nullptr;  // an option whose value comes next
    std::size_t positionals = 0;
    bool only_positionals = false;  // after --
    typed_servers servers;
};

void note_value(place& at, const CLI::Option& option, const std::string& value) {
    if (option.check_lname("brokers")) at.servers.brokers = value;
    if (option.check_lname("context")) at.servers.context = value;
}

place walk(const CLI::App& app, const std::vector<std::string>& words) {
    place at{&app};
    for (std::size_t i = 0; i + 1 < words.size(); ++i) {
        const std::string& word = words[i];
        if (at.waiting != nullptr) {
            note_value(at, *at.waiting, word);
            at.waiting = nullptr;
        } else if (!at.only_positionals && word == "--") {
            at.only_positionals = true;
        } else if (!at.only_positionals && word.size() > 1 && word.front() == '-') {
            const std::size_t equals = word.compare(0, 2, "--") == 0 ? word.find('=') : std::string::npos;
            const CLI::Option* option = find_option(*at.app, word.substr(0, equals));
            if (option == nullptr || !takes_value(*option)) continue;
            if (equals == std::string::npos) at.waiting = option;
            else note_value(at, *option, word.substr(equals + 1));
        } else if (const CLI::App* sub = at.positionals == 0 ? find_subcommand(*at.app, word) : nullptr) {
            at.app = sub;
        } else {
            ++at.positionals;
        }
    }
    return at;
}

/// Candidates for a value, each with `before` in front of it.
void add_values(completion& into, const CLI::Option& option, const std::string& begun, const std::string& before,
                const typed_servers& servers, const name_source& names) {
    const std::string kind = option.get_type_name();
    std::vector<std::string> values = choices_in(kind);
    if (const auto known = offered().find(&option); known != offered().end()) values = known->second;
    for (const char* each : {"TOPIC", "GROUP", "CONTEXT"})
        if (kind.compare(0, std::strlen(each), each) == 0) values = names(each, servers);
    if (kind.compare(0, 4, "FILE") == 0) into.rest = completion::also::files;
    if (kind.compare(0, 3, "DIR") == 0) into.rest = completion::also::folders;
    for (const std::string& each : values)
        if (each.compare(0, begun.size(), begun) == 0) into.candidates.push_back({before + each, ""});
}

}  // namespace

void offer(CLI::Option* option, std::vector<std::string> values) { offered()[option] = std::move(values); }

completion complete(const CLI::App& app, const std::vector<std::string>& words, const name_source& names) {
    completion made;
    if (words.empty()) return made;
    const std::string& last = words.back();
    const place at = walk(app, words);
    if (at.waiting != nullptr) {
        add_values(made, *at.waiting, last, "", at.servers, names);
        return made;
    }
    if (!at.only_positionals && !last.empty() && last.front() == '-') {
        const std::size_t equals = last.find('=');
        if (equals != std::string::npos) {
            const CLI::Option* option = find_option(*at.app, last.substr(0, equals));
            if (option != nullptr)
                add_values(made, *option, last.substr(equals + 1), last.substr(0, equals + 1), at.servers, names);
            return made;
        }
        for (const CLI::Option* each : at.app->get_options()) {
            if (!each->nonpositional() || each->get_group().empty()) continue;
            // One spelling: the first long one, or the short one if there is none.
            const auto& longs = each->get_lnames();
            const std::string name = !longs.empty() ? "--" + longs.front() : "-" + each->get_snames().front();
            if (name.compare(0, last.size(), last) == 0) made.candidates.push_back({name, each->get_description()});
        }
        return made;
    }
    if (at.positionals == 0 && !at.only_positionals) {
        for (const CLI::App* each : at.app->get_subcommands([](const CLI::App*) { return true; }))
            if (!each->get_group().empty() && each->get_name().compare(0, last.size(), last) == 0)
                made.candidates.push_back({each->get_name(), each->get_description()});
    }
    std::size_t before = at.positionals;
    for (const CLI::Option* each : at.app->get_options()) {
        if (!each->get_positional()) continue;
        const auto most = static_cast<std::size_t>(std::max(each->get_items_expected_max(), 1));
        if (before < most) {
            add_values(made, *each, last, "", at.servers, names);
            break;
        }
        before -= most;
    }
    return made;
}

namespace {

std::vector<std::string> names_of(std::string_view kind, const typed_servers& from) {
    std::vector<std::string> names;
    if (kind == "CONTEXT") {
        std::string why;
        if (const auto file = context_file::load(context_file::place(), why))
            for (const auto& [name, each] : file->contexts) names.push_back(name);
        return names;
    }
    // The user waits with a finger on the key: soon or not at all, and no word about why.
    CLI::App app;
    connection_settings connection;
    connection.add_to(app);
    std::vector<std::string> arguments = {"--timeout", "1.5"};
    if (!from.context.empty()) arguments.insert(arguments.end(), {"--context", from.context});
    if (!from.brokers.empty()) arguments.insert(arguments.end(), {"--brokers", from.brokers});
    std::reverse(arguments.begin(), arguments.end());
    try {
        app.parse(arguments);
    } catch (const CLI::ParseError&) {
        return names;
    }
    static_cast<void>(run([&](asio::io_context& io) -> asio::awaitable<int> {
        const auto server = std::make_unique<admin>(io.get_executor(), connection.options());
        if (kind == "TOPIC") {
            const auto topics = co_await server->list_topics();
            if (topics)
                for (const topic_info& each : *topics)
                    if (!each.internal) names.push_back(each.name);
        } else {
            group_filter all;
            const auto groups = co_await server->list_groups(std::move(all));
            if (groups)
                for (const group_listing& each : *groups) names.push_back(each.id);
        }
        co_await server->close();
        co_return 0;
    }));
    return names;
}

// The scripts only carry words to `imago __complete` and candidates back: what can be typed is known to the tables of
// the program alone.
constexpr const char* bash_script = R"(# bash completion of imago, made by `imago completion bash`
_imago() {
    local line=${COMP_LINE:0:COMP_POINT} words current candidate
    read -ra words <<<"$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    current=${words[${#words[@]}-1]}
    # bash replaces only what follows the last ':' or '='.
    local kept=${current%"${current##*[:=]}"}
    COMPREPLY=()
    while IFS=$'\t' read -r candidate _; do
        case $candidate in
            :files) mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- "${current#"$kept"}"); compopt -o filenames ;;
            :folders) mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -d -- "${current#"$kept"}"); compopt -o filenames ;;
            *) COMPREPLY+=("${candidate#"$kept"}") ;;
        esac
    done < <("${words[0]}" __complete "${words[@]:1}" 2>/dev/null)
}
complete -F _imago imago
)";

constexpr const char* zsh_script = R"(#compdef imago
# zsh completion of imago, made by `imago completion zsh`
_imago() {
    local line name about
    local -a described
    while IFS= read -r line; do
        case $line in
            :files) _files ;;
            :folders) _files -/ ;;
            *)
                name=${line%%$'\t'*}
                about=${line#*$'\t'}
                described+=("${name//:/\\:}:$about")
                ;;
        esac
    done < <("${words[1]}" __complete "${(@)words[2,CURRENT]}" 2>/dev/null)
    (( ${#described} )) && _describe -V imago described
}
if [[ ${funcstack[1]} == _imago ]]; then
    _imago "$@"
else
    compdef _imago imago
fi
)";

constexpr const char* fish_script = R"(# fish completion of imago, made by `imago completion fish`
function __imago_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    for line in ($words[1] __complete $words[2..-1] "$current" 2>/dev/null)
        switch $line
            case :files
                __fish_complete_path "$current"
            case :folders
                __fish_complete_directories "$current"
            case '*'
                echo $line
        end
    end
end
complete -c imago -f -a '(__imago_complete)'
)";

constexpr const char* footer = R"(
Examples:
  source <(imago completion bash)                                            for this shell
  imago completion bash > ~/.local/share/bash-completion/completions/imago   for every shell
  imago completion zsh > ~/.zfunc/_imago                                     ~/.zfunc in fpath, before compinit
  imago completion fish > ~/.config/fish/completions/imago.fish

`cmake --install` puts them in the usual folders. Topics and groups are asked of the server that the words typed so
far, or else the current context, name.)";

}  // namespace

std::optional<int> answer_completion(const CLI::App& app, int argc, char** argv) {
    if (argc < 2 || std::strcmp(argv[1], "__complete") != 0) return std::nullopt;
    const std::vector<std::string> words(argv + 2, argv + argc);
    const completion made = complete(app, words, names_of);
    for (const candidate& each : made.candidates) {
        const std::string about = each.about.substr(0, each.about.find('\n'));
        fmt::print("{}\t{}\n", each.text, about);
    }
    if (made.rest == completion::also::files) fmt::print(":files\n");
    if (made.rest == completion::also::folders) fmt::print(":folders\n");
    return 0;
}

void add_completion_command(CLI::App& app, action& chosen) {
    CLI::App* command = app.add_subcommand("completion", "Print the script with which a shell completes imago's words");
    command->footer(footer);
    auto shell = std::make_shared<std::string>();
    command->add_option("shell", *shell, "bash, zsh or fish")->required()->type_name("SHELL")
        ->check(CLI::IsMember({"bash", "zsh", "fish"}));
    command->callback([shell, &chosen] {
        chosen = [shell] {
            fmt::print("{}", *shell == "bash" ? bash_script : *shell == "zsh" ? zsh_script : fish_script);
            return 0;
        };
    });
}

}  // namespace imago::client::cli
