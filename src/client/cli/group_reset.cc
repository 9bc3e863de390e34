#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "client/cli/consume_start.h"
#include "client/cli/group.h"
#include "client/cli/progress.h"

namespace imago::client::cli {
namespace {

using json = nlohmann::json;

/// One line of the diff.
struct change {
    topic_partition where;
    std::int64_t before = -1;  // -1: nothing committed
    std::int64_t after = -1;
    bool clamped = false;  // what was asked for lies outside what the partition keeps

    [[nodiscard]] bool changes() const { return before != after; }
};

constexpr std::size_t commit_step = 1000;

/// What to do about members, or nothing if there are none.
std::optional<int> refuse_members(const group_settings& settings, const group_description& group) {
    if (group.error || group.members.empty()) return std::nullopt;
    std::string who;
    for (std::size_t i = 0; i < group.members.size() && i < 3; ++i)
        who += fmt::format("{}{}{}", i > 0 ? ", " : "", group.members[i].client_id, group.members[i].client_host);
    if (group.members.size() > 3) who += ", ...";
    const std::string what = fmt::format("group '{}' has {} active member{} ({}): its offsets cannot be reset", group.id,
                                         group.members.size(), group.members.size() == 1 ? "" : "s", who);
    const std::string advice = fmt::format(
        "Stop its consumers first and wait until `imago group describe {} --members` shows none; one that died is "
        "given up after its session timeout.", group.id);
    const int code = complain(what, advice);
    return settings.dry_run ? 0 : code;
}

asio::awaitable<std::optional<std::vector<change>>> plan(admin& server, const group_settings& settings,
                                                         const group_offsets& committed,
                                                         std::vector<topic_partition> places) {
    std::map<topic_partition, std::int64_t> before;
    for (const group_offset& each : committed.offsets) before[each.where] = each.offset;
    const auto ends = co_await ends_of(server, places, true);
    std::error_code error;
    if (!ends) error = ends.error();
    std::map<topic_partition, std::int64_t> at_time;
    if (!error && !settings.to_time.empty()) {
        const auto found = co_await server.list_offsets(places, *parse_time(settings.to_time));
        if (!found) error = found.error();
        else
            for (const found_offset& each : *found) {
                if (each.error) error = each.error;
                at_time[each.where] = each.offset;
            }
    }
    if (error) {
        static_cast<void>(cannot(settings.connection, "look up offsets", error));
        co_return std::nullopt;
    }
    std::vector<change> changes;
    for (const topic_partition& where : places) {
        const partition_ends& range = ends->at(where);
        if (range.error) {
            complain(fmt::format("cannot look up the offsets of {}:{}", where.topic, where.partition), range.error);
            co_return std::nullopt;
        }
        change each;
        each.where = where;
        const auto old = before.find(where);
        if (old != before.end()) each.before = old->second;
        std::int64_t wanted = range.end;
        if (settings.to_beginning) wanted = range.begin;
        if (settings.to_offset) wanted = *settings.to_offset;
        if (!settings.to_time.empty() && at_time[where] >= 0) wanted = at_time[where];
        if (settings.shift_by) {
            if (each.before < 0) {
                complain(fmt::format("group '{}' has committed nothing in {}:{}, so there is nothing to shift",
                                     committed.group, where.topic, where.partition),
                         "Name other partitions with --topic TOPIC:PARTITIONS, or use --to-offset N.");
                co_return std::nullopt;
            }
            // Both are far from the ends of the type, the shift may not be.
            wanted = *settings.shift_by > range.end - each.before ? range.end
                     : *settings.shift_by < -each.before          ? 0
                                                                  : each.before + *settings.shift_by;
            each.clamped = wanted - each.before != *settings.shift_by;
        }
        each.after = std::clamp(wanted, range.begin, std::max(range.begin, range.end));
        each.clamped = each.clamped || each.after != wanted;
        changes.push_back(std::move(each));
    }
    co_return changes;
}

void print_diff(const std::vector<change>& changes) {
    const bool colour = use_colour(STDOUT_FILENO);
    const auto text = [](std::int64_t offset) { return offset < 0 ? std::string("-") : std::to_string(offset); };
    std::size_t topic_width = 5, place_width = 9, old_width = 3, new_width = 3;
    for (const change& each : changes) {
        topic_width = std::max(topic_width, each.where.topic.size());
        old_width = std::max(old_width, text(each.before).size());
        new_width = std::max(new_width, text(each.after).size());
    }
    fmt::print("  {:<{}}  {:>{}}  {:>{}}    {:>{}}  CHANGE\n", "TOPIC", topic_width, "PARTITION", place_width, "OLD",
               old_width, "NEW", new_width);
    for (const change& each : changes) {
        const char* mark = !each.changes() ? "=" : each.before < 0 ? "+" : "~";
        const std::string by = each.before < 0 || !each.changes() ? "" : fmt::format("{:+d}", each.after - each.before);
        const auto paint = [&](const char* how) { return colour && each.changes() ? how : ""; };
        fmt::print("{} {:<{}}  {:>{}}  {}{:>{}}{} -> {}{:>{}}{}  {}{}\n", mark, each.where.topic, topic_width,
                   each.where.partition, place_width, paint("\x1b[31m"), text(each.before), old_width, paint("\x1b[0m"),
                   paint("\x1b[32m"), text(each.after), new_width, paint("\x1b[0m"), by,
                   each.clamped ? by.empty() ? "(limited to what the partition has)" : "  (limited to what the partition has)" : "");
    }
}

json diff_json(const std::vector<change>& changes) {
    json list = json::array();
    for (const change& each : changes) {
        json entry = {{"topic", each.where.topic}, {"partition", each.where.partition}, {"old", nullptr},
                      {"new", each.after}, {"limited", each.clamped}};
        if (each.before >= 0) entry["old"] = each.before;
        list.push_back(std::move(entry));
    }
    return list;
}

/// Commits the changes, a part at a time.
asio::awaitable<int> commit(admin& server, const group_settings& settings, const std::string& group,
                            const std::vector<change>& changes) {
    progress_bar bar(changes.size(), "partitions");
    int code = 0;
    for (std::size_t at = 0; at < changes.size(); at += commit_step) {
        std::map<topic_partition, std::int64_t> part;
        for (std::size_t i = at; i < std::min(at + commit_step, changes.size()); ++i)
            part[changes[i].where] = changes[i].after;
        const auto done = co_await server.alter_group_offsets(group, std::move(part));
        if (!done) {
            bar.finish();
            co_return cannot(settings.connection, fmt::format("reset group '{}'", group), done.error());
        }
        for (const group_offset& each : *done) {
            if (!each.error) continue;
            bar.finish();
            if (each.error == kafka_errc::unknown_member_id || each.error == kafka_errc::illegal_generation)
                co_return complain(fmt::format("group '{}' has active members now: its offsets cannot be reset", group),
                                   "Somebody joined meanwhile. Stop its consumers and run this again.");
            code = complain(fmt::format("{}:{} was not reset", each.where.topic, each.where.partition), each.error);
        }
        bar.update(std::min(at + commit_step, changes.size()));
    }
    co_return code;
}

}  // namespace

asio::awaitable<int> reset_group(admin& server, const group_settings& settings) {
    const int ways = (settings.to_offset ? 1 : 0) + (settings.to_time.empty() ? 0 : 1) + (settings.to_beginning ? 1 : 0) +
                     (settings.to_end ? 1 : 0) + (settings.shift_by ? 1 : 0);
    if (ways != 1) {
        complain(ways == 0 ? "reset to what?" : "reset to one place, not several",
                 "Give one of --to-offset N, --to-time TIME, --to-beginning, --to-end, --shift-by N.");
        co_return 2;
    }
    const std::string& name = settings.groups.front();
    std::vector<std::string> names(1, name);
    const auto described = co_await server.describe_groups(names);
    if (!described) co_return cannot(settings.connection, "describe the group", described.error());
    const group_description& group = described->front();
    const bool fresh = group.error == kafka_errc::group_id_not_found;
    if (group.error && !fresh)
        co_return cannot(settings.connection, fmt::format("describe group '{}'", name), group.error, group.detail);
    if (const auto refused = refuse_members(settings, group); refused && *refused != 0) co_return *refused;

    const auto committed = co_await server.list_group_offsets(names);
    if (!committed) co_return cannot(settings.connection, "read committed offsets", committed.error());
    const group_offsets& offsets = committed->front();
    if (offsets.error && offsets.error != kafka_errc::group_id_not_found)
        co_return cannot(settings.connection, fmt::format("read what group '{}' has committed", name), offsets.error);
    auto places = co_await chosen_partitions(server, settings, offsets, true);
    if (!places) co_return 1;
    auto changes = co_await plan(server, settings, offsets, std::move(*places));
    if (!changes) co_return 1;

    if (!settings.output.as_json()) {
        if (fresh) fmt::print(stderr, "Group '{}' does not exist yet; {} made.\n", name, settings.dry_run ? "it would be" : "it is");
        print_diff(*changes);
    }
    std::vector<change> needed;
    for (const change& each : *changes)
        if (each.changes()) needed.push_back(each);
    int code = 0;
    bool asked = true;
    if (!settings.dry_run && !needed.empty()) {
        std::fflush(stdout);
        asked = settings.yes || settings.output.as_json() || confirmed(fmt::format("Reset group '{}' like this?", name));
        if (asked) code = co_await commit(server, settings, name, needed);
    }
    const bool done = code == 0 && asked && !settings.dry_run;
    if (settings.output.as_json())
        print_json({{"group", name}, {"done", done}, {"changes", diff_json(*changes)}});
    else if (!asked) code = complain("nothing was reset", "");
    else if (settings.dry_run) fmt::print("{} of {} would change; nothing was changed\n", needed.size(), changes->size());
    else if (code == 0) fmt::print("{} of {} changed\n", needed.size(), changes->size());
    co_return code;
}

}  // namespace imago::client::cli
