#include "client/group/assignor.h"

#include <random>

#include "support/catch.h"

using namespace imago;
using namespace imago::client;

namespace {

assignor_member member(std::string id, std::vector<std::string> topics, partition_set owned = {}, std::int32_t generation = 1) {
    assignor_member made;
    made.id = std::move(id);
    made.subscription.topics = std::move(topics);
    made.subscription.owned = std::move(owned);
    made.subscription.generation = generation;
    return made;
}

partition_set of(const std::string& topic, std::initializer_list<std::int32_t> partitions) {
    partition_set made;
    for (const std::int32_t each : partitions) made.insert({topic, each});
    return made;
}

partition_set together(partition_set a, const partition_set& b) {
    a.insert(b.begin(), b.end());
    return a;
}

/// Rounds of cooperative-sticky until nothing moves, as members would play them; the number of rounds.
int settle(std::vector<assignor_member>& members, const partition_counts& counts) {
    for (int rounds = 1; rounds < 10; ++rounds) {
        const group_assignment given = assign_cooperative_sticky(members, counts);
        bool moved = false;
        std::map<topic_partition, std::string> owner;
        for (assignor_member& each : members) {
            for (const topic_partition& where : given.at(each.id)) {
                const bool first_owner = owner.emplace(where, each.id).second;
                REQUIRE(first_owner);
            }
            moved = moved || each.subscription.owned != given.at(each.id);
            each.subscription.owned = given.at(each.id);
            ++each.subscription.generation;
        }
        if (!moved) return rounds;
    }
    FAIL("the assignment does not settle");
    return 0;
}

}  // namespace

TEST_CASE("range gives neighbours, the first members one more, topic by topic", "[client]") {
    const std::vector<assignor_member> members = {member("b", {"x", "y"}), member("a", {"x", "y"})};
    const group_assignment got = assign_range(members, {{"x", 3}, {"y", 3}});
    CHECK(got.at("a") == together(of("x", {0, 1}), of("y", {0, 1})));
    CHECK(got.at("b") == together(of("x", {2}), of("y", {2})));
}

TEST_CASE("range puts static members first, by instance id", "[client]") {
    std::vector<assignor_member> members = {member("a", {"x"}), member("z", {"x"})};
    members[1].instance_id = "i";
    const group_assignment got = assign_range(members, {{"x", 3}});
    CHECK(got.at("z") == of("x", {0, 1}));
    CHECK(got.at("a") == of("x", {2}));
}

TEST_CASE("round robin deals out in turn and skips who does not want the topic", "[client]") {
    const std::vector<assignor_member> members = {member("a", {"x", "y"}), member("b", {"x"}), member("c", {"x", "y"})};
    const group_assignment got = assign_round_robin(members, {{"x", 2}, {"y", 3}});
    CHECK(got.at("a") == together(of("x", {0}), of("y", {1})));
    CHECK(got.at("b") == of("x", {1}));
    CHECK(got.at("c") == of("y", {0, 2}));
}

TEST_CASE("topics that are not there and topics of nobody are assigned to nobody", "[client]") {
    const std::vector<assignor_member> members = {member("a", {"gone"}), member("b", {})};
    for (const char* name : {"range", "roundrobin", "cooperative-sticky"}) {
        const group_assignment got = find_assignor(name)->assign(members, {{"x", 3}});
        CHECK(got.size() == 2);
        CHECK(got.at("a").empty());
        CHECK(got.at("b").empty());
    }
    CHECK(find_assignor("stickier") == nullptr);
}

TEST_CASE("a partition that moves is nobody's for one round", "[client]") {
    const partition_counts counts{{"x", 4}};
    std::vector<assignor_member> members = {member("a", {"x"}, of("x", {0, 1, 2, 3})), member("b", {"x"})};
    const group_assignment first = assign_cooperative_sticky(members, counts);
    CHECK(first.at("a").size() == 2);
    CHECK(first.at("b").empty());
    CHECK(settle(members, counts) == 3);  // take away, give, and nothing more to do
    CHECK(members[0].subscription.owned == first.at("a"));
    CHECK(members[1].subscription.owned.size() == 2);
}

TEST_CASE("of two claims the newer counts, of two equal ones none", "[client]") {
    const partition_counts counts{{"x", 2}};
    std::vector<assignor_member> members = {member("a", {"x"}, of("x", {0}), 3), member("b", {"x"}, of("x", {0, 1}), 4)};
    group_assignment got = assign_cooperative_sticky(members, counts);
    CHECK(got.at("b").size() == 1);
    CHECK(got.at("a").empty());  // what b lets go of comes in the next round
    members[0].subscription.generation = 4;
    members[1].subscription.owned = of("x", {0});
    got = assign_cooperative_sticky(members, counts);
    CHECK(got.at("a").size() == 1);
    CHECK(got.at("b").size() == 1);
}

TEST_CASE("cooperative-sticky settles in balance and moves no more than it must", "[client]") {
    const auto seed = GENERATE(range(1u, 40u));
    std::mt19937 random(seed);
    const auto below = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
    partition_counts counts;
    for (int i = 0; i < 1 + below(5); ++i) counts["t" + std::to_string(i)] = 1 + below(20);
    std::vector<std::string> all;
    for (const auto& [topic, count] : counts) all.push_back(topic);
    std::vector<assignor_member> members;
    int next_id = 0;
    for (int step = 0; step < 12; ++step) {
        INFO("seed " << seed << ", step " << step);
        std::map<std::string, partition_set> before;
        for (const assignor_member& each : members) before[each.id] = each.subscription.owned;
        const bool joins = members.size() < 2 || below(2) == 0;
        if (joins) members.push_back(member("m" + std::to_string(next_id++), all, {}, -1));
        else members.erase(members.begin() + below(static_cast<int>(members.size())));
        settle(members, counts);
        std::size_t total = 0;
        std::size_t least = 1000;
        std::size_t most = 0;
        for (const assignor_member& each : members) {
            const partition_set& mine = each.subscription.owned;
            total += mine.size();
            least = std::min(least, mine.size());
            most = std::max(most, mine.size());
            // Who was there keeps all that balance allows: nobody loses something and gets something else.
            if (!joins || before.count(each.id) == 0) continue;
            std::size_t lost = 0;
            for (const topic_partition& where : before[each.id]) lost += mine.count(where) == 0 ? 1 : 0;
            CHECK(mine.size() <= before[each.id].size());
            CHECK(lost == before[each.id].size() - mine.size());
        }
        std::size_t wanted = 0;
        for (const auto& [topic, count] : counts) wanted += static_cast<std::size_t>(count);
        CHECK(total == wanted);
        CHECK(most - least <= 1);
        if (!joins)
            for (const assignor_member& each : members)
                for (const topic_partition& where : before[each.id]) CHECK(each.subscription.owned.count(where) == 1);
    }
}

TEST_CASE("subscriptions read what they wrote, and older and newer versions", "[client]") {
    group_subscription mine;
    mine.topics = {"x", "y"};
    mine.owned = together(of("x", {1, 5}), of("y", {0}));
    mine.generation = 7;
    mine.rack = "r";
    std::vector<std::byte> bytes = encode_subscription(mine, true);
    const auto check = [&](std::int32_t generation, bool owned, const std::string& rack) {
        const auto got = decode_subscription(bytes);
        REQUIRE(got);
        CHECK(got->topics == mine.topics);
        CHECK(got->owned == (owned ? mine.owned : partition_set{}));
        CHECK(got->generation == generation);
        CHECK(got->rack == rack);
    };
    check(7, true, "r");
    bytes[1] = std::byte{9};  // a version to come
    check(7, true, "r");
    bytes[1] = std::byte{1};  // before version 2 the generation is in the user data
    check(7, true, "");
    bytes[1] = std::byte{0};
    check(7, false, "");
    bytes = encode_subscription(mine, false);
    bytes[1] = std::byte{1};
    check(-1, true, "");
}

TEST_CASE("subscriptions and assignments that are cut short are errors, whatever the length", "[client]") {
    group_subscription mine;
    mine.topics = {"topic"};
    mine.owned = of("topic", {1});
    const std::vector<std::byte> subscription = encode_subscription(mine, true);
    for (std::size_t size = 0; size < subscription.size(); ++size)
        CHECK(!decode_subscription(byte_view(subscription.data(), size)));
    const std::vector<std::byte> assignment = encode_assignment(mine.owned);
    CHECK(decode_assignment(assignment).value() == mine.owned);
    CHECK(decode_assignment({}).value().empty());
    for (std::size_t size = 1; size + 4 < assignment.size(); ++size)  // the user data, last, may be missing
        CHECK(!decode_assignment(byte_view(assignment.data(), size)));
}
