#include "client/cli/top_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "client/cli/terminal.h"

namespace imago::client::cli {
namespace {

using style = top_line::style;

/// 0.4, 12, 3,456, 1.2 M
std::string count_text(double value) {
    if (value >= 1e7) return fmt::format("{:.1f} M", value / 1e6);
    if (value > 0 && value < 9.95) return fmt::format("{:.1f}", value);
    return with_commas(static_cast<std::uint64_t>(value + 0.5));
}

std::string optional_rate_text(std::optional<double> bytes) { return bytes ? byte_text(*bytes) + "/s" : "-"; }

/// 120 us, 1.5 ms, 2.0 s
std::string time_text(std::optional<double> seconds) {
    if (!seconds) return "-";
    if (*seconds < 1e-3) return fmt::format("{:.0f} us", *seconds * 1e6);
    if (*seconds < 1) return fmt::format("{:.1f} ms", *seconds * 1e3);
    return fmt::format("{:.1f} s", *seconds);
}

std::string age_text(double seconds) {
    const auto all = static_cast<std::uint64_t>(seconds);
    const std::uint64_t days = all / 86400, hours = all / 3600 % 24, minutes = all / 60 % 60;
    return days > 0 ? fmt::format("{}d {:02}:{:02}", days, hours, minutes)
                    : fmt::format("{:02}:{:02}:{:02}", hours, minutes, all % 60);
}

/// Cut to `width` bytes; what is not printable ASCII becomes a question mark.
std::string cut(std::string text, std::size_t width) {
    for (char& c : text)
        if (c < ' ' || c > '~') c = '?';
    if (text.size() > width) {
        text.resize(width);
        if (width > 0) text.back() = '~';
    }
    return text;
}

std::string two_ends(const std::string& left, const std::string& right, int columns) {
    const int gap = columns - static_cast<int>(left.size() + right.size());
    return gap < 1 ? left : left + std::string(static_cast<std::size_t>(gap), ' ') + right;
}

void add_server(std::vector<top_line>& lines, const top_rates::server& told) {
    lines.push_back({fmt::format("flushes   {:>10} /s    p50 {}   p99 {}", count_text(told.flushes), time_text(told.flush_p50),
                                 time_text(told.flush_p99))});
    lines.push_back({fmt::format("clients   {:>10} open  requests {}/s   errors {}/s   in {}   out {}",
                                 count_text(told.connections), count_text(told.requests), count_text(told.errors),
                                 optional_rate_text(told.received), optional_rate_text(told.sent))});
    lines.push_back({fmt::format("reads     {:>10} /s    from memory   {}/s from disk   {} fetches wait",
                                 count_text(told.cache_reads), count_text(told.disk_reads), count_text(told.waiting))});
    lines.push_back({fmt::format("memory    {:>10}       cache {} of {}   index {} of {}   requests {} of {}", byte_text(told.resident),
                                 byte_text(told.cache_used), byte_text(told.cache_max), byte_text(told.index_used),
                                 byte_text(told.index_max), byte_text(told.requests_used), byte_text(told.requests_max))});
    if (told.failed) lines.push_back({"THE DISK FAILED: nothing is acknowledged until a restart", style::warning});
    else if (told.out_of_space) lines.push_back({"THE DISK IS FULL: messages are refused", style::warning});
}

/// Rows of a table: its heading and at most `room` lines below; the last one counts what is left out.
void add_rows(std::vector<top_line>& lines, std::string heading, std::vector<std::string> rows, std::size_t room) {
    lines.push_back({std::move(heading), style::heading});
    const std::size_t all = rows.size();
    if (all > room) rows.resize(room > 0 ? room - 1 : 0);
    const std::size_t left = all - rows.size();
    for (std::string& row : rows) lines.push_back({std::move(row)});
    if (left > 0 && room > 0) lines.push_back({fmt::format("... and {} more", left), style::dim});
}

}  // namespace

std::vector<top_line> top_lines(const top_header& header, const top_rates& rates, int columns, int rows) {
    std::vector<top_line> lines;
    std::string title = fmt::format("imago top  {}  {} server{}", header.where, rates.servers, rates.servers == 1 ? "" : "s");
    if (rates.told) title += fmt::format("  up {}", age_text(rates.told->uptime_s));
    lines.push_back({two_ends(title, header.clock, columns), style::title});
    if (!header.trouble.empty()) lines.push_back({header.trouble, style::warning});
    lines.push_back({fmt::format("messages  {:>10} /s    {}   {} topics, {} partitions", count_text(rates.messages),
                                 optional_rate_text(rates.told ? std::optional(rates.told->bytes) : rates.bytes), rates.topics.size(),
                                 rates.partitions)});
    if (rates.told) add_server(lines, *rates.told);
    else lines.push_back({"no metrics: only what Kafka's protocol tells; name the server's with --metrics HOST:PORT", style::dim});
    lines.push_back({""});

    const auto width = static_cast<std::size_t>(std::max(columns, 20));
    std::vector<std::string> topics, groups;
    const std::size_t name_width = width < 60 ? 16 : width - 44;
    for (const top_rates::topic& each : rates.topics)
        topics.push_back(fmt::format("{:<{}} {:>6} {:>11} {:>12} {:>10}", cut(each.name, name_width), name_width, each.partitions,
                                     count_text(each.messages), optional_rate_text(each.bytes),
                                     each.size < 0 ? "-" : byte_text(static_cast<double>(each.size))));
    for (const top_rates::group& each : rates.groups)
        groups.push_back(fmt::format("{:<{}} {:>10.10} {:>12} {:>10} {:>8}", cut(each.name, name_width), name_width,
                                     each.state.empty() ? "-" : each.state, with_commas(static_cast<std::uint64_t>(each.lag)),
                                     (each.lag_change < 0 ? "-" : "+") + count_text(std::abs(each.lag_change)),
                                     count_text(each.consumed)));
    const std::string topic_heading = fmt::format("{:<{}} {:>6} {:>11} {:>12} {:>10}", "TOPIC", name_width, "PARTS", "MESSAGES/S",
                                                  "BYTES/S", "SIZE");
    const std::string group_heading = fmt::format("{:<{}} {:>10} {:>12} {:>10} {:>8}", "GROUP", name_width, "STATE", "LAG",
                                                  "CHANGE/S", "READ/S");
    if (rows <= 0) {
        add_rows(lines, topic_heading, topics, topics.size());
        lines.push_back({""});
        add_rows(lines, group_heading, groups, groups.size());
    } else {
        // Two headings, a blank line between, the keys at the bottom; the rest is shared, and what one does not need the
        // other has.
        const int fixed = static_cast<int>(lines.size()) + 3 + (header.keys ? 1 : 0);
        const auto room = static_cast<std::size_t>(std::max(rows - fixed, 0));
        std::size_t for_groups = std::min(groups.size(), room / 2);
        const std::size_t for_topics = std::min(topics.size(), room - for_groups);
        for_groups = std::min(groups.size(), room - for_topics);
        add_rows(lines, topic_heading, topics, for_topics);
        lines.push_back({""});
        add_rows(lines, group_heading, groups, for_groups);
        while (lines.size() + (header.keys ? 1 : 0) < static_cast<std::size_t>(rows)) lines.push_back({""});
        if (lines.size() + (header.keys ? 1 : 0) > static_cast<std::size_t>(rows))
            lines.resize(static_cast<std::size_t>(std::max(rows - (header.keys ? 1 : 0), 0)));
        if (header.keys) lines.push_back({"q quit   m messages   b bytes   s size   n name   space now", style::dim});
    }
    for (top_line& each : lines) each.text = cut(std::move(each.text), static_cast<std::size_t>(std::max(columns, 1)));
    return lines;
}

std::string top_json(const std::string& where, const top_rates& rates) {
    using nlohmann::json;
    const auto maybe = [](std::optional<double> value) { return value ? json(*value) : json(nullptr); };
    json all = {{"brokers", where}, {"seconds", rates.seconds}, {"servers", rates.servers}, {"partitions", rates.partitions},
                {"messages_per_second", rates.messages}, {"bytes_per_second", maybe(rates.bytes)}, {"lag", rates.lag},
                {"topics", json::array()}, {"groups", json::array()}, {"server", nullptr}};
    for (const top_rates::topic& each : rates.topics)
        all["topics"].push_back({{"name", each.name}, {"partitions", each.partitions}, {"messages_per_second", each.messages},
                                 {"bytes_per_second", maybe(each.bytes)}, {"bytes", each.size < 0 ? json(nullptr) : json(each.size)}});
    for (const top_rates::group& each : rates.groups)
        all["groups"].push_back({{"group", each.name}, {"state", each.state}, {"lag", each.lag},
                                 {"lag_change_per_second", each.lag_change}, {"messages_per_second", each.consumed}});
    if (rates.told) {
        const top_rates::server& told = *rates.told;
        all["server"] = {{"messages_per_second", told.messages}, {"bytes_per_second", told.bytes},
                         {"received_bytes_per_second", told.received}, {"sent_bytes_per_second", told.sent},
                         {"flushes_per_second", told.flushes}, {"flush_p50_seconds", maybe(told.flush_p50)},
                         {"flush_p99_seconds", maybe(told.flush_p99)}, {"connections", told.connections},
                         {"requests_per_second", told.requests}, {"errors_per_second", told.errors},
                         {"cache_reads_per_second", told.cache_reads}, {"disk_reads_per_second", told.disk_reads},
                         {"waiting_reads", told.waiting}, {"resident_bytes", told.resident}, {"uptime_seconds", told.uptime_s},
                         {"out_of_space", told.out_of_space}, {"failed", told.failed}};
    }
    return all.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace imago::client::cli
