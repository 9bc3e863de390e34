// Committed offsets of groups with and without members: what expires when.
#include "broker/broker.h"
#include "broker/groups/errors.h"
#include "support/catch.h"
#include "support/fake_store.h"

#include <chrono>

using namespace imago;
using namespace imago::broker;
using test::fake_store;
using groups::group_errc;

namespace {

constexpr std::int64_t day = 86'400'000;
constexpr std::int64_t week = 7 * day;

struct bell final : groups::alarm {
    void set(unix_ms when) override { at = when; }
    unix_ms at = INT64_MAX;
};

/// The metadata of a member is the one topic it subscribes to.
struct plain_codec final : groups::subscription_codec {
    [[nodiscard]] std::optional<groups::classic_subscription> read_subscription(
        std::string_view bytes) const override {
        groups::classic_subscription read;
        read.topics = {std::string(bytes)};
        return read;
    }
    [[nodiscard]] std::optional<groups::classic_assignment> read_assignment(std::string_view) const override {
        return std::nullopt;
    }
    [[nodiscard]] std::string write_subscription(const groups::classic_subscription&) const override { return {}; }
    [[nodiscard]] std::string write_assignment(const groups::classic_assignment&) const override { return {}; }
};

struct fixture {
    fixture()
        : tables(config_map{{"group.initial.rebalance.delay.ms", "0"}}),
          store(tables.bindings()),
          broker(store, tables, {.subscriptions = &codec}) {
        broker.group_work.start(alarm, now);
    }
    ~fixture() { store.close(); }

    topic_ptr make(const std::string& name) {
        topic_ptr made;
        new_topic wanted;
        wanted.name = name;
        wanted.partitions = 1;
        broker.topic_work.create({wanted}, false, 0, [&](auto outcomes) { made = outcomes.at(0).topic; });
        return made;
    }
    /// One member, stable, subscribed to `topic`.
    std::string enter(const std::string& group, const std::string& topic, std::int32_t generation = 1) {
        groups::join_request asked;
        asked.session_timeout_ms = 1'800'000;
        asked.protocol_type = "consumer";
        asked.protocols = {{"range", topic}};
        std::string id;
        broker.group_work.join(group, asked, now, [&](groups::join_answer told) {
            CHECK_FALSE(told.error);
            id = told.member_id;
        });
        broker.group_work.sync(group, {id, {}, generation, {}, {}, {}}, now,
                               [&](groups::sync_answer told) { CHECK_FALSE(told.error); });
        return id;
    }
    void leave(const std::string& group, const std::string& id) {
        broker.group_work.leave(group, {{{id, {}}}}, now, [](groups::leave_answer) {});
    }
    std::error_code commit(const std::string& group, const groups::offset_claim& who, const topic_ptr& topic) {
        std::error_code outcome;
        broker.group_work.commit(group, who, {{topic, 0, {5}, -1, ""}}, -1, now, now,
                                 [&](auto errors) { outcome = errors.at(0); });
        return outcome;
    }
    bool has(const std::string& group, const topic_ptr& topic) {
        return tables.offsets.find(group, {topic->id, 0}, now).has_value();
    }

    plain_codec codec;
    bell alarm;
    unix_ms now = 1'700'000'000'000;
    broker_tables tables;
    fake_store store;
    service broker;
};

}  // namespace

TEST_CASE("offsets of what a group consumes do not expire, and then count from when it became empty", "[broker]") {
    fixture f;
    const topic_ptr used = f.make("used");
    const topic_ptr dropped = f.make("dropped");
    const std::string id = f.enter("g", "used");
    CHECK_FALSE(f.commit("g", {id, {}, 1, true}, used));
    CHECK_FALSE(f.commit("g", {id, {}, 1, true}, dropped));
    f.now += week + 1;
    CHECK(f.has("g", used));
    CHECK_FALSE(f.has("g", dropped));  // nobody in it consumes this
    f.now += 10 * week;
    CHECK(f.has("g", used));
    change_list removals;
    f.tables.offsets.take_out_expired(f.now, 100, removals);
    CHECK(removals.size() == 1);  // the other one is not even looked at again
    f.leave("g", id);
    CHECK(f.has("g", used));
    f.now += week - 1;
    CHECK(f.has("g", used));
    f.now += 1;
    CHECK_FALSE(f.has("g", used));
    removals.clear();
    f.tables.offsets.take_out_expired(f.now, 100, removals);
    CHECK(removals.size() == 2);
}

TEST_CASE("when a group became empty is durable", "[broker]") {
    fixture f;
    const topic_ptr used = f.make("used");
    const std::string id = f.enter("g", "used");
    CHECK_FALSE(f.commit("g", {id, {}, 1, true}, used));
    f.now += 3 * week;
    f.leave("g", id);

    broker_tables tables;
    f.store.replay(tables.bindings());
    fake_store store(tables.bindings());
    service again(store, tables, {.subscriptions = &f.codec});
    again.group_work.start(f.alarm, f.now);
    CHECK(tables.offsets.find("g", {used->id, 0}, f.now + week - 1));
    CHECK_FALSE(tables.offsets.find("g", {used->id, 0}, f.now + week));
    const auto list = again.group_work.list(f.now);
    REQUIRE(list.size() == 1);
    CHECK(list[0].protocol_type == "consumer");
    CHECK(list[0].state == groups::group_state::empty);
    store.close();
}

TEST_CASE("an empty group without offsets is forgotten, one with offsets stays", "[broker]") {
    fixture f;
    const topic_ptr t = f.make("t");
    f.leave("short", f.enter("short", "t"));
    const std::string id = f.enter("long", "t");
    CHECK_FALSE(f.commit("long", {id, {}, 1, true}, t));
    f.leave("long", id);
    f.broker.group_work.tick(f.now);
    CHECK(f.alarm.at == f.now + 600'000);  // nothing else is due, and nothing else ever looks
    CHECK(f.broker.group_work.list(f.now).size() == 2);
    f.now += 600'000;
    f.alarm.at = INT64_MAX;
    f.broker.group_work.tick(f.now);
    REQUIRE(f.broker.group_work.list(f.now).size() == 1);
    CHECK(f.broker.group_work.list(f.now)[0].name == "long");
    CHECK_FALSE(f.tables.group_records.has("short"));
    f.alarm.at = INT64_MAX;
    f.broker.group_work.tick(f.now);
    CHECK(f.alarm.at == INT64_MAX);
    // With the topic go the offsets, and then the group.
    f.broker.topic_work.remove({{"t", {}}}, [](auto) {});
    f.broker.group_work.tick(f.now);
    f.broker.group_work.tick(f.now);
    CHECK(f.broker.group_work.list(f.now).empty());
    CHECK_FALSE(f.tables.group_records.has("long"));
}

TEST_CASE("who is in no group commits to a group that has no members", "[broker]") {
    fixture f;
    const topic_ptr t = f.make("t");
    CHECK(f.commit("g", {"m", {}, 3, true}, t) == group_errc::group_id_not_found);
    CHECK(f.commit("g", {"m", {}, 3, false}, t) == group_errc::illegal_generation);
    CHECK_FALSE(f.commit("g", {"", {}, -1, true}, t));
    CHECK(f.commit("g", {"m", {}, 3, true}, t) == group_errc::unknown_member_id);
    const auto list = f.broker.group_work.list(f.now);
    REQUIRE(list.size() == 1);
    CHECK(list[0].protocol_type.empty());
    const std::string id = f.enter("g", "t");
    CHECK(f.commit("g", {"", {}, -1, true}, t) == group_errc::unknown_member_id);
    std::error_code refused;
    f.broker.group_work.remove("g", f.now, [&](std::error_code error) { refused = error; });
    CHECK(refused == group_errc::non_empty_group);
    f.leave("g", id);
    f.broker.group_work.remove("g", f.now, [&](std::error_code error) { refused = error; });
    CHECK_FALSE(refused);
    CHECK_FALSE(f.has("g", t));
    CHECK(f.broker.group_work.list(f.now).empty());
    CHECK(f.tables.offsets.count() == 0);
}

TEST_CASE("groups that cannot be written are as they were durable, and their members are told", "[broker]") {
    fixture f;
    f.make("t");
    const std::string id = f.enter("g", "t");
    f.store.fail_change(0, make_error_code(store::store_errc::no_space));
    std::error_code told;
    f.broker.group_work.leave("g", {{{id, {}}}}, f.now, [&](groups::leave_answer left) { told = left.error; });
    CHECK(told == group_errc::coordinator_not_available);
    CHECK(f.alarm.at == 0);
    f.broker.group_work.tick(f.now);
    f.broker.group_work.heartbeat("g", {id, {}, 1}, f.now, [&](auto beat) { told = beat.error; });
    CHECK_FALSE(told);  // it is a member still
}

TEST_CASE("10,000 groups with 100,000 offsets come back, and only those with members are in memory", "[broker]") {
    constexpr int group_count = 10'000;
    constexpr int per_group = 10;
    const auto make_record = [](int group) {
        return "application-" + std::to_string(group);
    };
    fixture f;
    const uuid topic = uuid::random();
    using clock = std::chrono::steady_clock;
    std::vector<store::table_change> changes;
    for (int group = 0; group < group_count; ++group) {
        for (int p = 0; p < per_group; ++p) {
            const committed_offset offset{{p}, -1, "", f.now, -1};
            changes.push_back(group_offsets::record(make_record(group), {topic, p}, offset));
        }
    }
    const std::string id = f.enter("live", "t");
    broker_tables tables;
    f.store.replay(tables.bindings());
    const auto begin = clock::now();
    for (const auto& change : changes) {
        tables.offsets.apply(as_bytes(change.key), as_bytes(change.value), change.removed);
    }
    const auto applied = clock::now();
    fake_store store(tables.bindings());
    service again(store, tables, {.subscriptions = &f.codec});
    bell alarm;
    again.group_work.start(alarm, f.now);
    const auto started = clock::now();
    CHECK(tables.offsets.count() == group_count * per_group);
    CHECK(again.group_work.list(f.now).size() == group_count + 1);
    CHECK(alarm.at == f.now + 1'800'000);  // the one member's session; no other deadline
    WARN("100,000 offsets applied in " << std::chrono::duration_cast<std::chrono::milliseconds>(applied - begin).count()
                                       << " ms, the coordinator started in "
                                       << std::chrono::duration_cast<std::chrono::milliseconds>(started - applied).count()
                                       << " ms");
    // What start() costs does not depend on the groups that have only offsets.
    CHECK((started - applied) * 4 < (applied - begin));
    store.close();
}
