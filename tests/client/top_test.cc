#include "client/cli/context_file.h"
#include "client/cli/metrics_reader.h"
#include "client/cli/top_view.h"
#include "support/catch.h"

#include <cmath>

using namespace imago::client::cli;
using Catch::Detail::Approx;

TEST_CASE("samples of Prometheus' text are read by name and label", "[client]") {
    const metrics told = metrics::parse("# HELP a b\n# TYPE a counter\na 3\nb{x=\"1\",y=\"a b,}\\\"\"} 2.5\nb{x=\"2\"} 4e3\n"
                                        "nonsense\n{x=\"1\"} 2\nc not-a-number\nd 7");
    CHECK(told.sum("a") == 3);
    CHECK(told.sum("b") == 4002.5);
    CHECK(told.with("b", "x", "2") == 4000);
    CHECK(told.with("b", "x", "3") == 0);
    CHECK(told.label("b", "y") == "a b,}\\\"");
    CHECK(told.sum("c") == 0);
    CHECK(told.sum("d") == 7);
    CHECK(metrics::parse("").empty());
}

TEST_CASE("quantiles come from what was counted between two histograms", "[client]") {
    const auto histogram = [](double a, double b, double all) {
        return metrics::parse("h_bucket{le=\"0.001\"} " + std::to_string(a) + "\nh_bucket{le=\"0.002\"} " + std::to_string(b) +
                              "\nh_bucket{le=\"+Inf\"} " + std::to_string(all) + "\n")
            .histogram("h");
    };
    const auto before = histogram(1000, 1000, 1000);
    CHECK(before.size() == 3);
    CHECK(std::isinf(before.back().bound));
    CHECK_FALSE(quantile(before, before, 0.5));
    CHECK_FALSE(quantile({}, before, 0.5));
    CHECK(*quantile(before, histogram(1100, 1100, 1100), 0.5) == Approx(0.0005));
    CHECK(*quantile(before, histogram(1050, 1100, 1100), 0.75) == Approx(0.0015));
    CHECK(*quantile(before, histogram(1000, 1000, 1010), 0.5) == Approx(0.002));  // longer than any bound: at least that
}

namespace {

top_rates many() {
    top_rates rates;
    rates.servers = 3;
    for (int i = 0; i < 500; ++i) {
        top_rates::topic topic;
        topic.name = std::string(static_cast<std::size_t>(i % 200 + 1), 't') + std::to_string(i) + "\x1b[31m";
        topic.messages = 1e12 / (i + 1);
        topic.bytes = 1e15;
        topic.size = std::int64_t{1} << 60;
        rates.topics.push_back(topic);
        top_rates::group group;
        group.name = topic.name;
        group.state = "CompletingRebalance";
        group.lag = std::int64_t{1} << 62;
        group.lag_change = -1e15;
        rates.groups.push_back(group);
    }
    top_rates::server told;
    told.flush_p50 = 12.5;
    told.out_of_space = true;
    told.uptime_s = 1e9;
    rates.told = told;
    return rates;
}

}  // namespace

TEST_CASE("the screen fits any terminal, and no name can send an escape", "[client]") {
    const top_rates rates = many();
    for (const int rows : {1, 2, 3, 5, 10, 24, 25, 60, 2000}) {
        for (const int columns : {1, 5, 20, 59, 60, 80, 81, 300}) {
            CAPTURE(rows, columns);
            const auto lines = top_lines({"127.0.0.1:9092", "12:00:00", "some trouble", true}, rates, columns, rows);
            CHECK(lines.size() == static_cast<std::size_t>(rows));
            for (const top_line& each : lines) {
                CHECK(each.text.size() <= static_cast<std::size_t>(columns));
                CHECK(each.text.find('\x1b') == std::string::npos);
            }
            CHECK(lines.back().how == top_line::style::dim);  // the keys
        }
    }
    const auto lines = top_lines({"127.0.0.1:9092", "12:00:00", {}, true}, rates, 80, 24);
    const auto held = [&](std::string_view text) {
        for (const top_line& each : lines)
            if (each.text.find(text) != std::string::npos) return true;
        return false;
    };
    CHECK(held("THE DISK IS FULL"));
    CHECK(held("TOPIC"));
    CHECK(held("GROUP"));
    CHECK(held("... and "));
    CHECK(held("p50 12.5 s"));
}

TEST_CASE("rates between two measurements are never negative, and new topics have none", "[client]") {
    top_sample before, after;
    after.when = before.when + std::chrono::seconds(2);
    before.topics["a"] = {3, 100, 1000};
    after.topics["a"] = {3, 300, 5000};
    before.topics["again"] = {1, 900, 9000};
    after.topics["again"] = {1, 10, 100};
    after.topics["new"] = {1, 50, 60};
    before.groups["g"] = {"Stable", 100, 50, 3};
    after.groups["g"] = {"Stable", 160, 40, 3};
    const top_rates rates = rates_between(before, after, top_order::messages);
    CHECK(rates.topics.front().name == "a");
    CHECK(rates.topics.front().messages == Approx(100));
    CHECK(*rates.topics.front().bytes == Approx(2000));
    CHECK(rates.messages == Approx(100));
    CHECK(rates.partitions == 5);
    CHECK(rates.groups.front().lag_change == Approx(-5));
    CHECK(rates.groups.front().consumed == Approx(30));
    CHECK(rates_between(before, after, top_order::name).topics[1].name == "again");
    CHECK(rates_between(before, before, top_order::messages).messages == 0);
}

TEST_CASE("a file of contexts comes back as it was written, and what is wrong is told with its line", "[client]") {
    context_file file;
    file.current = "b";
    file.contexts["a"] = {"h:1,[::1]:2", "", {}};
    file.contexts["b"] = {"h:3", "none", 2.5};
    std::string why;
    const auto again = context_file::parse(file.text(), why);
    REQUIRE(again);
    CHECK(again->text() == file.text());
    CHECK(again->current == "b");
    CHECK(again->contexts.at("b").timeout == 2.5);
    CHECK_FALSE(context_file::parse("\n[x]\ncolour = red\n", why));
    CHECK(why.find("line 3: 'colour'") == 0);
    CHECK_FALSE(context_file::parse("[x y]\n", why));
    CHECK_FALSE(context_file::is_name("a/b"));
    CHECK_FALSE(context_file::is_name(std::string(65, 'a')));
}
