#include "client/cli/completion.h"
#include "support/catch.h"

#include <CLI/CLI.hpp>

using namespace imago::client::cli;

namespace {

struct command_line {
    CLI::App app{"test"};
    std::string text, server;
    int number = 0;
    bool flag = false;
    std::vector<std::string> names;
    std::vector<std::pair<std::string, std::string>> asked;

    command_line() {
        CLI::App* parent = app.add_subcommand("topic", "about topics");
        CLI::App* child = parent->add_subcommand("show", "shows them");
        child->add_option("-b,--brokers", server)->type_name("HOST:PORT");
        child->add_option("-o,--output", text, "how")->check(CLI::IsMember({"table", "json"}));
        child->add_option("--count", number)->type_name("N");
        offer(child->add_option("--color", text)->type_name("COLOR"), {"red", "green"});
        child->add_flag("-v,--verbose", flag, "more");
        child->add_option("--config", text)->type_name("FILE");
        child->add_option("names", names)->type_name("TOPIC...");
        app.add_subcommand("hidden")->group("");
    }
    std::vector<std::string> operator()(std::vector<std::string> words) {
        rest = completion::also::nothing;
        const completion made = complete(app, words, [this](std::string_view kind, const typed_servers& from) {
            asked.emplace_back(kind, from.brokers);
            return std::vector<std::string>{"events", "errors", "clicks"};
        });
        rest = made.rest;
        std::vector<std::string> list;
        for (const candidate& each : made.candidates) list.push_back(each.text);
        return list;
    }
    completion::also rest = completion::also::nothing;
};

using list = std::vector<std::string>;

}  // namespace

TEST_CASE("what may come next is read from the tables of the command line", "[client]") {
    command_line at;
    CHECK(at({""}) == list{"topic"});
    CHECK(at({"t"}) == list{"topic"});
    CHECK(at({"x"}).empty());
    CHECK(at({"topic", ""}) == list{"show"});
    CHECK(at({"topic", "show", "--c"}) == list{"--count", "--color", "--config"});
    CHECK(at({"topic", "show", "--verb"}) == list{"--verbose"});
    CHECK(at({"topic", "show", "-o", ""}) == list{"table", "json"});
    CHECK(at({"topic", "show", "--output=t"}) == list{"--output=table"});
    CHECK(at({"topic", "show", "--color", "g"}) == list{"green"});
    CHECK(at({"topic", "show", "--count", ""}).empty());
    CHECK(at({"topic", "show", "--config", ""}).empty());
    CHECK(at.rest == completion::also::files);
    CHECK(at({}).empty());
}

TEST_CASE("names are asked of the servers that the words before name", "[client]") {
    command_line at;
    CHECK(at({"topic", "show", "e"}) == list{"events", "errors"});
    CHECK(at({"topic", "show", "events", "-v", "c"}) == list{"clicks"});
    CHECK(at({"topic", "show", "-b", "there:1", "ev"}) == list{"events"});
    CHECK(at.asked.back() == std::pair<std::string, std::string>("TOPIC", "there:1"));
    CHECK(at({"topic", "show", "--brokers=here:2", "--", "ev"}) == list{"events"});
    CHECK(at.asked.back().second == "here:2");
}
