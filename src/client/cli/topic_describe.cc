#include <asio/steady_timer.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "client/cli/topic.h"
#include "client/event.h"

namespace imago::client::cli {
namespace {

using json = nlohmann::json;

/// More partitions than this are summed up, unless each was asked for.
constexpr std::size_t partitions_shown_max = 100;
constexpr std::size_t busiest_shown = 5;

struct partition_row {
    partition_info info;
    std::int64_t begin = -1;
    std::int64_t end = -1;
    std::int64_t bytes = -1;  // of the leader's copy; -1 = not known
    double messages_per_second = -1;
    double bytes_per_second = -1;

    [[nodiscard]] std::int64_t messages() const { return begin < 0 || end < 0 ? -1 : std::max<std::int64_t>(end - begin, 0); }
};

struct measurement {
    std::chrono::steady_clock::time_point when;
    std::vector<std::int64_t> begins, ends, bytes;
};

asio::awaitable<result<measurement>> look(admin& server, const topic_info& topic, bool begins_too) {
    measurement found;
    std::vector<topic_partition> places;
    for (const partition_info& each : topic.partitions) places.push_back({topic.name, each.index});
    const std::size_t count = places.size();
    found.begins.resize(count, -1);
    found.ends.resize(count, -1);
    found.bytes.resize(count, -1);
    if (begins_too) {
        const auto begins = co_await server.list_offsets(places, offset_spec::earliest);
        if (!begins) co_return tl::unexpected(begins.error());
        for (std::size_t i = 0; i < count; ++i)
            if (!(*begins)[i].error) found.begins[i] = (*begins)[i].offset;
    }
    found.when = std::chrono::steady_clock::now();
    const auto ends = co_await server.list_offsets(std::move(places), offset_spec::latest);
    if (!ends) co_return tl::unexpected(ends.error());
    for (std::size_t i = 0; i < count; ++i)
        if (!(*ends)[i].error) found.ends[i] = (*ends)[i].offset;
    // Servers that do not tell sizes leave them unknown.
    std::vector<topic_info> topics(1, topic);
    const auto sizes = co_await server.describe_log_dirs(std::move(topics));
    if (sizes) {
        for (const partition_size& each : *sizes) {
            const auto at = static_cast<std::size_t>(each.where.partition);
            if (each.where.topic == topic.name && at < count && topic.partitions[at].leader == each.broker)
                found.bytes[at] = each.bytes;
        }
    }
    co_return found;
}

std::string known(std::int64_t value) { return value < 0 ? std::string("-") : std::to_string(value); }
std::string size_text(std::int64_t bytes) { return bytes < 0 ? "-" : byte_text(static_cast<double>(bytes)); }
std::string rate_text(double value) { return value < 0 ? "-" : fmt::format("{:.1f}", value); }

/// The sum of what is known; -1 if nothing is.
template <class T, class F>
T sum_of(const std::vector<partition_row>& rows, F value) {
    T sum = -1;
    for (const partition_row& each : rows)
        if (value(each) >= 0) sum = std::max<T>(sum, 0) + value(each);
    return sum;
}

void print_partitions(const std::vector<partition_row>& partitions, bool rates) {
    std::vector<std::string> titles = {"PARTITION", "LEADER", "BEGIN", "END", "MESSAGES", "SIZE"};
    if (rates) titles.insert(titles.end(), {"MESSAGES/S", "BYTES/S"});
    titles.emplace_back("REPLICAS");
    table rows(std::move(titles));
    for (const partition_row& each : partitions) {
        std::vector<std::string> row = {std::to_string(each.info.index), known(each.info.leader), known(each.begin),
                                        known(each.end), known(each.messages()), size_text(each.bytes)};
        if (rates) {
            row.push_back(rate_text(each.messages_per_second));
            row.push_back(each.bytes_per_second < 0 ? "-" : byte_text(each.bytes_per_second));
        }
        row.push_back(fmt::format("{}", fmt::join(each.info.replicas, ",")));
        rows.add(std::move(row));
    }
    rows.print();
}

/// For topics of very many partitions: how they differ, and the largest.
void print_summary(std::vector<partition_row> partitions, bool rates) {
    const auto spread = [&](const char* what, auto value, auto text) {
        std::vector<double> values;
        for (const partition_row& each : partitions)
            if (value(each) >= 0) values.push_back(static_cast<double>(value(each)));
        if (values.empty()) return;
        std::sort(values.begin(), values.end());
        fmt::print("{:<11} least {}, middle {}, most {}\n", what, text(values.front()), text(values[values.size() / 2]),
                   text(values.back()));
    };
    const auto count = [](double value) { return with_commas(static_cast<std::uint64_t>(value)); };
    spread("messages", [](const partition_row& p) { return p.messages(); }, count);
    spread("size", [](const partition_row& p) { return p.bytes; }, byte_text);
    if (rates) spread("messages/s", [](const partition_row& p) { return p.messages_per_second; }, rate_text);
    const auto leaderless = std::count_if(partitions.begin(), partitions.end(),
                                          [](const partition_row& p) { return p.info.leader < 0; });
    const auto empty = std::count_if(partitions.begin(), partitions.end(), [](const partition_row& p) { return p.messages() == 0; });
    fmt::print("{:<11} {}\n{:<11} {}\n\n", "empty", empty, "no leader", leaderless);
    const auto shown = std::min(busiest_shown, partitions.size());
    std::partial_sort(partitions.begin(), partitions.begin() + static_cast<std::ptrdiff_t>(shown), partitions.end(),
                      [&](const partition_row& a, const partition_row& b) {
                          if (rates && a.messages_per_second != b.messages_per_second)
                              return a.messages_per_second > b.messages_per_second;
                          return a.bytes != b.bytes ? a.bytes > b.bytes : a.messages() > b.messages();
                      });
    partitions.resize(shown);
    fmt::print("The {} {} partitions (--partitions shows each):\n", shown, rates ? "busiest" : "largest");
    print_partitions(partitions, rates);
}

void print_topic(const topic_settings& settings, const topic_info& topic, const std::vector<partition_row>& partitions,
                 const std::vector<config_entry>& configs) {
    const bool rates = settings.rates > 0;
    const auto messages = sum_of<std::int64_t>(partitions, [](const partition_row& p) { return p.messages(); });
    const auto bytes = sum_of<std::int64_t>(partitions, [](const partition_row& p) { return p.bytes; });
    fmt::print("{}: {} partition{}, {} messages{}\n", topic.name, partitions.size(), partitions.size() == 1 ? "" : "s",
               with_commas(static_cast<std::uint64_t>(std::max<std::int64_t>(messages, 0))),
               bytes < 0 ? "" : ", " + byte_text(static_cast<double>(bytes)));
    if (rates)
        fmt::print("{} messages/s, {}/s over {:g} s\n",
                   rate_text(sum_of<double>(partitions, [](const partition_row& p) { return p.messages_per_second; })),
                   bytes < 0 ? "- B" : byte_text(std::max(0.0, sum_of<double>(partitions, [](const partition_row& p) { return p.bytes_per_second; }))),
                   settings.rates);
    fmt::print("\n");
    if (partitions.size() > partitions_shown_max && !settings.each_partition) print_summary(partitions, rates);
    else print_partitions(partitions, rates);
    table shown({"CONFIG", "VALUE", "FROM"});
    bool any = false;
    for (const config_entry& each : configs) {
        if (each.is_default && !settings.all) continue;
        any = true;
        shown.add({each.name, each.sensitive ? "(secret)" : each.value.value_or(""), each.is_default ? "default" : "topic"});
    }
    if (!any) return;
    fmt::print("\n");
    shown.print();
}

json topic_json(const topic_settings& settings, const topic_info& topic, const std::vector<partition_row>& partitions,
                const std::vector<config_entry>& configs) {
    const auto maybe = [](auto value) { return value < 0 ? json(nullptr) : json(value); };
    json entry = {{"name", topic.name}, {"partitions", json::array()}, {"configs", json::object()}};
    const auto add_rates = [&](json& into, double messages, double bytes) {
        if (settings.rates <= 0) return;
        into["messages_per_second"] = maybe(messages);
        into["bytes_per_second"] = maybe(bytes);
    };
    for (const partition_row& each : partitions) {
        json row = {{"partition", each.info.index}, {"leader", each.info.leader}, {"begin", each.begin}, {"end", each.end},
                    {"bytes", maybe(each.bytes)}, {"replicas", each.info.replicas}, {"in_sync", each.info.in_sync}};
        add_rates(row, each.messages_per_second, each.bytes_per_second);
        entry["partitions"].push_back(std::move(row));
    }
    entry["messages"] = maybe(sum_of<std::int64_t>(partitions, [](const partition_row& p) { return p.messages(); }));
    entry["bytes"] = maybe(sum_of<std::int64_t>(partitions, [](const partition_row& p) { return p.bytes; }));
    add_rates(entry, sum_of<double>(partitions, [](const partition_row& p) { return p.messages_per_second; }),
              sum_of<double>(partitions, [](const partition_row& p) { return p.bytes_per_second; }));
    if (settings.rates > 0) entry["interval_seconds"] = settings.rates;
    for (const config_entry& each : configs)
        if (settings.all || !each.is_default) entry["configs"][each.name] = each.value ? json(*each.value) : json(nullptr);
    return entry;
}

std::vector<partition_row> rows_of(const topic_info& topic, const measurement& first, const std::optional<measurement>& later) {
    std::vector<partition_row> rows;
    const double seconds = later ? std::chrono::duration<double>(later->when - first.when).count() : 0;
    for (std::size_t i = 0; i < topic.partitions.size(); ++i) {
        partition_row row;
        row.info = topic.partitions[i];
        row.begin = first.begins[i];
        row.end = first.ends[i];
        row.bytes = first.bytes[i];
        if (later && seconds > 0) {
            // What retention takes away meanwhile is no negative rate.
            if (row.end >= 0 && later->ends[i] >= 0)
                row.messages_per_second = static_cast<double>(std::max<std::int64_t>(later->ends[i] - row.end, 0)) / seconds;
            if (row.bytes >= 0 && later->bytes[i] >= 0)
                row.bytes_per_second = static_cast<double>(std::max<std::int64_t>(later->bytes[i] - row.bytes, 0)) / seconds;
            row.end = later->ends[i];
            row.bytes = later->bytes[i];
        }
        rows.push_back(std::move(row));
    }
    return rows;
}

}  // namespace

asio::awaitable<int> describe_topics(admin& server, const topic_settings& settings) {
    std::vector<topic_info> topics;
    std::vector<measurement> first;
    for (const std::string& name : settings.names) {
        const std::string what = fmt::format("describe '{}'", name);
        auto topic = co_await server.describe_topic(name);
        if (!topic) co_return cannot(settings.connection, what, topic.error());
        auto found = co_await look(server, *topic, true);
        if (!found) co_return cannot(settings.connection, what, found.error());
        topics.push_back(std::move(*topic));
        first.push_back(std::move(*found));
    }
    if (settings.rates > 0)
        co_await sleep_for(std::chrono::milliseconds(static_cast<std::int64_t>(settings.rates * 1000)));
    json entries = json::array();
    for (std::size_t i = 0; i < topics.size(); ++i) {
        const topic_info& topic = topics[i];
        std::optional<measurement> later;
        if (settings.rates > 0) {
            auto found = co_await look(server, topic, false);
            if (!found) co_return cannot(settings.connection, fmt::format("describe '{}'", topic.name), found.error());
            later = std::move(*found);
        }
        const auto configs = co_await server.describe_configs(topic.name);
        if (!configs)
            co_return cannot(settings.connection, fmt::format("read the configuration of '{}'", topic.name), configs.error());
        const std::vector<partition_row> rows = rows_of(topic, first[i], later);
        if (settings.output.as_json()) {
            entries.push_back(topic_json(settings, topic, rows, *configs));
            continue;
        }
        if (i > 0) fmt::print("\n");
        print_topic(settings, topic, rows, *configs);
    }
    if (settings.output.as_json()) print_json(entries);
    co_return 0;
}

}  // namespace imago::client::cli
