#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "client/cli/commands.h"
#include "client/cli/session.h"
#include "client/cli/terminal.h"
#include "imago/async.h"

namespace imago::client::cli {
namespace {

using json = nlohmann::json;

struct topic_settings {
    connection_settings connection;
    std::vector<std::string> names;
    std::int32_t partitions = -1;
    std::int16_t replicas = -1;
    std::vector<std::string> configs;
    std::vector<std::string> unset;
    std::vector<std::string> trim;
    std::string output = "table";
    bool all = false;
    bool dry_run = false;
    bool tolerant = false;  // --if-exists, --if-not-exists
    bool yes = false;

    [[nodiscard]] bool as_json() const { return output == "json"; }
};
using settings_ptr = std::shared_ptr<topic_settings>;

/// The admin of one command. `work` is called with it and gives the exit code.
template <class F>
int with_admin(const settings_ptr& settings, F work) {
    return run([settings, work](asio::io_context& io) -> asio::awaitable<int> {
        const auto connected = std::make_unique<admin>(io.get_executor(), settings->connection.options());
        const int code = co_await work(*connected, *settings);
        co_await connected->close();
        co_return code;
    });
}

int unreachable(const topic_settings& settings, std::string_view what, std::error_code error) {
    return complain(fmt::format("cannot {} at {}", what, settings.connection.text()), error);
}

/// Prints the outcome for each topic; the exit code. `fine` is an error that does not count with --if-(not-)exists.
int tell(const topic_settings& settings, std::string_view verb, const std::vector<named_outcome>& outcomes,
         kafka_errc fine) {
    int code = 0;
    json list = json::array();
    for (const named_outcome& each : outcomes) {
        const bool tolerated = settings.tolerant && each.error == fine;
        if (each.error && !tolerated) {
            code = complain(fmt::format("topic '{}' was not {}", each.name, verb), each.error, each.detail);
        } else if (!settings.as_json()) {
            if (tolerated) fmt::print("{} unchanged\n", each.name);
            else fmt::print("{} {}\n", each.name, settings.dry_run ? fmt::format("would be {}", verb) : verb);
        }
        json entry = {{"name", each.name}, {"done", !each.error && !settings.dry_run}};
        if (each.error) entry["error"] = name_of(each.error);
        list.push_back(std::move(entry));
    }
    if (settings.as_json()) fmt::print("{}\n", list.dump(2));
    return code;
}

asio::awaitable<int> create(admin& server, const topic_settings& settings) {
    std::vector<new_topic> topics;
    for (const std::string& name : settings.names) {
        new_topic topic;
        topic.name = name;
        topic.partitions = settings.partitions;
        topic.replication_factor = settings.replicas;
        for (const std::string& each : settings.configs) {
            std::string key, value;
            static_cast<void>(split_pair(each, key, value));
            topic.configs[key] = value;
        }
        topics.push_back(std::move(topic));
    }
    const auto outcomes = co_await server.create_topics(std::move(topics), settings.dry_run);
    if (!outcomes) co_return unreachable(settings, "create topics", outcomes.error());
    co_return tell(settings, "created", *outcomes, kafka_errc::topic_already_exists);
}

bool confirmed(const topic_settings& settings) {
    if (settings.yes || settings.dry_run || !is_terminal(STDIN_FILENO) || !is_terminal(STDERR_FILENO)) return true;
    fmt::print(stderr, "Delete {} with all messages? [y/N] ", fmt::join(settings.names, ", "));
    const int answer = std::getchar();
    return answer == 'y' || answer == 'Y';
}

asio::awaitable<int> remove(admin& server, const topic_settings& settings) {
    if (!confirmed(settings)) co_return complain("nothing was deleted", "");
    std::vector<named_outcome> outcomes;
    std::vector<std::string> names = settings.names;
    if (settings.dry_run) {
        for (const std::string& name : settings.names) {
            const auto topic = co_await server.describe_topic(name);
            named_outcome outcome;
            outcome.name = name;
            if (!topic) outcome.error = topic.error();
            if (!topic && topic.error().category() != kafka_category())
                co_return unreachable(settings, "look for topics", topic.error());
            outcomes.push_back(std::move(outcome));
        }
    } else {
        auto deleted = co_await server.delete_topics(std::move(names));
        if (!deleted) co_return unreachable(settings, "delete topics", deleted.error());
        outcomes = std::move(*deleted);
    }
    co_return tell(settings, "deleted", outcomes, kafka_errc::unknown_topic_or_partition);
}

asio::awaitable<int> list(admin& server, const topic_settings& settings) {
    const auto topics = co_await server.list_topics();
    if (!topics) co_return unreachable(settings, "list topics", topics.error());
    json entries = json::array();
    table rows({"TOPIC", "PARTITIONS", "REPLICAS"});
    for (const topic_info& each : *topics) {
        if (each.internal && !settings.all) continue;
        const std::size_t replicas = each.partitions.front().replicas.size();
        entries.push_back({{"name", each.name}, {"partitions", each.partitions.size()}, {"replicas", replicas},
                           {"internal", each.internal}});
        rows.add({each.name, std::to_string(each.partitions.size()), std::to_string(replicas)});
    }
    if (settings.as_json()) fmt::print("{}\n", entries.dump(2));
    else if (entries.empty()) fmt::print(stderr, "There are no topics yet. `imago topic create NAME` makes one.\n");
    else rows.print();
    co_return 0;
}

struct partition_row {
    partition_info info;
    std::int64_t begin = -1;
    std::int64_t end = -1;
};

asio::awaitable<result<std::vector<partition_row>>> look_at_partitions(admin& server, const topic_info& topic) {
    std::vector<partition_row> rows;
    std::vector<topic_partition> places;
    for (const partition_info& each : topic.partitions) {
        rows.push_back({each, -1, -1});
        places.push_back({topic.name, each.index});
    }
    const auto begins = co_await server.list_offsets(places, offset_spec::earliest);
    if (!begins) co_return tl::unexpected(begins.error());
    const auto ends = co_await server.list_offsets(places, offset_spec::latest);
    if (!ends) co_return tl::unexpected(ends.error());
    for (std::size_t i = 0; i < rows.size(); ++i) {
        if (!(*begins)[i].error) rows[i].begin = (*begins)[i].offset;
        if (!(*ends)[i].error) rows[i].end = (*ends)[i].offset;
    }
    co_return rows;
}

void print_topic(const topic_info& topic, const std::vector<partition_row>& partitions,
                 const std::vector<config_entry>& configs, bool all) {
    std::uint64_t messages = 0;
    for (const partition_row& each : partitions) messages += static_cast<std::uint64_t>(std::max<std::int64_t>(each.end - each.begin, 0));
    fmt::print("{}: {} partitions, {} messages\n\n", topic.name, partitions.size(), with_commas(messages));
    table rows({"PARTITION", "LEADER", "BEGIN", "END", "MESSAGES", "REPLICAS"});
    for (const partition_row& each : partitions) {
        const auto known = [](std::int64_t value) { return value < 0 ? std::string("-") : std::to_string(value); };
        rows.add({std::to_string(each.info.index), known(each.info.leader), known(each.begin), known(each.end),
                  known(each.begin < 0 || each.end < 0 ? -1 : each.end - each.begin),
                  fmt::format("{}", fmt::join(each.info.replicas, ","))});
    }
    rows.print();
    table settings({"CONFIG", "VALUE", "FROM"});
    bool any = false;
    for (const config_entry& each : configs) {
        if (each.is_default && !all) continue;
        any = true;
        settings.add({each.name, each.sensitive ? "(secret)" : each.value.value_or(""),
                      each.is_default ? "default" : "topic"});
    }
    if (!any) return;
    fmt::print("\n");
    settings.print();
}

asio::awaitable<int> describe(admin& server, const topic_settings& settings) {
    json entries = json::array();
    bool first = true;
    for (const std::string& name : settings.names) {
        const auto topic = co_await server.describe_topic(name);
        if (!topic) co_return unreachable(settings, fmt::format("describe '{}'", name), topic.error());
        const auto partitions = co_await look_at_partitions(server, *topic);
        if (!partitions) co_return unreachable(settings, fmt::format("describe '{}'", name), partitions.error());
        const auto configs = co_await server.describe_configs(name);
        if (!configs) co_return unreachable(settings, fmt::format("read the configuration of '{}'", name), configs.error());
        if (!settings.as_json()) {
            if (!first) fmt::print("\n");
            first = false;
            print_topic(*topic, *partitions, *configs, settings.all);
            continue;
        }
        json entry = {{"name", name}, {"partitions", json::array()}, {"configs", json::object()}};
        for (const partition_row& each : *partitions)
            entry["partitions"].push_back({{"partition", each.info.index},
                                           {"leader", each.info.leader},
                                           {"begin", each.begin},
                                           {"end", each.end},
                                           {"replicas", each.info.replicas},
                                           {"in_sync", each.info.in_sync}});
        for (const config_entry& each : *configs)
            if (settings.all || !each.is_default)
                entry["configs"][each.name] = each.value ? json(*each.value) : json(nullptr);
        entries.push_back(std::move(entry));
    }
    if (settings.as_json()) fmt::print("{}\n", entries.dump(2));
    co_return 0;
}

/// "P:OFFSET", "P:end".
bool parse_trim(const std::string& text, std::int32_t& partition, std::int64_t& offset) {
    const std::size_t colon = text.find(':');
    if (colon == std::string::npos) return false;
    const std::string end = text.substr(colon + 1);
    if (end == "end") offset = -1;
    else if (!CLI::detail::lexical_cast(end, offset) || offset < 0) return false;
    return CLI::detail::lexical_cast(text.substr(0, colon), partition) && partition >= 0;
}

asio::awaitable<int> alter(admin& server, const topic_settings& settings) {
    const std::string& name = settings.names.front();
    if (settings.configs.empty() && settings.unset.empty() && settings.partitions < 0 && settings.trim.empty())
        co_return complain("nothing to alter", "Give -c KEY=VALUE, --unset KEY, -p N or --trim P:OFFSET.");
    std::vector<std::string> done;
    const auto failed = [&](std::string_view what, std::error_code error, std::string_view detail) {
        return complain(fmt::format("cannot {} of '{}'", what, name), error, detail);
    };
    if (!settings.configs.empty() || !settings.unset.empty()) {
        std::vector<config_change> changes;
        for (const std::string& each : settings.configs) {
            config_change change;
            std::string value;
            static_cast<void>(split_pair(each, change.name, value));
            change.value = value;
            changes.push_back(std::move(change));
        }
        for (const std::string& each : settings.unset) changes.push_back({each, std::nullopt});
        const auto outcome = co_await server.alter_configs(name, std::move(changes));
        if (!outcome) co_return failed("change the configuration", outcome.error(), "");
        if (outcome->error) co_return failed("change the configuration", outcome->error, outcome->detail);
        done.emplace_back("configuration changed");
    }
    if (settings.partitions > 0) {
        const auto outcome = co_await server.create_partitions(name, settings.partitions);
        if (!outcome) co_return failed("change the partitions", outcome.error(), "");
        if (outcome->error) co_return failed("change the partitions", outcome->error, outcome->detail);
        done.push_back(fmt::format("{} partitions", settings.partitions));
    }
    if (!settings.trim.empty()) {
        std::map<topic_partition, std::int64_t> before;
        for (const std::string& each : settings.trim) {
            topic_partition where;
            std::int64_t offset = 0;
            static_cast<void>(parse_trim(each, where.partition, offset));
            where.topic = name;
            before[where] = offset;
        }
        const auto outcomes = co_await server.delete_records(std::move(before));
        if (!outcomes) co_return failed("remove messages", outcomes.error(), "");
        for (const found_offset& each : *outcomes) {
            if (each.error) co_return failed(fmt::format("remove messages from partition {}", each.where.partition), each.error, "");
            done.push_back(fmt::format("partition {} begins at {}", each.where.partition, each.offset));
        }
    }
    if (settings.as_json()) fmt::print("{}\n", json{{"name", name}, {"done", done}}.dump(2));
    else fmt::print("{}: {}\n", name, fmt::join(done, ", "));
    co_return 0;
}

void add_output(CLI::App* command, const settings_ptr& settings) {
    command->add_option("--output", settings->output, "table or json")->check(CLI::IsMember({"table", "json"}))
        ->capture_default_str();
}

std::string pair_check(const std::string& text) {
    std::string name, value;
    return split_pair(text, name, value) ? "" : "'" + text + "' is not KEY=VALUE";
}

}  // namespace

void add_topic_commands(CLI::App& app, action& chosen) {
    CLI::App* topic = app.add_subcommand("topic", "Create, list, describe, alter and delete topics");
    topic->require_subcommand(1);
    topic->footer("\nExample: imago topic create events -p 16 -c retention.ms=86400000\n"
                  "Each of the commands has a --help of its own. Exit code: 0 done, 1 failed, 2 wrong arguments.");
    const auto add = [&](const char* name, const char* what, const char* example, bool takes_names, auto work) {
        auto settings = std::make_shared<topic_settings>();
        CLI::App* command = topic->add_subcommand(name, what);
        command->footer(std::string("\nExample: ") + example);
        settings->connection.add_to(*command);
        add_output(command, settings);
        if (takes_names)
            command->add_option("names", settings->names, "The topics")->required()->type_name("TOPIC...");
        command->callback([settings, work, &chosen] {
            chosen = [settings, work] { return with_admin(settings, work); };
        });
        return std::pair(command, settings);
    };

    const auto [creating, c] = add("create", "Create topics", "imago topic create events clicks -p 16 -c retention.ms=86400000",
                                   true, create);
    creating->add_option("-p,--partitions", c->partitions, "How many (default: the server's)")->type_name("N")
        ->check(CLI::Range(1, 1'000'000));
    creating->add_option("-r,--replicas", c->replicas, "How many copies (default: the server's)")->type_name("N")
        ->check(CLI::Range(1, 32767));
    creating->add_option("-c,--config", c->configs, "A configuration key; may be given again")->type_name("KEY=VALUE")
        ->allow_extra_args(false)->check(pair_check);
    creating->add_flag("--if-not-exists", c->tolerant, "It is fine if a topic is there already");
    creating->add_flag("--dry-run", c->dry_run, "Let the server check, but change nothing");

    const auto [listing, l] = add("list", "List topics", "imago topic list --output json", false, list);
    listing->add_flag("--all", l->all, "Internal topics too");

    const auto [describing, d] = add("describe", "Partitions, offsets and configuration of topics", "imago topic describe events --all",
                                     true, describe);
    describing->add_flag("--all", d->all, "Configuration with its defaults");

    const auto [deleting, x] = add("delete", "Delete topics and all their messages", "imago topic delete events --yes", true, remove);
    deleting->add_flag("--if-exists", x->tolerant, "It is fine if a topic is not there");
    deleting->add_flag("--dry-run", x->dry_run, "Say what would be deleted");
    deleting->add_flag("-y,--yes", x->yes, "Do not ask on a terminal");

    const auto [altering, a] = add("alter", "Change configuration, add partitions, remove old messages",
                                   "imago topic alter events -c retention.ms=3600000 --unset max.message.bytes -p 32 --trim 0:1000",
                                   true, alter);
    altering->get_option("names")->expected(1);
    altering->add_option("-c,--config", a->configs, "Set a key; may be given again")->type_name("KEY=VALUE")
        ->allow_extra_args(false)->check(pair_check);
    altering->add_option("--unset", a->unset, "Set a key back to its default; may be given again")->type_name("KEY")
        ->allow_extra_args(false);
    altering->add_option("-p,--partitions", a->partitions, "The new number, larger than before")->type_name("N")
        ->check(CLI::Range(1, 1'000'000));
    altering->add_option("--trim", a->trim, "Remove messages before this offset, or all with P:end; may be given again")
        ->type_name("P:OFFSET")->allow_extra_args(false)
        ->check([](const std::string& text) -> std::string {
            std::int32_t partition = 0;
            std::int64_t offset = 0;
            return parse_trim(text, partition, offset) ? "" : "'" + text + "' is not PARTITION:OFFSET or PARTITION:end";
        });
}

}  // namespace imago::client::cli
