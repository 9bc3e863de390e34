#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <memory>

#include "client/cli/admin_command.h"
#include "client/cli/commands.h"
#include "client/cli/context_file.h"

namespace imago::client::cli {
namespace {

using json = nlohmann::json;

constexpr const char* context_examples = R"(
A command asks the servers of the first of these that is given:
  --brokers, --context NAME, IMAGO_BROKERS, IMAGO_CONTEXT, the current context, 127.0.0.1:9092

Examples:
  imago context add staging -b 10.0.0.7:9092,10.0.0.8:9092 --metrics 10.0.0.7:9464
  imago context use staging          from now on
  imago topic list --context local   this once
  imago context list

They are kept in $XDG_CONFIG_HOME/imago/contexts (else ~/.config/imago/contexts).
Exit code: 0 done, 1 failed, 2 wrong arguments.)";

struct context_settings {
    output_choice output;
    std::string name;
    context what;
    double timeout = 0;
    bool use = false;
    bool force = false;
};

/// Reads the file, lets `work` change or show it, and saves it if `work` says so with -1.
template <class F>
int with_file(F work) {
    std::string why;
    const std::string place = context_file::place();
    auto file = context_file::load(place, why);
    if (!file) return complain(why, "Repair or remove the file.");
    const int code = work(*file);
    if (code >= 0) return code;
    if (!file->save(place, why)) return complain(why, "");
    return 0;
}

int missing(const context_file& file, const std::string& name) {
    std::string known;
    for (const auto& [each, ignored] : file.contexts) known += (known.empty() ? "" : ", ") + each;
    return complain(fmt::format("there is no context '{}'", name),
                    known.empty() ? fmt::format("Save one with `imago context add {} -b HOST:PORT`.", name)
                                  : fmt::format("There are: {}. `imago context add {} -b HOST:PORT` saves it.", known, name));
}

json as_json(const context_file& file, const std::string& name) {
    const context& each = file.contexts.at(name);
    json entry = {{"name", name}, {"brokers", each.brokers}, {"current", file.current == name}};
    if (!each.metrics.empty()) entry["metrics"] = each.metrics;
    if (each.timeout) entry["timeout"] = *each.timeout;
    return entry;
}

int add(const context_settings& settings) {
    return with_file([&](context_file& file) {
        if (file.contexts.count(settings.name) > 0 && !settings.force)
            return complain(fmt::format("there is a context '{}' already", settings.name), "Replace it with --force.");
        file.contexts[settings.name] = settings.what;
        if (settings.timeout > 0) file.contexts[settings.name].timeout = settings.timeout;
        const bool first = file.contexts.size() == 1 && file.current.empty();
        if (settings.use || first) file.current = settings.name;
        fmt::print("{} saved{}\n", settings.name, file.current == settings.name ? ", the current context" : "");
        return -1;
    });
}

int use(const context_settings& settings) {
    return with_file([&](context_file& file) {
        if (file.contexts.count(settings.name) == 0) return missing(file, settings.name);
        file.current = settings.name;
        fmt::print("{} is the current context: {}\n", settings.name, file.contexts[settings.name].brokers);
        return -1;
    });
}

int list(const context_settings& settings) {
    return with_file([&](context_file& file) {
        json entries = json::array();
        table rows({"", "CONTEXT", "BROKERS", "METRICS"});
        for (const auto& [name, each] : file.contexts) {
            entries.push_back(as_json(file, name));
            rows.add({file.current == name ? "*" : "", name, each.brokers, each.metrics.empty() ? "-" : each.metrics});
        }
        if (settings.output.as_json()) print_json(entries);
        else if (entries.empty()) fmt::print(stderr, "There are no contexts yet. `imago context add NAME -b HOST:PORT` saves one.\n");
        else rows.print();
        return 0;
    });
}

int show(const context_settings& settings) {
    return with_file([&](context_file& file) {
        const std::string name = settings.name.empty() ? file.current : settings.name;
        if (name.empty()) return complain("there is no current context", "`imago context use NAME` chooses one.");
        if (file.contexts.count(name) == 0) return missing(file, name);
        if (settings.output.as_json()) {
            print_json(as_json(file, name));
            return 0;
        }
        const context& each = file.contexts[name];
        fmt::print("{}{}\nbrokers = {}\n", name, file.current == name ? " (current)" : "", each.brokers);
        if (!each.metrics.empty()) fmt::print("metrics = {}\n", each.metrics);
        if (each.timeout) fmt::print("timeout = {}\n", *each.timeout);
        return 0;
    });
}

int remove(const context_settings& settings) {
    return with_file([&](context_file& file) {
        if (file.contexts.erase(settings.name) == 0) return missing(file, settings.name);
        const bool was_current = file.current == settings.name;
        if (was_current) file.current.clear();
        fmt::print("{} removed{}\n", settings.name, was_current ? "; there is no current context now" : "");
        return -1;
    });
}

}  // namespace

void add_context_commands(CLI::App& app, action& chosen) {
    CLI::App* parent = app.add_subcommand("context", "Save which servers a name stands for");
    parent->require_subcommand(1);
    parent->footer(context_examples);
    const auto command = [&](const char* name, const char* what, const char* example, int (*work)(const context_settings&)) {
        auto settings = std::make_shared<context_settings>();
        CLI::App* made = parent->add_subcommand(name, what);
        made->footer(std::string("\nExample: ") + example);
        made->callback([settings, work, &chosen] { chosen = [settings, work] { return work(*settings); }; });
        return std::pair(made, settings);
    };
    const auto name_check = [](const std::string& text) -> std::string {
        return context_file::is_name(text) ? "" : "'" + text + "' is no name: letters, digits, '-', '_', '.', at most 64";
    };
    const auto [adding, a] = command("add", "Save a context; the first one becomes the current one",
                                     "imago context add staging -b 10.0.0.7:9092 --metrics 10.0.0.7:9464 --use", add);
    adding->add_option("name", a->name, "Its name")->required()->type_name("NAME")->check(name_check);
    adding->add_option("-b,--brokers,--bootstrap", a->what.brokers, "Servers to start from, comma separated")->required()
        ->type_name("HOST:PORT")->check(brokers_problem);
    adding->add_option("--metrics", a->what.metrics, "Where its metrics are, or none")->type_name("HOST:PORT")
        ->check(metrics_problem);
    adding->add_option("--timeout", a->timeout, "Seconds to wait for an answer")->type_name("SECONDS")
        ->check(CLI::Range(0.001, 86400.0));
    adding->add_flag("--use", a->use, "Make it the current context");
    adding->add_flag("--force", a->force, "Replace a context of that name");

    const auto [using_it, u] = command("use", "Make a context the current one", "imago context use staging", use);
    using_it->add_option("name", u->name, "Its name")->required()->type_name("CONTEXT");
    const auto [listing, l] = command("list", "List the contexts; * marks the current one", "imago context list --json", list);
    l->output.add_to(*listing);
    const auto [showing, s] = command("show", "Show a context, or the current one", "imago context show staging", show);
    showing->add_option("name", s->name, "Its name")->type_name("CONTEXT");
    s->output.add_to(*showing);
    const auto [removing, r] = command("remove", "Forget a context", "imago context remove staging", remove);
    removing->add_option("name", r->name, "Its name")->required()->type_name("CONTEXT");
}

}  // namespace imago::client::cli
