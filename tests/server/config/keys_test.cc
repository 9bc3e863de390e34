#include "server/config/keys.h"

#include "broker/server_settings.h"
#include "server/config/load.h"
#include "support/catch.h"

#include <set>

using namespace imago::config;

TEST_CASE("the default of every key is allowed and is written as it stands in the list", "[config]") {
    std::set<std::string> names;
    for (const key& key : keys()) {
        INFO(key.full_name());
        server_config config;
        CHECK(read_value(key, key.initial, config).value_or("fine") == "fine");
        CHECK(write_value(key, config) == key.initial);
        CHECK(names.insert(key.full_name()).second);
        CHECK_FALSE(key.help.empty());
        CHECK(find_key(key.section, key.name) == &key);
    }
}

TEST_CASE("every key has a place of its own", "[config]") {
    server_config config;
    std::set<const void*> places;
    for (const key& key : keys()) {
        INFO(key.full_name());
        const slot where = key.where(config);
        CHECK(places.insert(std::visit([](auto* at) -> const void* { return at; }, where)).second);
        const bool number = key.type == kind::integer || key.type == kind::size || key.type == kind::duration;
        CHECK(where.index() == (key.type == kind::boolean ? 0U : number ? 1U : 2U));
    }
}

TEST_CASE("numbers outside of a key's range are refused", "[config]") {
    for (const key& key : keys()) {
        if (key.type != kind::integer && key.type != kind::size) continue;
        INFO(key.full_name());
        server_config config;
        CHECK_FALSE(read_value(key, std::to_string(key.least), config));
        if (key.least > 0) CHECK(read_value(key, std::to_string(key.least - 1), config));
        CHECK(read_value(key, "-2", config));
        if (key.endless.empty()) CHECK(read_value(key, "-1", config));
        if (key.most != INT64_MAX) {
            CHECK_FALSE(read_value(key, std::to_string(key.most), config));
            CHECK(read_value(key, std::to_string(key.most + 1), config));
        }
    }
}

TEST_CASE("names under which Kafka's clients see a key exist, with the same default", "[config]") {
    const auto plain = load({});
    REQUIRE(plain);
    const auto shown = kafka_settings(*plain);
    for (const key& key : keys()) {
        if (key.kafka.empty()) {
            CHECK_FALSE(key.live);
            continue;
        }
        INFO(key.full_name());
        const auto* setting = imago::broker::find_server_config(key.kafka);
        REQUIRE(setting);
        CHECK(imago::broker::is_dynamic(*setting) == key.live);
        // Either clients are told, or they see the built-in default, which then must be ours.
        if (!shown.contains(key.kafka)) CHECK(kafka_value(key, plain->config) == setting->initial);
    }
    for (const auto& [name, value] : shown) {
        INFO(name);
        const auto* setting = imago::broker::find_server_config(name);
        REQUIRE(setting);
        CHECK_FALSE(imago::broker::config_problem(*setting, value));
    }
}

TEST_CASE("a misspelt name finds the right one, a strange name finds none", "[config]") {
    CHECK(nearest_key("data.segmnt_size") == "data.segment_size");
    CHECK(nearest_key("kafka.listn") == "kafka.listen");
    CHECK(nearest_key("net.listen") == "kafka.listen");
    CHECK(nearest_key("listen") == "kafka.listen");
    CHECK(nearest_key("data.cache-size") == "data.cache_size");
    CHECK(nearest_key("net.zookeeper_connect").empty());
    CHECK(nearest_key("").empty());
}
