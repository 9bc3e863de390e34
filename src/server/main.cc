// The one binary: finds out what is asked for and hands over.
#include "client/bench/command.h"
#include "client/cli/commands.h"
#include "client/cli/completion.h"
#include "client/cli/progress.h"
#include "inspect/cli.h"
#include "server/config/keys.h"
#include "server/config/load.h"
#include "server/config/show.h"
#include "server/serve.h"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <functional>
#include <list>

namespace {

namespace config = imago::config;

/// --config, --set and the flags that some keys have of their own.
struct config_flags {
    std::string file;
    std::vector<std::string> sets;
    struct own {
        std::string flag;
        std::string key;
        std::string value;
        CLI::Option* option = nullptr;
    };
    std::list<own> owns;

    void add_to(CLI::App& command) {
        command.add_option("-c,--config", file, "Configuration file (TOML)")->type_name("FILE");
        for (const config::key& key : config::keys()) {
            if (key.flag.empty()) continue;
            own& added = owns.emplace_back(own{std::string(key.flag), key.full_name(), {}, nullptr});
            added.option =
                command.add_option(added.flag, added.value, std::string(key.help) + " [" + added.key + "]")
                    ->type_name(config::allowed_values(key));
        }
        command.add_option("--set", sets, "Any key of the configuration; may be repeated")
            ->type_name("SECTION.KEY=VALUE");
    }

    /// The configuration, or nothing when something is wrong; standard error has said what, then.
    [[nodiscard]] std::optional<config::loaded> load() const {
        config::input input;
        if (!file.empty()) input.file = file;
        input.environment = config::process_environment();
        std::vector<config::problem> problems;
        for (const own& each : owns) {
            if (each.option->count() > 0) input.flags.push_back({each.flag, each.key, each.value});
        }
        for (const std::string& set : sets) {
            if (auto parsed = config::parse_set(set)) {
                input.flags.push_back(std::move(*parsed));
            } else {
                problems.push_back(parsed.error());
            }
        }
        auto loaded = config::load(input);
        if (!loaded) problems.insert(problems.end(), loaded.error().begin(), loaded.error().end());
        for (const config::problem& problem : problems)
            std::fprintf(stderr, "imago: %s\n", problem.text().c_str());
        if (!problems.empty()) return std::nullopt;
        return std::move(*loaded);
    }
};

int show(const config::loaded& loaded, const std::string& format) {
    const std::string text = format == "json"   ? config::show_json(loaded)
                             : format == "toml" ? config::show_toml(loaded)
                                                : config::show_table(loaded);
    std::fputs(text.c_str(), stdout);
    if (!text.empty() && text.back() != '\n') std::fputc('\n', stdout);
    return 0;
}

void add_serve_command(CLI::App& app, std::function<int()>& chosen, config_flags& flags) {
    CLI::App* serve = app.add_subcommand("serve", "Runs the server until SIGTERM or Ctrl-C");
    serve->footer("\nExamples:\n"
                  "  imago serve                                            data in ./imago-data, Kafka on 127.0.0.1:9092\n"
                  "  imago serve --data-dir /var/lib/imago --kafka 0.0.0.0:9092 --advertise queue.example.org:9092\n"
                  "  imago serve -c imago.toml --set net.threads=4 --set metrics.listen=0.0.0.0:9464\n"
                  "Every key: `imago config show`. Exit code: 0 stopped, 1 could not start or the disk failed, 2 wrong configuration.");
    flags.add_to(*serve);
    serve->callback([&] {
        chosen = [&] {
            const auto loaded = flags.load();
            return loaded ? imago::serve(*loaded) : 2;
        };
    });
}

void add_config_commands(CLI::App& app, std::function<int()>& chosen, config_flags& check_flags,
                         config_flags& show_flags, std::string& format) {
    CLI::App* command = app.add_subcommand("config", "The server's configuration");
    command->require_subcommand(1);
    CLI::App* check =
        command->add_subcommand("check", "Says whether a configuration is right; exit code 2 if not");
    check_flags.add_to(*check);
    check->footer("\nExample: imago config check -c imago.toml");
    check->callback([&] {
        chosen = [&] {
            if (!check_flags.load()) return 2;
            std::puts("the configuration is right");
            return 0;
        };
    });
    CLI::App* shown = command->add_subcommand("show", "Every key with its value and where that comes from");
    show_flags.add_to(*shown);
    shown->footer("\nExample: imago config show -c imago.toml --output toml");
    shown->add_option("-o,--output", format, "How")
        ->check(CLI::IsMember({"table", "json", "toml"}))
        ->capture_default_str();
    shown->callback([&] {
        chosen = [&] {
            const auto loaded = show_flags.load();
            return loaded ? show(*loaded, format) : 2;
        };
    });
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("imago: a queue server. One sequential log, many queues, Kafka clients unmodified.",
                 "imago");
    app.require_subcommand(1);
    app.set_version_flag("--version", "imago " IMAGO_VERSION);
    std::function<int()> chosen;
    config_flags serve_flags, check_flags, show_flags;
    std::string format = "table";
    add_serve_command(app, chosen, serve_flags);
    add_config_commands(app, chosen, check_flags, show_flags, format);
    imago::client::cli::add_client_commands(app, chosen);
    imago::bench::add_bench_commands(app, chosen);
    imago::inspect::add_log_commands(app, chosen, imago::client::cli::show_byte_progress());
    if (const auto answered = imago::client::cli::answer_completion(app, argc, argv)) return *answered;
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    try {
        return chosen ? chosen() : 2;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "imago: %s\n", error.what());
        return 1;
    }
}
