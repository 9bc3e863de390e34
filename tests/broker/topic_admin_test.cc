#include "broker/topic_admin.h"

#include "broker/errors.h"
#include "support/catch.h"
#include "support/fake_store.h"

#include <algorithm>
#include <chrono>
#include <future>
#include <thread>

using namespace imago;
using namespace imago::broker;
using test::fake_store;

namespace {

struct fixture {
    explicit fixture(fake_store::mode mode = fake_store::mode::immediate)
        : store({{store::table_id::topics, &table}}, mode) {
        options.default_partitions = [] { return 2; };
        admin.emplace(store, table, options);
    }
    ~fixture() { store.close(); }

    std::vector<topic_outcome> create(std::vector<new_topic> wanted, bool validate_only = false) {
        std::vector<topic_outcome> got;
        admin->create(std::move(wanted), validate_only, 5, [&](auto outcomes) { got = std::move(outcomes); });
        return got;
    }
    topic_outcome create_one(new_topic wanted) { return create({std::move(wanted)}).at(0); }
    topic_outcome change(std::string name, std::vector<config_change> changes) {
        topic_outcome got;
        admin->change_configs({{std::move(name), std::move(changes)}}, false,
                              [&](auto outcomes) { got = outcomes.at(0); });
        return got;
    }
    topic_outcome remove(topic_reference which) {
        topic_outcome got;
        admin->remove({std::move(which)}, [&](auto outcomes) { got = outcomes.at(0); });
        return got;
    }

    topics table;
    fake_store store;
    topic_admin_options options;
    std::optional<topic_admin> admin;
};

new_topic named(std::string name, std::int32_t partitions = -1) {
    new_topic one;
    one.name = std::move(name);
    one.partitions = partitions;
    return one;
}

using errc = broker_errc;

}  // namespace

TEST_CASE("a created topic is in the catalogue and its queues exist", "[broker]") {
    fixture f;
    const auto got = f.create_one(named("orders", 3));
    REQUIRE_FALSE(got.error);
    REQUIRE(f.table.find("orders"));
    CHECK(f.table.find("orders")->id == got.topic->id);
    CHECK(f.table.find("orders")->created == 5);
    CHECK(f.store.queues() == got.topic->partitions);
    CHECK(f.create_one(named("by default")).error == errc::invalid_topic_name);
    CHECK(f.create_one(named("by-default")).topic->partitions.size() == 2);
}

TEST_CASE("what belongs together is one durable change", "[broker]") {
    fixture f;
    std::vector<new_topic> wanted;
    for (int i = 0; i < 100; ++i) wanted.push_back(named("t" + std::to_string(i), 4));
    for (const auto& outcome : f.create(std::move(wanted))) CHECK_FALSE(outcome.error);
    CHECK(f.store.frames().size() == 1);
    CHECK(f.store.queues().size() == 400);
}

TEST_CASE("a creation that cannot be is refused and leaves nothing", "[broker]") {
    fixture f;
    REQUIRE_FALSE(f.create_one(named("there")).error);
    const auto frames = f.store.frames().size();
    CHECK(f.create_one(named("there")).error == errc::topic_already_exists);
    CHECK(f.create_one(named("there")).message == "Topic 'there' already exists.");
    CHECK(f.create_one(named("a", 0)).error == errc::invalid_partitions);
    CHECK(f.create_one(named("a", -2)).error == errc::invalid_partitions);
    CHECK(f.create_one(named("a", 2'000'000'000)).error == errc::policy_violation);
    new_topic one = named("a");
    one.replication_factor = 0;
    CHECK(f.create_one(one).error == errc::invalid_replication_factor);
    one = named("a");
    one.configs = {{"no.such", "1"}};
    CHECK(f.create_one(one).error == errc::invalid_config);
    one.configs = {{"retention.ms", std::nullopt}};
    CHECK(f.create_one(one).error == errc::invalid_config);
    one.configs = {{"follower.replication.throttled.replicas", std::string(40'000, '1')}};
    CHECK(f.create_one(one).error == errc::invalid_config);
    const auto twice = f.create({named("b"), named("b"), named("c")});
    CHECK(twice[0].error == errc::invalid_request);
    CHECK(twice[1].error == errc::invalid_request);
    CHECK_FALSE(twice[2].error);
    CHECK(f.create({}).empty());
    CHECK(f.store.frames().size() == frames + 1);
    CHECK(f.table.count() == 2);
}

TEST_CASE("any replication factor is taken, a manual assignment must name this server", "[broker]") {
    fixture f;
    new_topic one = named("three");
    one.replication_factor = 3;
    CHECK_FALSE(f.create_one(one).error);
    one = named("manual");
    one.assignment = {{1, {1}}, {0, {1}}};
    CHECK(f.create_one(one).topic->partitions.size() == 2);
    one.name = "other";
    one.assignment = {{0, {2}}};
    CHECK(f.create_one(one).error == errc::invalid_assignment);
    one.assignment = {{0, {1}}, {2, {1}}};
    CHECK(f.create_one(one).error == errc::invalid_assignment);
    one.assignment = {{0, {1}}, {0, {1}}};
    CHECK(f.create_one(one).error == errc::invalid_assignment);
    one.assignment = {{0, {}}};
    CHECK(f.create_one(one).error == errc::invalid_assignment);
    one.assignment = {{0, {1, 1}}};
    CHECK(f.create_one(one).error == errc::invalid_assignment);
    one.assignment = {{0, {1}}};
    one.replication_factor = 1;
    CHECK(f.create_one(one).error == errc::invalid_request);
    one.replication_factor = -1;
    one.partitions = 1;
    CHECK(f.create_one(one).error == errc::invalid_request);
}

TEST_CASE("validating only changes nothing", "[broker]") {
    fixture f;
    const auto got = f.create({named("orders", 3), named("bad name", 3)}, true);
    CHECK_FALSE(got[0].error);
    CHECK(got[0].topic->partitions.size() == 3);
    CHECK(got[1].error == errc::invalid_topic_name);
    CHECK(f.store.frames().empty());
    CHECK(f.table.count() == 0);
}

TEST_CASE("names that metric systems confuse are created with a note", "[broker]") {
    fixture f;
    REQUIRE_FALSE(f.create_one(named("a.b")).error);
    const auto got = f.create_one(named("a_b"));
    CHECK_FALSE(got.error);
    CHECK(got.note.find("a.b") != std::string::npos);
}

TEST_CASE("an outcome comes only when the change is durable", "[broker]") {
    fixture f(fake_store::mode::stepped);
    int done = 0;
    f.admin->create({named("orders")}, false, 0, [&](auto) { ++done; });
    CHECK(done == 0);
    CHECK_FALSE(f.table.find("orders"));
    REQUIRE(f.store.step());
    CHECK(done == 1);
    CHECK(f.table.find("orders"));
}

TEST_CASE("of two creations of one name the second waits and learns that it exists", "[broker]") {
    fixture f(fake_store::mode::stepped);
    std::vector<topic_outcome> got;
    const auto keep = [&](auto outcomes) { got.push_back(outcomes.at(0)); };
    f.admin->create({named("orders")}, false, 0, keep);
    f.admin->create({named("orders")}, false, 0, keep);
    CHECK(got.empty());
    REQUIRE(f.store.step());
    REQUIRE(got.size() == 2);
    CHECK_FALSE(got[0].error);
    CHECK(got[1].error == errc::topic_already_exists);
    CHECK_FALSE(f.store.step());
}

TEST_CASE("when the first creation of a name fails the waiting one gets its turn", "[broker]") {
    fixture f(fake_store::mode::stepped);
    f.store.fail_change(0, make_error_code(store::store_errc::no_space));
    std::vector<topic_outcome> got;
    const auto keep = [&](auto outcomes) { got.push_back(outcomes.at(0)); };
    f.admin->create({named("orders")}, false, 0, keep);
    f.admin->create({named("orders")}, false, 0, keep);
    while (f.store.step()) {
    }
    REQUIRE(got.size() == 2);
    CHECK(got[0].error == store::store_errc::no_space);
    CHECK_FALSE(got[1].error);
    CHECK(f.store.queues() == f.table.find("orders")->partitions);
}

TEST_CASE("of creations that race from many threads exactly one wins", "[broker]") {
    fixture f(fake_store::mode::threaded);
    constexpr int threads = 8;
    constexpr int names = 50;
    std::atomic<int> won{0};
    std::atomic<int> lost{0};
    std::atomic<int> other{0};
    std::vector<std::thread> racers;
    for (int t = 0; t < threads; ++t) {
        racers.emplace_back([&] {
            for (int n = 0; n < names; ++n) {
                const auto promise = std::make_shared<std::promise<topic_outcome>>();
                f.admin->create({named("t" + std::to_string(n))}, false, 0,
                                [promise](auto outcomes) { promise->set_value(outcomes.at(0)); });
                const topic_outcome got = promise->get_future().get();
                if (!got.error) {
                    ++won;
                } else if (got.error == errc::topic_already_exists && f.table.find("t" + std::to_string(n))) {
                    ++lost;
                } else {
                    ++other;
                }
            }
        });
    }
    for (auto& racer : racers) racer.join();
    CHECK(won == names);
    CHECK(lost == names * (threads - 1));
    CHECK(other == 0);
    CHECK(f.store.queues().size() == names * 2);
}

TEST_CASE("creating, changing and removing side by side leaves no queue without a topic", "[broker]") {
    fixture f(fake_store::mode::threaded);
    std::vector<std::thread> workers;
    for (int t = 0; t < 4; ++t) {
        workers.emplace_back([&, t] {
            for (int n = 0; n < 60; ++n) {
                const std::string name = "t" + std::to_string(n % 5);
                const auto promise = std::make_shared<std::promise<void>>();
                const auto done = [promise](auto) { promise->set_value(); };
                switch ((n + t) % 4) {
                    case 0:
                        f.admin->create({named(name, 3)}, false, 0, done);
                        break;
                    case 1:
                        f.admin->remove({{name, {}}}, done);
                        break;
                    case 2:
                        f.admin->add_partitions({{name, 4 + n % 3, {}}}, false, done);
                        break;
                    default:
                        f.admin->change_configs(
                            {{name, {{"retention.ms", config_change::kind::set, std::to_string(n)}}}}, false,
                            done);
                }
                promise->get_future().get();
            }
        });
    }
    for (auto& worker : workers) worker.join();
    std::vector<queue_id> owned;
    for (const topic_ptr& topic : f.table.all()) {
        owned.insert(owned.end(), topic->partitions.begin(), topic->partitions.end());
    }
    std::sort(owned.begin(), owned.end());
    CHECK(f.store.queues() == owned);
}

TEST_CASE("a topic is removed with its queues, by name or by id", "[broker]") {
    fixture f;
    const auto a = f.create_one(named("a")).topic;
    const auto b = f.create_one(named("b")).topic;
    CHECK_FALSE(f.remove({"a", {}}).error);
    CHECK(f.store.queues() == b->partitions);
    CHECK(f.remove({"a", {}}).error == errc::unknown_topic);
    CHECK(f.remove({"", a->id}).error == errc::unknown_topic_id);
    const auto got = f.remove({"", b->id});
    CHECK_FALSE(got.error);
    CHECK(got.name == "b");
    CHECK(f.store.queues().empty());
    CHECK_FALSE(f.create_one(named("a")).topic->id == a->id);
}

TEST_CASE("partitions are added behind the present ones", "[broker]") {
    fixture f;
    const auto before = f.create_one(named("a", 2)).topic;
    REQUIRE_FALSE(f.create_one(named("between", 1)).error);
    const auto add = [&](more_partitions wanted) {
        topic_outcome got;
        f.admin->add_partitions({std::move(wanted)}, false, [&](auto outcomes) { got = outcomes.at(0); });
        return got;
    };
    CHECK_FALSE(add({"a", 5, {}}).error);
    const auto after = f.table.find("a");
    REQUIRE(after->partitions.size() == 5);
    CHECK(std::equal(before->partitions.begin(), before->partitions.end(), after->partitions.begin()));
    CHECK(after->id == before->id);
    CHECK(f.table.name_of(after->partitions[4]) == "a[4]");
    CHECK(f.store.queues().size() == 6);
    CHECK(add({"a", 5, {}}).error == errc::invalid_partitions);
    CHECK(add({"a", 4, {}}).error == errc::invalid_partitions);
    CHECK(add({"a", INT32_MIN, {}}).error == errc::invalid_partitions);
    CHECK(add({"a", INT32_MAX, {}}).error == errc::policy_violation);
    CHECK(add({"none", 4, {}}).error == errc::unknown_topic);
    CHECK(add({"a", 6, {{{1}, {1}}}}).error == errc::invalid_assignment);
    CHECK(add({"a", 6, {{{7}}}}).error == errc::invalid_assignment);
    CHECK_FALSE(add({"a", 6, {{{1}}}}).error);
}

TEST_CASE("settings change step by step or as a whole", "[broker]") {
    using kind = config_change::kind;
    fixture f;
    REQUIRE_FALSE(f.create_one(named("a")).error);
    CHECK_FALSE(
        f.change("a", {{"retention.ms", kind::set, "7"}, {"cleanup.policy", kind::append, "compact"}}).error);
    CHECK(f.table.find("a")->configs ==
          config_map{{"retention.ms", "7"}, {"cleanup.policy", "delete,compact"}});
    CHECK(f.table.find("a")->settings.compact);
    CHECK(f.table.find("a")->settings.retention_ms == 7);
    CHECK(f.store.retention_looks() == 1);
    CHECK_FALSE(
        f.change("a", {{"cleanup.policy", kind::subtract, "delete"}, {"retention.ms", kind::remove, {}}})
            .error);
    CHECK(f.table.find("a")->configs == config_map{{"cleanup.policy", "compact"}});

    CHECK(f.change("a", {{"retention.ms", kind::append, "7"}}).error == errc::invalid_config);
    CHECK(f.change("a", {{"retention.ms", kind::set, "x"}}).error == errc::invalid_config);
    CHECK(f.change("a", {{"nope", kind::set, "x"}}).error == errc::invalid_config);
    CHECK(f.change("a", {{"retention.ms", kind::set, {}}}).error == errc::invalid_request);
    CHECK(f.change("a", {{"retention.ms", kind::set, "1"}, {"retention.ms", kind::remove, {}}}).error ==
          errc::invalid_request);
    CHECK(f.change("none", {}).error == errc::unknown_topic);

    topic_outcome got;
    f.admin->replace_configs({{"a", {{"segment.bytes", "52428800"}}}}, true, [&](auto o) { got = o.at(0); });
    CHECK_FALSE(got.error);
    CHECK(f.table.find("a")->configs == config_map{{"cleanup.policy", "compact"}});
    f.admin->replace_configs({{"a", {{"segment.bytes", "52428800"}}}}, false, [&](auto o) { got = o.at(0); });
    CHECK(f.table.find("a")->configs == config_map{{"segment.bytes", "52428800"}});
    const auto frames = f.store.frames().size();
    CHECK_FALSE(f.change("a", {}).error);  // nothing changes: nothing is written
    CHECK(f.store.frames().size() == frames);
}

TEST_CASE("a crash anywhere in a large creation or removal leaves nothing behind", "[broker]") {
    fixture f;
    REQUIRE_FALSE(f.create_one(named("small", 2)).error);
    REQUIRE_FALSE(f.create_one(named("large", 10'000)).error);
    const auto created = f.store.frames().size();
    REQUIRE(created >= 4);
    CHECK(f.store.queues().size() == 10'002);
    REQUIRE_FALSE(f.remove({"large", {}}).error);
    const auto frames = f.store.frames().size();
    CHECK(f.store.queues().size() == 2);

    for (std::size_t crash = 1; crash <= frames; ++crash) {
        topics table;
        const std::vector<store::table_binding> bindings{{store::table_id::topics, &table}};
        f.store.replay(bindings, crash);
        const bool there = table.find("large") != nullptr;
        CHECK(there == (crash == created));
        // What a new start does, on the queues that the crash left.
        fake_store after(bindings);
        std::vector<store::table_change> left;
        (void)after.new_queue_ids(20'000);  // so that it knows the ids
        store::change_request queues;
        for (queue_id id : f.store.queues_after(crash))
            queues.changes.push_back(store::store::queue_created(id));
        queues.done = [](store::change_request&) {};
        after.change(queues);
        topic_admin admin(after, table, {});
        std::error_code error = std::make_error_code(std::errc::interrupted);
        admin.resume([&](std::error_code e) { error = e; });
        CHECK_FALSE(error);
        CHECK(table.unfinished().empty());
        CHECK(after.queues().size() == (there ? 10'002 : 2));
    }
}

TEST_CASE("a large creation that fails half way is undone", "[broker]") {
    for (std::size_t nth = 0; nth < 5; ++nth) {
        fixture f;
        f.store.fail_change(nth, make_error_code(store::store_errc::no_space));
        const auto got = f.create_one(named("large", 10'000));
        CHECK(got.error == store::store_errc::no_space);
        CHECK(f.table.count() == 0);
        CHECK(f.store.queues().empty());
        CHECK(f.table.unfinished().empty());
        CHECK_FALSE(f.create_one(named("large", 3)).error);
    }
}

TEST_CASE("resuming never takes a queue that a topic has", "[broker]") {
    fixture f;
    const auto a = f.create_one(named("a", 4)).topic;
    const auto debris = topics::debris_record({uuid::random(), {{a->partitions[0], 4}}});
    f.table.apply(as_bytes(debris.key), as_bytes(debris.value), false);
    std::error_code error;
    f.admin->resume([&](std::error_code e) { error = e; });
    CHECK_FALSE(error);
    CHECK(f.store.queues() == a->partitions);
    CHECK(f.table.unfinished().empty());
}

TEST_CASE("ten thousand topics and a topic of ten thousand partitions take linear time", "[broker]") {
    using clock = std::chrono::steady_clock;
    fixture f;
    const auto timed = [&](int topics, int partitions, const std::string& prefix) {
        std::vector<new_topic> wanted;
        for (int i = 0; i < topics; ++i) wanted.push_back(named(prefix + std::to_string(i), partitions));
        const auto begin = clock::now();
        for (const auto& outcome : f.create(std::move(wanted))) REQUIRE_FALSE(outcome.error);
        return std::chrono::duration<double, std::milli>(clock::now() - begin).count();
    };
    timed(100, 1, "warm");
    const double few = timed(1'000, 1, "few");
    const double many = timed(10'000, 1, "many");
    const double wide = timed(1, 10'000, "wide");
    INFO("1,000 topics " << few << " ms, 10,000 topics " << many << " ms, 10,000 partitions " << wide
                         << " ms");
    // Ten times the work; a quadratic step would make it a hundred. Generous: the machine is shared.
    CHECK(many < 40 * few);
    CHECK(f.table.count() == 11'101);
    CHECK(f.table.name_of(f.table.find("wide0")->partitions[9'999]) == "wide0[9999]");
    CHECK(f.remove({"wide0", {}}).topic->partitions.size() == 10'000);
}
