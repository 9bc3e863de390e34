#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "client/cli/commands.h"
#include "client/cli/progress.h"
#include "client/cli/topic.h"

namespace imago::client::cli {
namespace {

using json = nlohmann::json;

/// Topics in one request: few enough that a bar moves.
constexpr std::size_t create_step = 25;

using settings_ptr = std::shared_ptr<topic_settings>;

int unreachable(const topic_settings& settings, std::string_view what, std::error_code error) {
    return cannot(settings.connection, what, error);
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
        } else if (!settings.output.as_json()) {
            if (tolerated) fmt::print("{} unchanged\n", each.name);
            else fmt::print("{} {}\n", each.name, settings.dry_run ? fmt::format("would be {}", verb) : verb);
        }
        json entry = {{"name", each.name}, {"done", !each.error && !settings.dry_run}};
        if (each.error) entry["error"] = name_of(each.error);
        list.push_back(std::move(entry));
    }
    if (settings.output.as_json()) print_json(list);
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
    std::vector<named_outcome> outcomes;
    progress_bar bar(topics.size(), "topics");
    for (std::size_t at = 0; at < topics.size(); at += create_step) {
        const std::size_t end = std::min(at + create_step, topics.size());
        std::vector<new_topic> part(topics.begin() + static_cast<std::ptrdiff_t>(at), topics.begin() + static_cast<std::ptrdiff_t>(end));
        const auto created = co_await server.create_topics(std::move(part), settings.dry_run);
        if (!created) {
            bar.finish();
            static_cast<void>(tell(settings, "created", outcomes, kafka_errc::topic_already_exists));
            co_return unreachable(settings, "create topics", created.error());
        }
        outcomes.insert(outcomes.end(), created->begin(), created->end());
        bar.update(end);
    }
    bar.finish();
    co_return tell(settings, "created", outcomes, kafka_errc::topic_already_exists);
}

asio::awaitable<int> remove(admin& server, const topic_settings& settings) {
    if (!settings.yes && !settings.dry_run &&
        !confirmed(fmt::format("Delete {} with all messages?", fmt::join(settings.names, ", "))))
        co_return complain("nothing was deleted", "");
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
    if (settings.output.as_json()) print_json(entries);
    else if (entries.empty()) fmt::print(stderr, "There are no topics yet. `imago topic create NAME` makes one.\n");
    else rows.print();
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
    if (settings.output.as_json()) print_json({{"name", name}, {"done", done}});
    else fmt::print("{}: {}\n", name, fmt::join(done, ", "));
    co_return 0;
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
        settings->output.add_to(*command);
        if (takes_names)
            command->add_option("names", settings->names, "The topics")->required()->type_name("TOPIC...");
        command->callback([settings, work, &chosen] {
            chosen = [settings, work] {
                return with_admin(settings->connection, [settings, work](admin& server) { return work(server, *settings); });
            };
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

    const auto [describing, d] = add("describe", "Partitions, offsets, sizes, rates and configuration of topics",
                                     "imago topic describe events --rates 5", true, describe_topics);
    describing->add_option("--rates", d->rates, "Measure messages/s and bytes/s over this time")->type_name("SECONDS")
        ->check(CLI::Range(0.1, 3600.0));
    describing->add_flag("--partitions", d->each_partition, "Show each partition, also of topics that have more than 100");
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
