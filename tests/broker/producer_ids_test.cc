#include "broker/producer_ids.h"

#include "support/catch.h"
#include "support/fake_store.h"

#include <future>
#include <set>
#include <thread>

using namespace imago;
using namespace imago::broker;
using test::fake_store;

TEST_CASE("ids come from a reserved block without a write for each", "[broker]") {
    producer_id_table table;
    fake_store store({{store::table_id::producer_ids, &table}});
    producer_ids ids(store, table, 100);
    for (std::int64_t want = 0; want < 250; ++want) {
        ids.next([&](result<std::int64_t> id) { CHECK(id.value() == want); });
    }
    CHECK(store.frames().size() == 3);
    CHECK(table.reserved_below() == 300);
}

TEST_CASE("no id is given out twice, wherever the server crashes", "[broker]") {
    producer_id_table table;
    fake_store store({{store::table_id::producer_ids, &table}});
    producer_ids ids(store, table, 3);
    std::vector<std::pair<std::int64_t, std::size_t>>
        given;  // with the number of frames that were durable then
    for (int i = 0; i < 20; ++i) {
        ids.next([&](result<std::int64_t> id) { given.emplace_back(id.value(), store.frames().size()); });
    }
    for (std::size_t crash = 0; crash <= store.frames().size(); ++crash) {
        producer_id_table after;
        store.replay({{store::table_id::producer_ids, &after}}, crash);
        fake_store next({{store::table_id::producer_ids, &after}});
        producer_ids more(next, after, 3);
        for (int i = 0; i < 5; ++i) {
            more.next([&](result<std::int64_t> id) {
                for (const auto& [old, frames] : given) {
                    if (frames <= crash) CHECK(id.value() > old);
                }
            });
        }
    }
}

TEST_CASE("requests that wait for one block are all answered by it", "[broker]") {
    producer_id_table table;
    fake_store store({{store::table_id::producer_ids, &table}}, fake_store::mode::stepped);
    producer_ids ids(store, table, 4);
    std::set<std::int64_t> given;
    for (int i = 0; i < 10; ++i) ids.next([&](result<std::int64_t> id) { given.insert(id.value()); });
    CHECK(given.empty());
    while (store.step()) {
    }
    CHECK(given.size() == 10);
    CHECK(store.frames().size() == 3);
}

TEST_CASE("a failed reservation is told to those who wait, and the next one tries again", "[broker]") {
    producer_id_table table;
    fake_store store({{store::table_id::producer_ids, &table}});
    producer_ids ids(store, table);
    store.fail_change(0, make_error_code(store::store_errc::no_space));
    ids.next([](result<std::int64_t> id) { CHECK(id.error() == store::store_errc::no_space); });
    std::int64_t got = -1;
    ids.next([&](result<std::int64_t> id) { got = id.value(); });
    CHECK(got == 0);
}

TEST_CASE("ids taken by many threads are all different", "[broker]") {
    producer_id_table table;
    fake_store store({{store::table_id::producer_ids, &table}}, fake_store::mode::threaded);
    producer_ids ids(store, table, 7);
    std::mutex mutex;
    std::set<std::int64_t> given;
    std::vector<std::thread> takers;
    for (int t = 0; t < 4; ++t) {
        takers.emplace_back([&] {
            for (int i = 0; i < 250; ++i) {
                const auto promise = std::make_shared<std::promise<std::int64_t>>();
                ids.next([promise](result<std::int64_t> id) { promise->set_value(id.value()); });
                const auto id = promise->get_future().get();
                std::lock_guard lock(mutex);
                given.insert(id);
            }
        });
    }
    for (auto& taker : takers) taker.join();
    CHECK(given.size() == 1'000);
    store.close();
}

TEST_CASE("a truncated producer id record is no reservation", "[broker]") {
    const auto record = producer_id_table::record(1'000);
    for (std::size_t size = 0; size < record.value.size(); ++size) {
        producer_id_table table;
        table.apply(as_bytes(record.key), as_bytes(record.value).first(size), false);
        CHECK(table.reserved_below() == 0);
        CHECK(table.unreadable() == 1);
    }
}
