#include "broker/broker.h"
#include "broker/errors.h"
#include "support/catch.h"
#include "support/fake_store.h"

using namespace imago;
using namespace imago::broker;
using test::fake_store;

namespace {

struct fixture {
    explicit fixture(config_map configured = {})
        : tables(std::move(configured)), store(tables.bindings()), broker(store, tables, {}) {}
    ~fixture() { store.close(); }
    server_outcome change(std::vector<config_change> steps, bool validate_only = false) {
        server_outcome got;
        broker.server_work.change_configs(std::move(steps), validate_only,
                                          [&](auto outcome) { got = outcome; });
        return got;
    }
    broker_tables tables;
    fake_store store;
    service broker;
};

using kind = config_change::kind;
using errc = broker_errc;

}  // namespace

TEST_CASE("every server setting has a default that is allowed, and each topic setting's default exists",
          "[broker]") {
    for (const config_key& key : server_config_keys()) {
        INFO(key.name);
        CHECK_FALSE(config_problem(key, key.initial));
    }
    for (const config_key& key : topic_config_keys()) {
        if (key.server_name.empty()) continue;
        INFO(key.name);
        const config_key* server = find_server_config(key.server_name);
        REQUIRE(server);
        CHECK(server->initial == key.initial);
        CHECK(server->type == key.type);
    }
}

TEST_CASE("a setting of the server reaches the topics that do not set it themselves", "[broker]") {
    fixture f(config_map{{"log.retention.ms", "1000"}});
    topic_ptr made;
    f.broker.topic_work.create({{"a", 1, -1, {}, {}}}, false, 0, [&](auto o) { made = o.at(0).topic; });
    CHECK(f.tables.topics.retention_of(made->partitions[0]).ms == 1'000);
    CHECK_FALSE(f.change({{"log.retention.ms", kind::set, "77"}, {"num.partitions", kind::set, "4"}}).error);
    CHECK(f.tables.topics.retention_of(made->partitions[0]).ms == 77);
    CHECK(f.store.retention_looks() == 1);
    CHECK(f.tables.settings.default_partitions() == 4);
    f.broker.topic_work.create({{"b", -1, -1, {}, {}}}, false, 0, [&](auto o) { made = o.at(0).topic; });
    CHECK(made->partitions.size() == 4);
    CHECK_FALSE(f.change({{"log.retention.ms", kind::remove, {}}}).error);
    CHECK(f.tables.topics.retention_of(made->partitions[0]).ms == 1'000);
}

TEST_CASE("what the server cannot change while it runs is refused clearly", "[broker]") {
    fixture f;
    CHECK(f.change({{"log.dirs", kind::set, "/tmp"}}).error == errc::invalid_request);
    CHECK(f.change({{"log.dirs", kind::set, "/tmp"}}).message.find("log.dirs") != std::string::npos);
    CHECK(f.change({{"log.dirs", kind::remove, {}}}).error == errc::invalid_request);
    CHECK(f.change({{"nope", kind::set, "1"}}).error == errc::invalid_config);
    CHECK(f.change({{"num.partitions", kind::set, "0"}}).error == errc::invalid_config);
    CHECK(f.change({{"num.partitions", kind::append, "0"}}).error == errc::invalid_config);
    CHECK_FALSE(f.change({{"num.partitions", kind::set, "3"}}, true).error);
    CHECK(f.tables.settings.default_partitions() == 1);
    CHECK(f.store.frames().empty());
    f.store.fail_change(0, make_error_code(store::store_errc::no_space));
    CHECK(f.change({{"num.partitions", kind::set, "3"}}).error == store::store_errc::no_space);
    CHECK(f.tables.settings.default_partitions() == 1);
}

TEST_CASE("replacing the run-time settings drops those that are not named", "[broker]") {
    fixture f;
    REQUIRE_FALSE(f.change({{"num.partitions", kind::set, "4"}, {"log.retention.ms", kind::set, "7"}}).error);
    server_outcome got;
    f.broker.server_work.replace_configs({{"log.retention.ms", "8"}}, false,
                                         [&](auto outcome) { got = outcome; });
    CHECK_FALSE(got.error);
    CHECK(f.tables.settings.dynamic() == config_map{{"log.retention.ms", "8"}});
}

TEST_CASE("run-time settings and the cluster's id survive a start", "[broker]") {
    fixture f;
    std::error_code error = std::make_error_code(std::errc::interrupted);
    f.broker.start([&](std::error_code e) { error = e; });
    REQUIRE_FALSE(error);
    const std::string id = f.tables.settings.cluster_id();
    CHECK_FALSE(uuid::from_base64(id).is_nil());
    REQUIRE_FALSE(f.change({{"auto.create.topics.enable", kind::set, "false"}}).error);

    broker_tables after;
    f.store.replay(after.bindings());
    CHECK(after.settings.cluster_id() == id);
    CHECK_FALSE(after.settings.auto_create_topics());
    CHECK(after.problem().empty());
    fake_store again(after.bindings());
    service broker(again, after, {});
    broker.start([&](std::error_code e) { error = e; });
    CHECK_FALSE(error);
    CHECK(after.settings.cluster_id() == id);
    CHECK(again.frames().empty());

    broker_tables copy;
    after.settings.dump([&](byte_view key, byte_view value) { copy.settings.apply(key, value, false); });
    CHECK(copy.settings.cluster_id() == id);
    CHECK_FALSE(copy.settings.auto_create_topics());
}

TEST_CASE("a record of another version is kept and named as a problem", "[broker]") {
    broker_tables tables;
    const auto strange = as_bytes("\x09strange");
    for (const auto& [id, table] : tables.bindings()) table->apply(as_bytes("key"), strange, false);
    CHECK(tables.problem().find("topic catalogue") != std::string::npos);
    CHECK(tables.problem().find("server settings") != std::string::npos);
    CHECK(tables.problem().find("committed offsets") != std::string::npos);
    CHECK(tables.problem().find("producer ids") != std::string::npos);
    for (const auto& [id, table] : tables.bindings()) {
        std::vector<std::string> values;
        table->dump([&](byte_view, byte_view value) { values.emplace_back(as_text(value)); });
        CHECK(values == std::vector<std::string>{"\x09strange"});
    }
}
