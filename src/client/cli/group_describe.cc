#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "client/cli/group.h"

namespace imago::client::cli {
namespace {

using json = nlohmann::json;

struct offset_row {
    topic_partition where;
    std::int64_t committed = -1;
    std::int64_t begin = -1;
    std::int64_t end = -1;
    std::string metadata;
    const group_member* owner = nullptr;

    [[nodiscard]] bool has_lag() const { return committed >= 0 && end >= 0; }
    [[nodiscard]] std::int64_t lag() const { return std::max<std::int64_t>(end - committed, 0); }
};

struct lag_sum {
    std::int64_t lag = 0;
    std::size_t partitions = 0;
    std::size_t unknown = 0;  // nothing committed, or no such partition any more
    void add(const offset_row& row) {
        ++partitions;
        if (row.has_lag()) lag += row.lag();
        else ++unknown;
    }
};

std::string number(std::int64_t value) { return value < 0 ? "-" : std::to_string(value); }

/// "events:0-3,7 clicks:1"
std::string places_text(const std::vector<topic_partition>& places) {
    std::string text;
    for (std::size_t i = 0; i < places.size();) {
        const bool same = i > 0 && places[i].topic == places[i - 1].topic;
        std::size_t last = i;
        while (last + 1 < places.size() && places[last + 1].topic == places[i].topic &&
               places[last + 1].partition == places[last].partition + 1)
            ++last;
        text += same ? "," : fmt::format("{}{}:", i > 0 ? " " : "", places[i].topic);
        text += last == i ? fmt::format("{}", places[i].partition)
                          : fmt::format("{}-{}", places[i].partition, places[last].partition);
        i = last + 1;
    }
    return text.empty() ? "-" : text;
}

json places_json(const std::vector<topic_partition>& places) {
    json list = json::array();
    for (const topic_partition& each : places) list.push_back({{"topic", each.topic}, {"partition", each.partition}});
    return list;
}

/// What is committed or assigned, each partition once, with its ends.
asio::awaitable<result<std::vector<offset_row>>> rows_of(admin& server, const group_settings& settings,
                                                         const group_description& group,
                                                         const group_offsets& committed) {
    std::map<topic_partition, offset_row> rows;
    for (const group_offset& each : committed.offsets) {
        offset_row& row = rows[each.where];
        row.committed = each.offset;
        row.metadata = each.metadata;
    }
    for (const group_member& member : group.members)
        for (const topic_partition& where : member.assignment) rows[where].owner = &member;
    if (!settings.topics.empty()) {
        std::map<std::string, std::set<std::int32_t>> wanted;
        for (const std::string& typed : settings.topics) {
            const auto list = *partition_list::parse(typed);
            wanted[list.topic].insert(list.partitions.begin(), list.partitions.end());
        }
        std::erase_if(rows, [&](const auto& row) {
            const auto topic = wanted.find(row.first.topic);
            return topic == wanted.end() || (!topic->second.empty() && topic->second.count(row.first.partition) == 0);
        });
    }
    std::vector<topic_partition> places;
    for (auto& [where, row] : rows) {
        row.where = where;
        places.push_back(where);
    }
    const auto ends = co_await ends_of(server, std::move(places), false);
    if (!ends) co_return tl::unexpected(ends.error());
    std::vector<offset_row> list;
    for (auto& [where, row] : rows) {
        row.end = ends->at(where).end;
        list.push_back(std::move(row));
    }
    co_return list;
}

void print_members(const group_description& group) {
    const bool epochs = group.type == "consumer";
    table rows = epochs ? table({"MEMBER", "CLIENT", "HOST", "PROTOCOL", "EPOCH", "ASSIGNMENT"})
                        : table({"MEMBER", "CLIENT", "HOST", "ASSIGNMENT"});
    for (const group_member& each : group.members) {
        const std::string who = each.instance_id ? fmt::format("{} ({})", each.id, *each.instance_id) : each.id;
        std::string assignment = places_text(each.assignment);
        if (epochs && each.target != each.assignment) assignment += fmt::format("  (going to {})", places_text(each.target));
        if (epochs)
            rows.add({who, each.client_id, each.client_host, each.classic ? "classic" : "consumer", number(each.epoch),
                      std::move(assignment)});
        else
            rows.add({who, each.client_id, each.client_host, std::move(assignment)});
    }
    rows.print();
}

void print_offsets(const std::vector<offset_row>& rows) {
    table lines({"TOPIC", "PARTITION", "COMMITTED", "END", "LAG", "MEMBER"});
    for (const offset_row& each : rows)
        lines.add({each.where.topic, std::to_string(each.where.partition), number(each.committed), number(each.end),
                   each.has_lag() ? std::to_string(each.lag()) : "-",
                   each.owner != nullptr ? fmt::format("{}{}", each.owner->client_id, each.owner->client_host) : "-"});
    lines.print();
}

void print_topics(const std::map<std::string, lag_sum>& topics) {
    table lines({"TOPIC", "PARTITIONS", "LAG", "UNKNOWN"});
    for (const auto& [name, sum] : topics)
        lines.add({name, std::to_string(sum.partitions), std::to_string(sum.lag), std::to_string(sum.unknown)});
    lines.print();
}

void print_group(const group_settings& settings, const group_description& group, const std::vector<offset_row>& rows) {
    std::string head = fmt::format("{}: {}, {} protocol", group.id, group.state, group.type);
    if (group.type == "classic" && group.protocol_type != "consumer")
        head += group.protocol_type.empty() ? ", offsets only" : fmt::format(" of type {}", group.protocol_type);
    if (!group.assignor.empty()) head += fmt::format(", assignor {}", group.assignor);
    if (group.epoch >= 0) head += fmt::format(", epoch {} (assigned {})", group.epoch, group.assignment_epoch);
    head += fmt::format(", coordinator {}, {} member{}", group.coordinator, group.members.size(),
                        group.members.size() == 1 ? "" : "s");
    fmt::print("{}\n", head);
    if (!group.members.empty() && !settings.only_offsets) {
        fmt::print("\n");
        print_members(group);
    }
    if (settings.only_members) return;
    lag_sum all;
    std::map<std::string, lag_sum> topics;
    for (const offset_row& each : rows) {
        all.add(each);
        topics[each.where.topic].add(each);
    }
    fmt::print("\n");
    if (rows.empty()) {
        fmt::print("nothing is committed or assigned\n");
        return;
    }
    settings.summary ? print_topics(topics) : print_offsets(rows);
    fmt::print("\nlag {} in {} partition{}{}\n", with_commas(static_cast<std::uint64_t>(all.lag)), all.partitions,
               all.partitions == 1 ? "" : "s",
               all.unknown == 0 ? "" : fmt::format(", not known in {} (nothing committed, or the partition is gone)", all.unknown));
}

json group_json(const group_settings& settings, const group_description& group, const std::vector<offset_row>& rows) {
    json entry = {{"group", group.id}, {"state", group.state}, {"type", group.type},
                  {"protocol_type", group.protocol_type}, {"assignor", group.assignor},
                  {"coordinator", group.coordinator}};
    if (group.epoch >= 0) {
        entry["epoch"] = group.epoch;
        entry["assignment_epoch"] = group.assignment_epoch;
    }
    entry["members"] = json::array();
    for (const group_member& each : group.members) {
        json member = {{"member", each.id}, {"client_id", each.client_id}, {"host", each.client_host},
                       {"protocol", each.classic ? "classic" : "consumer"}, {"subscribed", each.subscribed},
                       {"assignment", places_json(each.assignment)}};
        if (each.instance_id) member["instance"] = *each.instance_id;
        if (each.subscribed_regex && !each.subscribed_regex->empty()) member["subscribed_regex"] = *each.subscribed_regex;
        if (each.epoch >= 0) {
            member["epoch"] = each.epoch;
            member["target"] = places_json(each.target);
        }
        entry["members"].push_back(std::move(member));
    }
    if (settings.only_members) return entry;
    lag_sum all;
    std::map<std::string, lag_sum> topics;
    json offsets = json::array();
    for (const offset_row& each : rows) {
        all.add(each);
        topics[each.where.topic].add(each);
        json row = {{"topic", each.where.topic}, {"partition", each.where.partition}, {"committed", nullptr},
                    {"end", nullptr}, {"lag", nullptr}, {"metadata", each.metadata}, {"member", nullptr}};
        if (each.committed >= 0) row["committed"] = each.committed;
        if (each.end >= 0) row["end"] = each.end;
        if (each.has_lag()) row["lag"] = each.lag();
        if (each.owner != nullptr) row["member"] = each.owner->id;
        offsets.push_back(std::move(row));
    }
    if (!settings.summary) entry["offsets"] = std::move(offsets);
    entry["topics"] = json::array();
    for (const auto& [name, sum] : topics)
        entry["topics"].push_back({{"topic", name}, {"partitions", sum.partitions}, {"lag", sum.lag}, {"unknown", sum.unknown}});
    entry["lag"] = all.lag;
    return entry;
}

}  // namespace

asio::awaitable<int> describe_groups(admin& server, const group_settings& settings) {
    std::vector<std::string> names = settings.groups;
    if (settings.all) {
        group_filter everything;
        const auto listed = co_await server.list_groups(std::move(everything));
        if (!listed) co_return cannot(settings.connection, "list groups", listed.error());
        for (const group_listing& each : *listed) names.push_back(each.id);
    }
    if (names.empty() && !settings.all)
        co_return complain("which group?", "Name one or more, or give --all. `imago group list` shows them.");
    const auto described = co_await server.describe_groups(names);
    if (!described) co_return cannot(settings.connection, "describe groups", described.error());
    std::map<std::string, group_offsets> committed;
    if (!settings.only_members) {
        auto got = co_await server.list_group_offsets(names);
        if (!got) co_return cannot(settings.connection, "read committed offsets", got.error());
        for (group_offsets& each : *got) committed[each.group] = std::move(each);
    }
    int code = 0;
    json entries = json::array();
    bool first = true;
    for (const group_description& group : *described) {
        if (group.error) {
            code = complain(fmt::format("cannot describe group '{}'", group.id), group.error, group.detail);
            continue;
        }
        const group_offsets& offsets = committed[group.id];
        if (offsets.error) {
            code = complain(fmt::format("cannot read what group '{}' has committed", group.id), offsets.error);
            continue;
        }
        std::vector<offset_row> rows;
        if (!settings.only_members) {
            auto made = co_await rows_of(server, settings, group, offsets);
            if (!made) co_return cannot(settings.connection, "look up offsets", made.error());
            rows = std::move(*made);
        }
        if (settings.output.as_json()) {
            entries.push_back(group_json(settings, group, rows));
        } else {
            if (!first) fmt::print("\n");
            first = false;
            print_group(settings, group, rows);
        }
    }
    if (settings.output.as_json()) print_json(entries);
    co_return code;
}

}  // namespace imago::client::cli
