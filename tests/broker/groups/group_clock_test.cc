// Time of groups in the coordinator: what deadlines do while the disk stands still, and after a restart.
#include "broker/broker.h"
#include "broker/groups/consumer_group.h"
#include "broker/groups/errors.h"
#include "support/catch.h"
#include "support/fake_store.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

using namespace imago;
using namespace imago::broker::groups;
using imago::test::fake_store;

namespace {

constexpr unix_ms session_ms = 45'000;
constexpr unix_ms empty_ms = 600'000;

struct bench final : private alarm {
    bench() { boot({}); }
    ~bench() override {
        store->close();
        service.reset();
    }

    using answer_place = std::shared_ptr<std::optional<consumer_heartbeat_answer>>;
    answer_place beat(const std::string& id, std::int32_t epoch) {
        consumer_heartbeat_request asked;
        asked.member_id = id;
        asked.member_epoch = epoch;
        if (epoch == 0) {
            asked.rebalance_timeout_ms = 60'000;
            asked.topics = {"t"};
            asked.owned.emplace();
        }
        auto place = std::make_shared<std::optional<consumer_heartbeat_answer>>();
        service->group_work.consumer_heartbeat(
            "g", std::move(asked), now, [place](consumer_heartbeat_answer answer) { *place = std::move(answer); });
        return place;
    }
    /// The disk does what it was given.
    void write() {
        while (store->step()) {
        }
    }
    bool write_one() { return store->step(); }
    std::int32_t join(const std::string& id) {
        const auto told = beat(id, 0);
        write();
        REQUIRE(*told);
        REQUIRE_FALSE((*told)->error);
        return (*told)->member_epoch;
    }
    std::error_code error_of(const std::string& id, std::int32_t epoch) {
        const auto told = beat(id, epoch);
        write();
        REQUIRE(*told);
        return (*told)->error;
    }
    /// The disk does nothing meanwhile.
    void pass(unix_ms time) {
        const unix_ms until = now + time;
        while (rings_at <= until) {
            now = std::max(now, rings_at);
            rings_at = INT64_MAX;
            service->group_work.tick(now);
        }
        now = until;
    }
    void restart() {
        store->close();
        service.reset();
        const auto frames = store->frames();
        boot(frames);
    }
    [[nodiscard]] bool known() const { return tables->group_records.has("g"); }

    unix_ms now = 1'700'000'000'000;

private:
    void set(unix_ms when) override { rings_at = when; }
    void boot(const std::vector<std::vector<store::table_change>>& frames) {
        tables = std::make_unique<broker::broker_tables>(broker::config_map{});
        const auto bindings = tables->bindings();
        for (const auto& frame : frames) {
            for (const auto& change : frame) {
                for (const auto& binding : bindings) {
                    if (binding.id != change.table) continue;
                    binding.state->apply(as_bytes(change.key), as_bytes(change.value), change.removed);
                }
            }
        }
        store = std::make_unique<fake_store>(bindings, fake_store::mode::stepped);
        service = std::make_unique<broker::service>(
            *store, *tables, broker::service_options{.consumer_groups = consumer_group::factory()});
        rings_at = INT64_MAX;
        service->group_work.start(*this, now);
    }

    unix_ms rings_at = INT64_MAX;
    std::unique_ptr<broker::broker_tables> tables;
    std::unique_ptr<fake_store> store;
    std::unique_ptr<broker::service> service;
};

}  // namespace

TEST_CASE("while a write of a group does not end its members are not fenced, and afterwards have their time left",
          "[groups][clock]") {
    bench b;
    b.join("m1");
    b.pass(3000);
    const auto second = b.beat("m2", 0);
    b.pass(3000);
    const auto first = b.beat("m1", 1);
    b.pass(5 * session_ms);
    CHECK_FALSE(*first);  // it would tell of m2, whom a crash could take back
    CHECK_FALSE(*second);
    b.write();
    REQUIRE(*first);
    REQUIRE(*second);
    CHECK_FALSE((*first)->error);
    CHECK_FALSE((*second)->error);
    // Both were silent for as long as their answers were held: that does not count.
    b.pass(session_ms - 10'000);
    CHECK_FALSE(b.error_of("m1", (*first)->member_epoch));
    CHECK_FALSE(b.error_of("m2", (*second)->member_epoch));
    b.pass(session_ms + 1000);
    b.write();
    CHECK(b.error_of("m1", (*first)->member_epoch) == group_errc::unknown_member_id);
    CHECK(b.error_of("m2", (*second)->member_epoch) == group_errc::unknown_member_id);
}

TEST_CASE("a second write that takes long holds the clock too, and the time is not counted twice", "[groups][clock]") {
    bench b;
    b.join("m1");
    const auto second = b.beat("m2", 0);
    b.pass(20'000);
    const auto third = b.beat("m3", 0);  // written when the first write is done
    b.pass(20'000);
    CHECK(b.write_one());
    REQUIRE(*second);
    CHECK_FALSE(*third);
    b.pass(100'000);
    CHECK_FALSE(*third);
    b.write();
    REQUIRE(*third);
    CHECK_FALSE((*third)->error);
    // It heard of itself at once after the second; from then on it is silent.
    b.pass(session_ms + 2000);
    b.write();
    for (const char* const member : {"m1", "m2", "m3"}) {
        CHECK(b.error_of(member, 1) == group_errc::unknown_member_id);
    }
}

TEST_CASE("writes that come one behind the other, but in time, do not keep a silent member", "[groups][clock]") {
    bench b;
    b.join("m1");
    const std::int32_t epoch = b.join("m2");
    const unix_ms began = b.now;
    std::vector<bench::answer_place> beats;
    for (int i = 0; b.now < began + session_ms + 2000; ++i) {
        b.pass(400);
        (void)b.beat("x" + std::to_string(i), 0);  // held when the one before is written: never is nothing under way
        CHECK(b.write_one());
        if (i % 10 == 0) beats.push_back(b.beat("m2", epoch));
    }
    b.write();
    CHECK(b.error_of("m1", 1) == group_errc::unknown_member_id);
}

TEST_CASE("an empty group of the consumer protocol without offsets is forgotten after a restart too",
          "[groups][clock]") {
    bench b;
    b.join("m1");
    CHECK_FALSE(b.error_of("m1", -1));
    CHECK(b.known());
    b.pass(1000);
    b.restart();
    CHECK(b.known());
    b.pass(empty_ms - 2000);
    b.write();
    CHECK(b.known());
    b.pass(2000);
    b.write();
    CHECK_FALSE(b.known());
}
