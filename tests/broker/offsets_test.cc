#include "broker/broker.h"
#include "broker/errors.h"
#include "support/catch.h"
#include "support/fake_store.h"

#include <future>
#include <thread>

using namespace imago;
using namespace imago::broker;
using test::fake_store;

namespace {

constexpr std::int64_t week = 604'800'000;

struct fixture {
    explicit fixture(fake_store::mode mode = fake_store::mode::immediate)
        : store(tables.bindings(), mode), broker(store, tables, {}) {}
    ~fixture() { store.close(); }

    topic_ptr make(const std::string& name) {
        topic_ptr made;
        new_topic wanted;
        wanted.name = name;
        wanted.partitions = 3;
        broker.topic_work.create({wanted}, false, 0, [&](auto outcomes) { made = outcomes.at(0).topic; });
        return made;
    }
    std::vector<std::error_code> commit(std::string group, std::vector<offset_commit> commits, unix_ms now,
                                        std::int64_t retention = -1) {
        std::vector<std::error_code> got;
        broker.commits.commit(std::move(group), std::move(commits), retention, now,
                              [&](auto errors) { got = errors; });
        return got;
    }

    broker_tables tables;
    fake_store store;
    service broker;
};

}  // namespace

TEST_CASE("a committed offset is found again, with its text and epoch", "[broker]") {
    fixture f;
    const topic_ptr a = f.make("a");
    const auto errors = f.commit("g", {{a, 0, {10}, 3, "note"}, {a, 2, {20}, -1, ""}}, 100);
    CHECK(errors == std::vector<std::error_code>(2));
    const auto found = f.tables.offsets.find("g", {a->id, 0}, 200);
    REQUIRE(found);
    CHECK(found->offset.value == 10);
    CHECK(found->leader_epoch == 3);
    CHECK(found->metadata == "note");
    CHECK(found->committed == 100);
    CHECK_FALSE(f.tables.offsets.find("g", {a->id, 1}, 200));
    CHECK_FALSE(f.tables.offsets.find("h", {a->id, 0}, 200));
    CHECK(f.tables.offsets.all_of("g", 200).size() == 2);
    f.commit("g", {{a, 0, {5}, -1, ""}}, 300);  // consumers may go back
    CHECK(f.tables.offsets.find("g", {a->id, 0}, 300)->offset.value == 5);
    CHECK(f.tables.offsets.count() == 2);
}

TEST_CASE("a commit that cannot be is refused for its own element only", "[broker]") {
    fixture f;
    const topic_ptr a = f.make("a");
    const auto errors = f.commit("g",
                                 {{nullptr, 0, {1}, -1, ""},
                                  {a, 3, {1}, -1, ""},
                                  {a, -1, {1}, -1, ""},
                                  {a, 0, {1}, -1, std::string(5000, 'x')},
                                  {a, 0, {-1}, -1, ""},
                                  {a, 1, {1}, -1, std::string(4096, 'x')}},
                                 0);
    CHECK(errors[0] == broker_errc::unknown_topic);
    CHECK(errors[1] == broker_errc::unknown_partition);
    CHECK(errors[2] == broker_errc::unknown_partition);
    CHECK(errors[3] == broker_errc::metadata_too_large);
    CHECK(errors[4] == broker_errc::invalid_offset);
    CHECK_FALSE(errors[5]);
    CHECK(f.tables.offsets.count() == 1);
    CHECK(f.commit("g", {}, 0).empty());
}

TEST_CASE("a commit is answered only when it is durable", "[broker]") {
    fixture f(fake_store::mode::stepped);
    topic_ptr a;
    f.broker.topic_work.create({{"a", 1, -1, {}, {}}}, false, 0, [&](auto o) { a = o.at(0).topic; });
    f.store.step();
    bool answered = false;
    f.broker.commits.commit("g", {{a, 0, {1}, -1, ""}}, -1, 0, [&](auto errors) {
        answered = true;
        CHECK_FALSE(errors.at(0));
    });
    CHECK_FALSE(answered);
    CHECK_FALSE(f.tables.offsets.find("g", {a->id, 0}, 0));
    f.store.step();
    CHECK(answered);
    CHECK(f.tables.offsets.find("g", {a->id, 0}, 0));
}

TEST_CASE("a commit that the disk refuses is refused to its caller", "[broker]") {
    fixture f;
    const topic_ptr a = f.make("a");
    f.store.fail_change(0, make_error_code(store::store_errc::no_space));
    CHECK(f.commit("g", {{a, 0, {1}, -1, ""}}, 0).at(0) == store::store_errc::no_space);
    CHECK(f.tables.offsets.count() == 0);
}

TEST_CASE("a commit of many offsets is split into frames and all are kept", "[broker]") {
    fixture f;
    topic_ptr wide;
    f.broker.topic_work.create({{"wide", 9'000, -1, {}, {}}}, false, 0,
                               [&](auto o) { wide = o.at(0).topic; });
    const auto before = f.store.frames().size();
    std::vector<offset_commit> commits;
    for (std::int32_t p = 0; p < 9'000; ++p) commits.push_back({wide, p, {p}, -1, ""});
    CHECK(f.commit("g", commits, 0) == std::vector<std::error_code>(9'000));
    CHECK(f.store.frames().size() >= before + 3);
    CHECK(f.tables.offsets.count() == 9'000);
    std::error_code error;
    f.broker.commits.remove_group("g", [&](std::error_code e) { error = e; });
    CHECK_FALSE(error);
    CHECK(f.tables.offsets.count() == 0);
    CHECK_FALSE(f.tables.offsets.has("g"));
}

TEST_CASE("removing a topic removes its offsets, and a new one of its name starts without", "[broker]") {
    fixture f;
    const topic_ptr a = f.make("a");
    const topic_ptr b = f.make("b");
    f.commit("g", {{a, 0, {1}, -1, ""}, {a, 1, {1}, -1, ""}, {b, 0, {1}, -1, ""}}, 0);
    f.commit("h", {{a, 0, {1}, -1, ""}}, 0);
    f.broker.topic_work.remove({{"a", {}}}, [](auto outcomes) { CHECK_FALSE(outcomes.at(0).error); });
    CHECK(f.tables.offsets.count() == 1);
    CHECK(f.tables.offsets.groups() == std::vector<std::string>{"g"});
    const topic_ptr again = f.make("a");
    CHECK_FALSE(f.tables.offsets.find("g", {again->id, 0}, 0));
}

TEST_CASE("an offset that nobody commits any more is forgotten after its time", "[broker]") {
    fixture f;
    const topic_ptr a = f.make("a");
    f.commit("old", {{a, 0, {1}, -1, ""}, {a, 1, {1}, -1, ""}}, 1'000);
    f.commit("old", {{a, 1, {2}, -1, ""}}, 5'000);
    f.commit("short", {{a, 0, {1}, -1, ""}}, 1'000, 10);
    f.commit("long", {{a, 0, {1}, -1, ""}}, 1'000, 10 * week);
    CHECK(f.tables.offsets.find("old", {a->id, 0}, 999 + week));
    CHECK_FALSE(f.tables.offsets.find("old", {a->id, 0}, 1'000 + week));
    CHECK(f.tables.offsets.find("old", {a->id, 1}, 1'000 + week));
    CHECK(f.tables.offsets.find("short", {a->id, 0}, 1'009));
    CHECK_FALSE(f.tables.offsets.find("short", {a->id, 0}, 1'010));
    CHECK(f.tables.offsets.find("long", {a->id, 0}, 1'000 + 9 * week));
    CHECK(f.tables.offsets.all_of("old", 1'000 + week).size() == 1);
    CHECK(f.tables.offsets.count() == 4);

    f.commit("other", {{a, 0, {1}, -1, ""}}, 1'000 + week);  // takes the two that are over with it
    CHECK(f.tables.offsets.count() == 3);
    CHECK_FALSE(f.tables.offsets.has("short"));
    CHECK(f.tables.offsets.has("old"));
}

TEST_CASE("taking out an expired offset spares a newer commit that was on its way", "[broker]") {
    group_offsets table(100);
    const group_offsets::position where{uuid::random(), 0};
    const auto put = [&](const store::table_change& change) {
        table.apply(as_bytes(change.key), as_bytes(change.value), change.removed);
    };
    put(group_offsets::record("g", where, {{1}, -1, "", 0, -1}));
    change_list expired;
    table.take_out_expired(1'000, 10, expired);
    REQUIRE(expired.size() == 1);
    put(group_offsets::record("g", where, {{2}, -1, "", 990, -1}));
    put(expired[0]);
    REQUIRE(table.find("g", where, 1'000));
    CHECK(table.find("g", where, 1'000)->offset.value == 2);
    change_list none;
    table.take_out_expired(1'000, 10, none);
    CHECK(none.empty());
}

TEST_CASE("what is replayed or dumped is what was there", "[broker]") {
    fixture f;
    const topic_ptr a = f.make("a");
    const topic_ptr b = f.make("b");
    for (int i = 0; i < 200; ++i) {
        f.commit("g" + std::to_string(i % 7), {{i % 2 ? a : b, i % 3, {i}, i, std::to_string(i)}}, i,
                 i % 5 ? -1 : 50);
    }
    const auto list = [](const group_offsets& table) {
        std::vector<std::string> records;
        table.dump([&](byte_view key, byte_view value) {
            records.push_back(std::string(as_text(key)) + std::string(as_text(value)));
        });
        return records;
    };
    REQUIRE(list(f.tables.offsets).size() == f.tables.offsets.count());
    group_offsets replayed;
    f.store.replay({{store::table_id::group_offsets, &replayed}});
    CHECK(list(replayed) == list(f.tables.offsets));
    f.store.replay({{store::table_id::group_offsets, &replayed}});  // from a state that already has them
    CHECK(list(replayed) == list(f.tables.offsets));
    group_offsets copy;
    f.tables.offsets.dump([&](byte_view key, byte_view value) { copy.apply(key, value, false); });
    CHECK(list(copy) == list(f.tables.offsets));
}

TEST_CASE("a truncated offset record is an error and is kept", "[broker]") {
    const group_offsets::position where{uuid::random(), 7};
    const auto record = group_offsets::record("group", where, {{5}, 1, "text", 2, -1});
    for (std::size_t size = 0; size < record.value.size(); ++size) {
        group_offsets table;
        table.apply(as_bytes(record.key), as_bytes(record.value).first(size), false);
        CHECK(table.count() == 0);
        CHECK(table.unreadable() == 1);
    }
    for (std::size_t size = 0; size < record.key.size(); ++size) {
        group_offsets table;
        table.apply(as_bytes(record.key).first(size), as_bytes(record.value), false);
        CHECK(table.count() == 0);
        CHECK(table.unreadable() == 1);
        table.apply(as_bytes(record.key).first(size), {}, true);
        CHECK(table.unreadable() == 0);
    }
}

TEST_CASE("commits and lookups from many threads agree", "[broker]") {
    fixture f(fake_store::mode::threaded);
    std::vector<topic_ptr> made;
    {
        const auto ready = std::make_shared<std::promise<void>>();
        f.broker.topic_work.create({{"a", 4, -1, {}, {}}}, false, 0, [&, ready](auto outcomes) {
            made.push_back(outcomes.at(0).topic);
            ready->set_value();
        });
        ready->get_future().get();
    }
    std::atomic<int> wrong{0};
    std::vector<std::thread> workers;
    for (int t = 0; t < 4; ++t) {
        workers.emplace_back([&, t] {
            const std::string group = "g" + std::to_string(t % 2);
            for (int i = 0; i < 200; ++i) {
                const auto done = std::make_shared<std::promise<void>>();
                f.broker.commits.commit(group, {{made[0], t, {i}, -1, ""}}, -1, i,
                                        [done](auto) { done->set_value(); });
                done->get_future().get();
                const auto found = f.tables.offsets.find(group, {made[0]->id, t}, i);
                if (!found || found->offset.value != i) ++wrong;  // no CHECK here: Catch2 is for one thread
            }
        });
    }
    for (auto& worker : workers) worker.join();
    CHECK(wrong == 0);
    CHECK(f.tables.offsets.count() == 4);
}
