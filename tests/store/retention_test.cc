#include "store/retention.h"

#include "store/change_codec.h"
#include "support/catch.h"

using namespace imago;
using namespace imago::store;

namespace {

std::shared_ptr<const segment_usage> segment(std::uint64_t base, std::vector<usage_entry> entries) {
    return std::make_shared<segment_usage>(segment_usage{{base}, std::move(entries)});
}

retention_view view_of(retention keep) {
    return {[](queue_id) { return queue_bounds{{0}, {1000}}; }, [keep](queue_id) { return keep; }};
}

}  // namespace

TEST_CASE("what is older than the retention time goes, up to the first segment that is not", "[retention]") {
    retention_policy policy;
    const std::vector sealed = {segment(0, {{{16}, {10}, 100, 50}}), segment(100, {{{16}, {20}, 200, 50}}),
                                segment(200, {{{16}, {30}, 900, 50}})};
    const auto trims = policy.trims(sealed, {}, view_of({500, -1}), 800);
    REQUIRE(trims.size() == 1);
    CHECK(trims[0].start == queue_offset{20});
    CHECK(policy.next_expiry() == 1400);
}

TEST_CASE("something young in an older segment keeps what is behind it", "[retention]") {
    retention_policy policy;
    const std::vector sealed = {segment(0, {{{16}, {10}, 900, 50}}), segment(100, {{{16}, {20}, 100, 50}})};
    CHECK(policy.trims(sealed, {}, view_of({500, -1}), 800).empty());
}

TEST_CASE("a queue over its size loses its oldest segments, but never goes below the limit", "[retention]") {
    retention_policy policy;
    const std::vector sealed = {segment(0, {{{16}, {10}, 1, 50}}), segment(100, {{{16}, {20}, 1, 50}}),
                                segment(200, {{{16}, {30}, 1, 50}})};
    const auto trims = policy.trims(sealed, {}, view_of({-1, 60}), 800);
    REQUIRE(trims.size() == 1);
    CHECK(trims[0].start == queue_offset{10});  // 150 - 50 >= 60, but not 100 - 50
}

TEST_CASE("sizes count also in a segment that was looked at before it was sealed, while time is limited too", "[retention]") {
    retention_policy policy;
    const auto view = view_of({1'000'000, 60});
    const auto oldest = segment(0, {{{16}, {10}, 1, 50}});
    const auto middle = segment(100, {{{16}, {20}, 1, 50}});
    const auto newest = segment(200, {{{16}, {30}, 1, 50}});
    CHECK(policy.trims({}, *oldest, view, 800).empty());
    CHECK(policy.trims({oldest}, *middle, view, 800).empty());  // 100 - 50 is less than 60
    const auto trims = policy.trims({oldest, middle}, *newest, view, 800);
    REQUIRE(trims.size() == 1);
    CHECK(trims[0].start == queue_offset{10});
}

TEST_CASE("nothing expires for ever, and nothing is scheduled", "[retention]") {
    retention_policy policy;
    CHECK(policy.trims({segment(0, {{{16}, {10}, 1, 50}})}, {}, view_of({-1, -1}), 1'000'000).empty());
    CHECK_FALSE(policy.next_expiry());
}

TEST_CASE("a segment is dead when all its queues start behind it or are gone", "[retention]") {
    bool only_changes = true;
    const auto behind = [](queue_id) { return std::optional(queue_bounds{{10}, {20}}); };
    const auto gone = [](queue_id) { return std::optional<queue_bounds>(); };
    const auto inside = [](queue_id) { return std::optional(queue_bounds{{9}, {20}}); };
    CHECK(is_dead(*segment(0, {{{16}, {10}, 1, 50}}), behind, only_changes));
    CHECK(is_dead(*segment(0, {{{16}, {10}, 1, 50}}), gone, only_changes));
    CHECK_FALSE(is_dead(*segment(0, {{{16}, {10}, 1, 50}}), inside, only_changes));
    CHECK_FALSE(only_changes);
    CHECK_FALSE(is_dead(*segment(0, {{change_queue, {10}, 1, 50}}), inside, only_changes));
    CHECK(only_changes);
}
