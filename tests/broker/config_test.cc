#include "broker/topic_config.h"
#include "broker/topic_name.h"
#include "support/catch.h"

using namespace imago::broker;

namespace {

std::string problem(const config_map& configs) { return topic_config_problem(configs).value_or("fine"); }

}  // namespace

TEST_CASE("topic names follow Kafka's rules", "[broker]") {
    CHECK_FALSE(topic_name_problem("orders"));
    CHECK_FALSE(topic_name_problem("a.b_c-D9"));
    CHECK_FALSE(topic_name_problem(std::string(249, 'x')));
    CHECK_FALSE(topic_name_problem("..."));
    CHECK(topic_name_problem(std::string(250, 'x')));
    CHECK(topic_name_problem(""));
    CHECK(topic_name_problem("."));
    CHECK(topic_name_problem(".."));
    CHECK(topic_name_problem("a b"));
    CHECK(topic_name_problem("a/b"));
    CHECK(topic_name_problem("käse"));
    CHECK(topic_name_problem(std::string("a\0b", 3)));
    CHECK(collision_form("a.b_c") == collision_form("a_b.c"));
}

TEST_CASE("every default value is itself allowed", "[broker]") {
    for (const config_key& key : topic_config_keys()) {
        INFO(key.name);
        CHECK_FALSE(config_problem(key, key.initial));
        CHECK(find_topic_config(key.name) == &key);
    }
    CHECK(topic_config_keys().size() == 33);
}

// The texts are those of Kafka 4.3 for the same input.
TEST_CASE("a value that is not allowed is refused in Kafka's words", "[broker]") {
    CHECK(problem({{"nope", "1"}}) == "Unknown topic config name: nope");
    CHECK(problem({{"message.format.version", "2.0"}}) ==
          "Unknown topic config name: message.format.version");
    CHECK(problem({{"retention.ms", "abc"}}) ==
          "Invalid value abc for configuration retention.ms: Not a number of type LONG");
    CHECK(problem({{"retention.ms", "-5"}}) ==
          "Invalid value -5 for configuration retention.ms: Value must be at least -1");
    CHECK(problem({{"segment.bytes", "99999999999"}}) ==
          "Invalid value 99999999999 for configuration segment.bytes: Not a number of type INT");
    CHECK(problem({{"segment.bytes", "10"}}) ==
          "Invalid value 10 for configuration segment.bytes: Value must be at least 1048576");
    CHECK(problem({{"cleanup.policy", "foo"}}) ==
          "Invalid value foo for configuration cleanup.policy: String must be one of: compact, delete");
    CHECK(problem({{"compression.type", "x"}}) ==
          "Invalid value x for configuration compression.type: String must be one of: uncompressed, zstd, "
          "lz4, snappy, "
          "gzip, producer");
    CHECK(problem({{"preallocate", "maybe"}}) ==
          "Invalid value maybe for configuration preallocate: Expected value to be either true or false");
    CHECK(problem({{"compression.gzip.level", "0"}}) ==
          "Invalid value 0 for configuration compression.gzip.level: Value must be between 1 and 9 or equal "
          "to -1");
    CHECK(problem({{"min.cleanable.dirty.ratio", "2"}}) != "fine");
    CHECK(problem({{"min.cleanable.dirty.ratio", "nan"}}) != "fine");
    CHECK(problem({{"leader.replication.throttled.replicas", "q"}}) != "fine");
    CHECK(problem({{"remote.storage.enable", "true"}}) != "fine");
}

TEST_CASE("what Kafka's clients set is accepted", "[broker]") {
    CHECK(problem({{"cleanup.policy", "compact,delete"}}) == "fine");
    CHECK(problem({{"cleanup.policy", ""}}) == "fine");
    CHECK(problem({{"retention.ms", "9223372036854775807"}, {"retention.bytes", "-1"}}) == "fine");
    CHECK(problem({{"segment.bytes", "52428800"}, {"min.compaction.lag.ms", "0"}}) == "fine");
    CHECK(problem({{"max.message.bytes", " 12 "}}) == "fine");
    CHECK(problem({{"preallocate", "TRUE"}}) == "fine");
    CHECK(problem({{"follower.replication.throttled.replicas", "0:1,1:1"}}) == "fine");
    CHECK(problem({{"leader.replication.throttled.replicas", "*"}}) == "fine");
}

TEST_CASE("settings are parsed once, with the server's defaults below the topic's", "[broker]") {
    topic_defaults defaults;
    CHECK(make_topic_settings({}, defaults).retention_ms == 604'800'000);
    CHECK(make_topic_settings({}, defaults).expire);
    CHECK_FALSE(make_topic_settings({}, defaults).codec);
    defaults.set("retention.ms", "1000", config_source::server_file);
    defaults.set("max.message.bytes", "2000", config_source::server_dynamic);
    const topic_settings settings = make_topic_settings({{"retention.ms", "-1"},
                                                         {"cleanup.policy", "compact"},
                                                         {"compression.type", "zstd"},
                                                         {"message.timestamp.type", "LogAppendTime"}},
                                                        defaults);
    CHECK(settings.retention_ms == -1);
    CHECK(settings.max_message_bytes == 2000);
    CHECK(settings.compact);
    CHECK_FALSE(settings.expire);
    CHECK(settings.log_append_time);
    CHECK(settings.codec == imago::compression::zstd);
}

TEST_CASE("a description names the value in force and all below it", "[broker]") {
    topic_defaults defaults;
    defaults.set("retention.ms", "1000", config_source::server_file);
    const auto entries = describe_topic_config({{"retention.ms", "5"}}, defaults);
    REQUIRE(entries.size() == topic_config_keys().size());
    const auto entry = std::find_if(entries.begin(), entries.end(),
                                    [](const config_entry& one) { return one.key->name == "retention.ms"; });
    REQUIRE(entry != entries.end());
    CHECK(entry->value == "5");
    CHECK(entry->source == config_source::topic);
    REQUIRE(entry->synonyms.size() == 3);
    CHECK(entry->synonyms[1].name == "log.retention.ms");
    CHECK(entry->synonyms[1].value == "1000");
    CHECK(entry->synonyms[1].source == config_source::server_file);
    CHECK(entry->synonyms[2].value == "604800000");
    CHECK(entries.front().key->name == "cleanup.policy");
    CHECK(entries.front().source == config_source::built_in);
}
