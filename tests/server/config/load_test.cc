#include "server/config/load.h"

#include "server/config/show.h"
#include "support/catch.h"

#include <nlohmann/json.hpp>

#include <cstdio>
#include <fstream>

using namespace imago::config;

namespace {

std::string problems(const load_result& result) {
    if (result) return "fine";
    std::string text;
    for (const problem& one : result.error()) text += (text.empty() ? "" : "\n") + one.text();
    return text;
}

std::string problems_of(std::string_view toml) { return problems(load_text(toml, "imago.toml")); }

}  // namespace

TEST_CASE("without any source the defaults hold", "[config]") {
    const auto got = load({});
    REQUIRE(got);
    CHECK(got->config.data.segment_size == 256LL << 20);
    CHECK(got->config.kafka.listen == "127.0.0.1:9092");
    CHECK(got->config.kafka.auto_create_topics);
    CHECK(got->config.retention.time == 604'800'000);
    CHECK(got->config.retention.size == -1);
    CHECK(got->sources[0] == "default");
}

TEST_CASE("a flag wins over the environment, that over the file, that over the default", "[config]") {
    const std::string toml = "[net]\nthreads = 2\npipelined_max = 3\nconnections_max = 4\n";
    input rest;
    rest.environment = {{"IMAGO_NET__PIPELINED_MAX", "30"},
                        {"IMAGO_NET__CONNECTIONS_MAX", "40"},
                        {"HOME", "/"},
                        {"IMAGO_TESTS", "ON"}};
    rest.flags = {{"--set", "net.connections_max", "400"}};
    const auto got = load_text(toml, "imago.toml", rest);
    REQUIRE(problems(got) == "fine");
    CHECK(got->config.net.threads == 2);
    CHECK(got->config.net.pipelined_max == 30);
    CHECK(got->config.net.connections_max == 400);
    CHECK(got->config.net.connections_per_ip_max == 10'000);
    const auto shown = nlohmann::json::parse(show_json(*got));
    CHECK(shown["net.threads"]["source"] == "imago.toml:2");
    CHECK(shown["net.pipelined_max"]["source"] == "IMAGO_NET__PIPELINED_MAX");
    CHECK(shown["net.connections_max"]["source"] == "--set");
    CHECK(shown["net.connections_per_ip_max"]["source"] == "default");
    CHECK(shown["net.threads"]["value"] == 2);
}

TEST_CASE("sizes, durations and words are read from the file", "[config]") {
    const auto got = load_text(
        "[data]\ncache_size = \"1GiB\"\nsegment_size = 67108864\n[retention]\ntime = \"forever\"\n"
        "size = -1\n[kafka]\nauto_create_topics = false\n[net]\nidle_timeout = \"5m\"\n",
        "imago.toml");
    REQUIRE(problems(got) == "fine");
    CHECK(got->config.data.cache_size == 1LL << 30);
    CHECK(got->config.data.segment_size == 64LL << 20);
    CHECK(got->config.retention.time == -1);
    CHECK(got->config.retention.size == -1);
    CHECK_FALSE(got->config.kafka.auto_create_topics);
    CHECK(got->config.net.idle_timeout == 300'000);
}

TEST_CASE("an unknown key is an error with its place and a suggestion", "[config]") {
    CHECK(problems_of("[data]\nsegment_siz = 1\n") ==
          "imago.toml:2:1: there is no key data.segment_siz; did you mean data.segment_size?");
    CHECK(problems_of("[kafka]\n\n  zookeeper = 'x'\n") == "imago.toml:3:3: there is no key kafka.zookeeper");
    CHECK(problems_of("[dta]\nsegment_size = 1\n")
              .find("imago.toml:1:2: there is no section [dta]; did you mean [data]?") == 0);
    CHECK(problems_of("[strange]\n") ==
          "imago.toml:1:2: there is no section [strange]; there are data, kafka, net, retention, groups, metrics, log");
    CHECK(problems_of("listen = 'x'\n") ==
          "imago.toml:1:1: the key listen stands outside of any section; did you mean kafka.listen?");
    input rest;
    rest.environment = {{"IMAGO_NET__THREAD", "1"}};
    rest.flags = {{"--set", "log.lvl", "info"}, {"--set", "nothing", "1"}};
    CHECK(problems(load(rest)) ==
          "IMAGO_NET__THREAD: there is no key net.thread; did you mean net.threads?\n"
          "--set: there is no key log.lvl; did you mean log.level?\n"
          "--set: there is no key nothing");
}

TEST_CASE("a value of the wrong type or out of range is an error with its place", "[config]") {
    CHECK(problems_of("[net]\nthreads = 5000\n") ==
          "imago.toml:2:11: net.threads: must lie in 0..1024, got 5000");
    CHECK(problems_of("[net]\nthreads = \"2\"\n") ==
          "imago.toml:2:11: net.threads: expected a whole number without quotes, got \"2\"");
    CHECK(problems_of("[net]\nthreads = 2.5\n").find("imago.toml:2:11: net.threads: expected") == 0);
    CHECK(problems_of("[net]\nthreads = [1]\n").find("imago.toml:2:11: net.threads: expected") == 0);
    CHECK(problems_of("[net.threads]\nx = 1\n").find("net.threads: expected") != std::string::npos);
    CHECK(problems_of("[net]\nidle_timeout = 10\n") ==
          "imago.toml:2:16: net.idle_timeout: expected a duration such as 500ms, 10s, 5m, 2h or 7d, got "
          "\"10\"");
    CHECK(problems_of("[data]\ncache_size = \"12M\"\n") ==
          "imago.toml:2:14: data.cache_size: expected a size such as 256MiB or 1048576, got \"12M\"");
    CHECK(problems_of("[log]\nlevel = \"loud\"\n") ==
          "imago.toml:2:9: log.level: must be one of debug, info, warn, error, got \"loud\"");
    CHECK(problems_of("[kafka]\nauto_create_topics = 1\n").find("expected true or false") !=
          std::string::npos);
    CHECK(problems_of("[kafka]\nlisten = 9092\n").find("expected text in quotes") != std::string::npos);
}

TEST_CASE("broken TOML is an error with its place", "[config]") {
    CHECK(problems_of("[data\ndir = 1").find("imago.toml:1:6: ") == 0);
    CHECK(problems_of("[data]\ndir = 'a'\ndir = 'b'\n").find("imago.toml:3:") == 0);
}

TEST_CASE("all problems of all sources are told at once", "[config]") {
    input rest;
    rest.environment = {{"IMAGO_NET__THREADS", "x"}};
    rest.flags = {{"--set", "log.format", "xml"}};
    const auto got = load_text("[data]\nfoo = 1\nsegment_size = 'big'\n", "imago.toml", rest);
    REQUIRE_FALSE(got);
    CHECK(got.error().size() == 4);
}

TEST_CASE("a wildcard address without an advertised one is refused with what to do", "[config]") {
    for (const char* listen : {"0.0.0.0:9092", "[::]:9092", ":9092"}) {
        INFO(listen);
        input rest;
        rest.flags = {{"--kafka", "kafka.listen", listen}};
        const std::string told = problems(load(rest));
        CHECK(told.find("--kafka: kafka.listen: ") == 0);
        CHECK(told.find("--advertise HOST:PORT") != std::string::npos);
        rest.flags.push_back({"--advertise", "kafka.advertise", "broker.example.org:9092"});
        CHECK(problems(load(rest)) == "fine");
        rest.flags.back().value = "0.0.0.0:9092";
        CHECK(problems(load(rest)).find("kafka.advertise") != std::string::npos);
    }
}

TEST_CASE("values that contradict each other are refused", "[config]") {
    CHECK(problems_of("[data]\nsegment_size = 16777217\n").find("multiple of 1MiB") != std::string::npos);
    CHECK(problems_of("[kafka]\nmax_message_size = \"200MiB\"\n").find("kafka.max_message_size") !=
          std::string::npos);
    CHECK(problems_of("[kafka]\nmax_request_size = \"64KiB\"\n").find("kafka.max_request_size") !=
          std::string::npos);
    CHECK(problems_of("[net]\nin_flight_total = \"1MiB\"\n").find("net.in_flight_total") !=
          std::string::npos);
    CHECK(problems_of("[kafka]\nlisten = \"\"\n").find("kafka.listen") != std::string::npos);
}

TEST_CASE("the argument of --set is a key and a value", "[config]") {
    CHECK(parse_set("data.dir=/a=b")->key == "data.dir");
    CHECK(parse_set("data.dir=/a=b")->value == "/a=b");
    CHECK_FALSE(parse_set("data.dir"));
    CHECK_FALSE(parse_set("=x"));
}

TEST_CASE("a file that is not there is an error, and so is one that cannot be a configuration", "[config]") {
    input in;
    in.file = "/nowhere/imago.toml";
    CHECK(problems(load(in)) == "/nowhere/imago.toml: the file cannot be read");
    in.file = "/";
    CHECK(problems(load(in)) == "/: the file cannot be read");
    in.file = "/dev/zero";
    CHECK(problems(load(in)).find("larger than 1MiB") != std::string::npos);
    char name[] = "/tmp/imago_config_XXXXXX";
    const int descriptor = ::mkstemp(name);
    REQUIRE(descriptor >= 0);
    std::ofstream(name) << "[net]\nthreads = 7\n";
    in.file = name;
    const auto got = load(in);
    std::remove(name);
    REQUIRE(problems(got) == "fine");
    CHECK(got->config.net.threads == 7);
}

TEST_CASE("what is shown as TOML reads back as the same configuration", "[config]") {
    input in;
    in.flags = {{"--set", "data.dir", "a \"strange\" \\ folder"},
                {"--set", "retention.time", "forever"},
                {"--set", "net.idle_timeout", "90s"},
                {"--set", "kafka.node_id", "7"}};
    const auto first = load(in);
    REQUIRE(problems(first) == "fine");
    const auto second = load_text(show_toml(*first), "shown.toml");
    REQUIRE(problems(second) == "fine");
    const auto values = [](const loaded& loaded) {
        const auto shown = nlohmann::json::parse(show_json(loaded));
        std::string text;
        for (const auto& [name, one] : shown.items()) text += name + one["value"].dump() + "\n";
        return text;
    };
    CHECK(values(*first) == values(*second));
    CHECK(show_table(*first).find("kafka.node_id") != std::string::npos);
}

TEST_CASE("Kafka's clients see what was set, in Kafka's units", "[config]") {
    input in;
    in.flags = {{"--set", "retention.time", "1h"},
                {"--set", "retention.offsets", "2h"},
                {"--set", "kafka.auto_create_topics", "false"},
                {"--kafka", "kafka.listen", "0.0.0.0:9092"},
                {"--advertise", "kafka.advertise", "me:1"}};
    const auto settings = kafka_settings(*load(in));
    CHECK(settings.at("log.retention.ms") == "3600000");
    CHECK(settings.at("offsets.retention.minutes") == "120");
    CHECK(settings.at("auto.create.topics.enable") == "false");
    CHECK(settings.at("advertised.listeners") == "PLAINTEXT://me:1");
    CHECK(settings.at("listeners") == "PLAINTEXT://0.0.0.0:9092");
    CHECK_FALSE(settings.contains("num.partitions"));
}
