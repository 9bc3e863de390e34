#include "client/cli/group.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>

#include "client/cli/commands.h"
#include "client/cli/completion.h"
#include "client/cli/consume_start.h"

namespace imago::client::cli {

using json = nlohmann::json;

asio::awaitable<result<std::map<topic_partition, partition_ends>>> ends_of(admin& server,
                                                                           std::vector<topic_partition> where,
                                                                           bool with_begin) {
    std::map<topic_partition, partition_ends> all;
    if (where.empty()) co_return all;
    const auto ends = co_await server.list_offsets(where, offset_spec::latest);
    if (!ends) co_return tl::unexpected(ends.error());
    for (const found_offset& each : *ends) {
        partition_ends& into = all[each.where];
        into.error = each.error;
        if (!each.error) into.end = each.offset;
    }
    if (!with_begin) co_return all;
    const auto begins = co_await server.list_offsets(std::move(where), offset_spec::earliest);
    if (!begins) co_return tl::unexpected(begins.error());
    for (const found_offset& each : *begins) {
        partition_ends& into = all[each.where];
        if (!into.error) into.error = each.error;
        if (!each.error) into.begin = each.offset;
    }
    co_return all;
}

asio::awaitable<std::optional<std::vector<topic_partition>>> chosen_partitions(admin& server,
                                                                               const group_settings& settings,
                                                                               const group_offsets& committed,
                                                                               bool checked) {
    std::vector<topic_partition> places;
    if (settings.all) {
        for (const group_offset& each : committed.offsets) places.push_back(each.where);
        if (places.empty()) {
            complain(fmt::format("group '{}' has committed nothing", committed.group),
                     "--all-topics takes the topics that it has committed; name others with --topic TOPIC.");
            co_return std::nullopt;
        }
    } else if (settings.topics.empty()) {
        complain("which topics?", "Give --topic TOPIC or --topic TOPIC:PARTITIONS, or --all-topics for all that the group "
                                  "has committed.");
        co_return std::nullopt;
    }
    for (const std::string& typed : settings.topics) {
        const partition_list list = *partition_list::parse(typed);
        if (!checked) {
            for (const group_offset& each : committed.offsets)
                if (each.where.topic == list.topic && list.partitions.empty()) places.push_back(each.where);
            for (const std::int32_t each : list.partitions) places.push_back({list.topic, each});
            continue;
        }
        const auto topic = co_await server.describe_topic(list.topic);
        if (!topic) {
            static_cast<void>(cannot(settings.connection, fmt::format("describe topic '{}'", list.topic), topic.error()));
            co_return std::nullopt;
        }
        for (const std::int32_t each : list.partitions) {
            if (static_cast<std::size_t>(each) >= topic->partitions.size()) {
                complain(fmt::format("'{}' has no partition {}: it has {}", list.topic, each, topic->partitions.size()), "");
                co_return std::nullopt;
            }
            places.push_back({list.topic, each});
        }
        if (list.partitions.empty())
            for (const partition_info& each : topic->partitions) places.push_back({list.topic, each.index});
    }
    std::sort(places.begin(), places.end());
    places.erase(std::unique(places.begin(), places.end()), places.end());
    co_return places;
}

asio::awaitable<int> list_groups(admin& server, const group_settings& settings) {
    group_filter which;
    which.states = settings.states;
    which.types = settings.types;
    const auto groups = co_await server.list_groups(std::move(which));
    if (!groups) {
        if (groups.error() == client_errc::no_common_version)
            co_return complain("the server is too old to list groups by state or type", "Leave out --state and --type.");
        co_return cannot(settings.connection, "list groups", groups.error());
    }
    json entries = json::array();
    table rows({"GROUP", "STATE", "TYPE", "PROTOCOL"});
    for (const group_listing& each : *groups) {
        entries.push_back({{"group", each.id}, {"state", each.state}, {"type", each.type}, {"protocol_type", each.protocol_type}});
        rows.add({each.id, each.state.empty() ? "-" : each.state, each.type, each.protocol_type.empty() ? "-" : each.protocol_type});
    }
    if (settings.output.as_json()) print_json(entries);
    else if (entries.empty())
        fmt::print(stderr, "{}\n", settings.states.empty() && settings.types.empty()
                                       ? "There are no groups yet. `imago consume TOPIC -g GROUP` makes one."
                                       : "There are no such groups.");
    else rows.print();
    co_return 0;
}

namespace {

/// Prints the outcome for each thing; the exit code.
int tell(const group_settings& settings, std::string_view kind, const std::vector<named_outcome>& outcomes,
         const char* verb) {
    int code = 0;
    json list = json::array();
    for (const named_outcome& each : outcomes) {
        const bool tolerated = settings.tolerant && each.error == kafka_errc::group_id_not_found;
        if (each.error && !tolerated)
            code = complain(fmt::format("{} '{}' was not {}", kind, each.name, verb), each.error, each.detail);
        else if (!settings.output.as_json())
            fmt::print("{} {}\n", each.name, tolerated ? "unchanged" : settings.dry_run ? fmt::format("would be {}", verb) : verb);
        json entry = {{"name", each.name}, {"done", !each.error && !settings.dry_run}};
        if (each.error) entry["error"] = name_of(each.error);
        list.push_back(std::move(entry));
    }
    if (settings.output.as_json()) print_json(list);
    return code;
}

}  // namespace

asio::awaitable<int> delete_groups(admin& server, const group_settings& settings) {
    if (!settings.dry_run && !settings.yes &&
        !confirmed(fmt::format("Delete group {} with all its offsets?", fmt::join(settings.groups, ", "))))
        co_return complain("nothing was deleted", "");
    std::vector<named_outcome> outcomes;
    if (settings.dry_run) {
        const auto described = co_await server.describe_groups(settings.groups);
        if (!described) co_return cannot(settings.connection, "describe groups", described.error());
        for (const group_description& each : *described) {
            named_outcome outcome;
            outcome.name = each.id;
            outcome.error = each.error;
            if (!each.error && !each.members.empty()) outcome.error = make_error_code(kafka_errc::non_empty_group);
            outcomes.push_back(std::move(outcome));
        }
    } else {
        auto deleted = co_await server.delete_groups(settings.groups);
        if (!deleted) co_return cannot(settings.connection, "delete groups", deleted.error());
        outcomes = std::move(*deleted);
    }
    co_return tell(settings, "group", outcomes, "deleted");
}

asio::awaitable<int> delete_group_offsets(admin& server, const group_settings& settings) {
    const std::string& name = settings.groups.front();
    std::vector<std::string> names(1, name);
    const auto committed = co_await server.list_group_offsets(names);
    if (!committed) co_return cannot(settings.connection, "read committed offsets", committed.error());
    auto places = co_await chosen_partitions(server, settings, committed->front(), false);
    if (!places) co_return 1;
    if (places->empty())
        co_return complain(fmt::format("group '{}' has committed nothing there", name),
                           fmt::format("`imago group describe {}` shows what it has committed.", name));
    if (!settings.dry_run && !settings.yes &&
        !confirmed(fmt::format("Forget the offsets of group '{}' in {} partitions?", name, places->size())))
        co_return complain("nothing was deleted", "");
    std::vector<named_outcome> outcomes;
    const auto note = [&](const topic_partition& where, std::error_code error) {
        named_outcome outcome;
        outcome.name = fmt::format("{}:{}", where.topic, where.partition);
        outcome.error = error;
        outcomes.push_back(std::move(outcome));
    };
    if (settings.dry_run) {
        for (const topic_partition& where : *places) note(where, {});
    } else {
        const auto deleted = co_await server.delete_group_offsets(name, std::move(*places));
        if (!deleted) co_return cannot(settings.connection, fmt::format("delete offsets of group '{}'", name), deleted.error());
        for (const group_offset& each : *deleted) note(each.where, each.error);
    }
    co_return tell(settings, "offset of", outcomes, "deleted");
}

namespace {

void add_topics(CLI::App* command, const std::shared_ptr<group_settings>& settings, const char* what) {
    command->add_option("--topic", settings->topics, what)->type_name("TOPIC[:PARTITIONS]")->allow_extra_args(false)
        ->check(partition_list_problem);
}

void add_careful(CLI::App* command, const std::shared_ptr<group_settings>& settings, const char* dry) {
    command->add_flag("--dry-run", settings->dry_run, dry);
    command->add_flag("-y,--yes", settings->yes, "Do not ask on a terminal");
}

}  // namespace

void add_group_commands(CLI::App& app, action& chosen) {
    CLI::App* group = app.add_subcommand("group", "List, describe, reset and delete consumer groups");
    group->require_subcommand(1);
    group->footer("\nExamples:\n"
                  "  imago group list --state Stable\n"
                  "  imago group describe billing             members, offsets and lag\n"
                  "  imago group reset billing --topic orders --to-time 2026-11-21T08:00Z --dry-run\n"
                  "Each of the commands has a --help of its own. Exit code: 0 done, 1 failed, 2 wrong arguments.");
    enum class names { none, one, many, optional };
    const auto add = [&](const char* name, const char* what, const char* examples, names takes, auto work) {
        auto settings = std::make_shared<group_settings>();
        CLI::App* command = group->add_subcommand(name, what);
        command->footer(examples);
        settings->connection.add_to(*command);
        settings->output.add_to(*command);
        if (takes != names::none) {
            CLI::Option* option = command->add_option("groups", settings->groups, takes == names::one ? "The group" : "The groups")
                                      ->type_name(takes == names::one ? "GROUP" : "GROUP...");
            if (takes == names::one) option->expected(1);
            if (takes != names::optional) option->required();
        }
        command->callback([settings, work, &chosen] {
            chosen = [settings, work] {
                return with_admin(settings->connection, [settings, work](admin& server) { return work(server, *settings); });
            };
        });
        return std::pair(command, settings);
    };

    const auto [listing, l] = add("list", "List groups with their state and type",
                                  "\nStates: Stable, Empty, PreparingRebalance, CompletingRebalance, Assigning, Reconciling, Dead.\n"
                                  "Examples:\n"
                                  "  imago group list\n"
                                  "  imago group list --state Empty --type classic --json",
                                  names::none, list_groups);
    offer(listing->add_option("--state", l->states, "Only groups in this state; may be given again")->type_name("STATE")
              ->allow_extra_args(false),
          {"Stable", "Empty", "PreparingRebalance", "CompletingRebalance", "Assigning", "Reconciling", "Dead"});
    offer(listing->add_option("--type", l->types, "Only groups of this type (classic, consumer); may be given again")
              ->type_name("TYPE")->allow_extra_args(false),
          {"classic", "consumer"});

    const auto [describing, d] = add("describe", "Members, committed offsets and lag of groups",
                                     "\nLag is the end of a partition less what is committed; '-' where nothing is.\n"
                                     "Examples:\n"
                                     "  imago group describe billing\n"
                                     "  imago group describe billing shipping --offsets --topic orders:0-3\n"
                                     "  imago group describe --all --summary --json | jq '.[] | {group, lag}'",
                                     names::optional, describe_groups);
    describing->add_flag("--all", d->all, "All groups")->excludes("groups");
    CLI::Option* members = describing->add_flag("--members", d->only_members, "Only the members");
    describing->add_flag("--offsets", d->only_offsets, "Only offsets and lag")->excludes(members);
    describing->add_flag("--summary", d->summary, "Lag by topic instead of by partition")->excludes(members);
    add_topics(describing, d, "Only these partitions; may be given again");

    const auto [resetting, r] = add("reset", "Move the committed offsets of a group",
                                    "\nThe group may have no active members. Offsets outside what a partition keeps are limited to it.\n"
                                    "Examples:\n"
                                    "  imago group reset billing --topic orders --to-beginning --dry-run\n"
                                    "  imago group reset billing --topic orders:0,2,5-9 --shift-by -100\n"
                                    "  imago group reset billing --all-topics --to-time 2026-11-21T08:00:00Z --yes",
                                    names::one, reset_group);
    resetting->add_option("--to-offset", r->to_offset, "To this offset")->type_name("N")
        ->check(CLI::Range(std::int64_t{0}, std::int64_t{1} << 62));
    resetting->add_option("--to-time", r->to_time, "To the first message at this time or later (2026-11-21T08:00[:00[.000]][Z|+01:00], or "
                                                   "milliseconds since 1970); to the end if there is none")
        ->type_name("TIME")->check([](const std::string& text) -> std::string {
            return parse_time(text) ? "" : "'" + text + "' is neither ISO 8601, as 2026-11-21T08:00:00Z, nor milliseconds since 1970";
        });
    resetting->add_flag("--to-beginning", r->to_beginning, "To the first message that is kept");
    resetting->add_flag("--to-end", r->to_end, "To what comes from now on");
    resetting->add_option("--shift-by", r->shift_by, "By so many messages, back if negative")->type_name("N");
    add_topics(resetting, r, "Reset this topic or these partitions; may be given again");
    resetting->add_flag("--all-topics", r->all, "Reset all that the group has committed")->excludes("--topic");
    add_careful(resetting, r, "Show the change, but make none");

    const auto [deleting, x] = add("delete", "Delete groups that have no members, with their offsets",
                                   "\nExample: imago group delete billing shipping --yes", names::many, delete_groups);
    deleting->add_flag("--if-exists", x->tolerant, "It is fine if a group is not there");
    add_careful(deleting, x, "Say what would be deleted");

    const auto [forgetting, f] = add("delete-offsets", "Forget what a group has committed in topics that it does not read now",
                                     "\nExamples:\n"
                                     "  imago group delete-offsets billing --topic old-orders\n"
                                     "  imago group delete-offsets billing --topic orders:7 --dry-run",
                                     names::one, delete_group_offsets);
    add_topics(forgetting, f, "Of this topic or these partitions; may be given again");
    forgetting->add_flag("--all-topics", f->all, "Of all topics")->excludes("--topic");
    add_careful(forgetting, f, "Say what would be forgotten");
}

}  // namespace imago::client::cli
