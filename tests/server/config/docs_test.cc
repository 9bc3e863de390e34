// docs/configuration.md holds the list of keys, made from the same list that the server reads by.
#include "server/config/load.h"
#include "server/config/show.h"
#include "support/catch.h"

#include <fstream>
#include <sstream>
#include <string>

namespace {

constexpr std::string_view begin_mark = "<!-- keys: made by `config_test '[write]'`; do not edit -->\n";
constexpr std::string_view end_mark = "<!-- end of keys -->\n";

std::string read() {
    std::ostringstream text;
    text << std::ifstream(IMAGO_CONFIGURATION_MD).rdbuf();
    return text.str();
}

}  // namespace

TEST_CASE("docs/configuration.md names every key as it is", "[config]") {
    const std::string text = read();
    const auto begin = text.find(begin_mark);
    const auto end = text.find(end_mark);
    REQUIRE(begin != std::string::npos);
    REQUIRE(end != std::string::npos);
    INFO("build/dev/config_test '[write]' writes the list anew");
    CHECK(text.substr(begin + begin_mark.size(), end - begin - begin_mark.size()) ==
          "\n" + imago::config::describe_markdown() + "\n");
}

TEST_CASE("the example in docs/configuration.md is a valid configuration", "[config]") {
    const std::string text = read();
    const auto begin = text.find("```toml\n");
    REQUIRE(begin != std::string::npos);
    const auto end = text.find("```", begin + 8);
    REQUIRE(end != std::string::npos);
    const auto got = imago::config::load_text(text.substr(begin + 8, end - begin - 8), "example");
    if (!got) FAIL(got.error().front().text());
}

TEST_CASE("write the list of keys into docs/configuration.md", "[.][write]") {
    std::string text = read();
    const auto begin = text.find(begin_mark) + begin_mark.size();
    const auto end = text.find(end_mark);
    REQUIRE(end != std::string::npos);
    text.replace(begin, end - begin, "\n" + imago::config::describe_markdown() + "\n");
    std::ofstream(IMAGO_CONFIGURATION_MD) << text;
}
