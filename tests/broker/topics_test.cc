#include "broker/topics.h"

#include "support/catch.h"

using namespace imago;
using namespace imago::broker;

namespace {

topic make_topic(std::string name, std::uint32_t first_queue, std::uint32_t partitions,
                 config_map configs = {}) {
    topic made;
    made.name = std::move(name);
    made.id = uuid::random();
    made.created = 1'700'000'000'000;
    made.configs = std::move(configs);
    for (std::uint32_t i = 0; i < partitions; ++i) made.partitions.push_back({first_queue + i});
    return made;
}

void put(topics& table, const store::table_change& change) {
    table.apply(as_bytes(change.key), as_bytes(change.value), change.removed);
}

}  // namespace

TEST_CASE("a topic is found by name, by id and by its queues", "[broker]") {
    topics table;
    topic made = make_topic("orders", 16, 3);
    made.partitions.push_back({90});  // grown later
    put(table, topics::topic_record(made));

    const topic_ptr found = table.find("orders");
    REQUIRE(found);
    CHECK(found->id == made.id);
    CHECK(found->partitions == made.partitions);
    CHECK(found->created == made.created);
    CHECK(table.find(made.id) == found);
    CHECK(found->queue(3) == queue_id{90});
    CHECK_FALSE(found->queue(4));
    CHECK_FALSE(found->queue(-1));
    CHECK(table.name_of({18}) == "orders[2]");
    CHECK(table.name_of({90}) == "orders[3]");
    CHECK(table.name_of({19}) == "queue 19");
    CHECK(table.name_of({15}) == "queue 15");
    CHECK_FALSE(table.find("order"));

    put(table, topics::topic_removal(made.id));
    CHECK_FALSE(table.find("orders"));
    CHECK_FALSE(table.find(made.id));
    CHECK(table.name_of({16}) == "queue 16");
    CHECK(found->name == "orders");  // whoever holds it may go on
}

TEST_CASE("applying a record twice is the same as once", "[broker]") {
    topics table;
    const topic made = make_topic("a.b", 16, 2, {{"retention.ms", "7"}});
    put(table, topics::topic_record(made));
    put(table, topics::topic_record(made));
    CHECK(table.count() == 1);
    CHECK(table.collision_with("a_b") == "a.b");
    CHECK(table.collision_with("a.b").empty());
    put(table, topics::topic_removal(made.id));
    put(table, topics::topic_removal(made.id));
    CHECK(table.count() == 0);
    CHECK(table.collision_with("a_b").empty());
}

TEST_CASE("a dump holds the whole catalogue", "[broker]") {
    topics table;
    for (std::uint32_t i = 0; i < 50; ++i) {
        put(table, topics::topic_record(make_topic("t" + std::to_string(i), 16 + i * 10, 1 + i % 10,
                                                   {{"retention.ms", std::to_string(i)}})));
    }
    put(table, topics::debris_record({uuid::random(), {{{5000}, 7}}}));
    topics copy;
    table.dump([&](byte_view key, byte_view value) { copy.apply(key, value, false); });
    const auto before = table.all();
    const auto after = copy.all();
    REQUIRE(before.size() == after.size());
    for (std::size_t i = 0; i < before.size(); ++i) {
        CHECK(before[i]->name == after[i]->name);
        CHECK(before[i]->id == after[i]->id);
        CHECK(before[i]->partitions == after[i]->partitions);
        CHECK(before[i]->configs == after[i]->configs);
        CHECK(before[i]->settings.retention_ms == after[i]->settings.retention_ms);
    }
    REQUIRE(copy.unfinished().size() == 1);
    CHECK(copy.unfinished()[0].runs[0].count == 7);
}

TEST_CASE("retention is the topic's, or the server's where the topic is silent", "[broker]") {
    topics table;
    put(table,
        topics::topic_record(make_topic("own", 16, 1, {{"retention.ms", "7"}, {"retention.bytes", "100"}})));
    put(table, topics::topic_record(make_topic("inherits", 17, 1)));
    put(table, topics::topic_record(make_topic("compacted", 18, 1, {{"cleanup.policy", "compact"}})));
    topic_defaults defaults;
    defaults.set("retention.ms", "99", config_source::server_dynamic);
    table.set_defaults(defaults);
    CHECK(table.retention_of({16}).ms == 7);
    CHECK(table.retention_of({16}).bytes == 100);
    CHECK(table.retention_of({17}).ms == 99);
    CHECK(table.retention_of({18}).ms == -1);
    CHECK(table.retention_of({99}).ms == -1);
}

TEST_CASE("a truncated or changed record never passes for a topic it is not", "[broker]") {
    const topic made = make_topic("orders", 16, 3, {{"cleanup.policy", "compact"}, {"retention.ms", "7"}});
    const auto record = topics::topic_record(made);
    for (std::size_t size = 0; size < record.value.size(); ++size) {
        topics table;
        table.apply(as_bytes(record.key), as_bytes(record.value).first(size), false);
        CHECK(table.count() == 0);
        CHECK(table.unreadable() == 1);
    }
    // Whatever a byte becomes: no crash, no unbounded memory, and the record is kept for a version that can
    // read it.
    for (std::size_t at = 0; at < record.value.size(); ++at) {
        for (int bit = 0; bit < 8; ++bit) {
            std::string changed = record.value;
            changed[at] = static_cast<char>(changed[at] ^ (1 << bit));
            topics table;
            table.apply(as_bytes(record.key), as_bytes(changed), false);
            CHECK(table.count() + table.unreadable() == 1);
            std::size_t dumped = 0;
            table.dump([&](byte_view, byte_view) { ++dumped; });
            CHECK(dumped == 1);
        }
    }
}
