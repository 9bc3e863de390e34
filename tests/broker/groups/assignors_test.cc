// Properties that every assignment must have, over random groups. The seed is printed with each failure.
#include "broker/groups/assignors.h"

#include "support/catch.h"

#include <chrono>
#include <map>
#include <random>
#include <set>
#include <string>

using namespace imago;
using namespace imago::broker::groups;

namespace {

uuid numbered(std::uint32_t number) {
    uuid id;
    for (int i = 0; i < 4; ++i)
        id.bytes[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(number >> (24 - 8 * i));
    id.bytes[15] = 1;
    return id;
}

/// A group that is assigned again and again, each time from what it was.
struct world {
    struct one {
        std::optional<std::string> instance;
        std::vector<std::uint32_t> topics;
        partition_set current;
    };
    std::vector<assignor_topic> topics;
    std::map<std::string, one> members;

    void add_topics(std::uint32_t count, std::int32_t partitions) {
        for (std::uint32_t i = 0; i < count; ++i) {
            topics.push_back({numbered(static_cast<std::uint32_t>(topics.size()) + 1), partitions});
        }
    }
    void add(const std::string& id) {
        one member;
        for (std::uint32_t i = 0; i < topics.size(); ++i) member.topics.push_back(i);
        members[id] = std::move(member);
    }
    assignor_input input() const {
        assignor_input all;
        all.topics = topics;
        for (const auto& [id, member] : members) {
            assignor_member view;
            view.id = id;
            if (member.instance) view.instance = *member.instance;
            view.topics = member.topics;
            view.current = &member.current;
            all.members.push_back(view);
        }
        return all;
    }
    void assign(assignor how) {
        const auto lists = how(input());
        REQUIRE(lists.size() == members.size());
        auto at = lists.begin();
        for (auto& [id, member] : members) member.current = *at++;
    }
    std::map<topic_partition, std::string> owners() const {
        std::map<topic_partition, std::string> who;
        for (const auto& [id, member] : members) {
            for (const auto& where : member.current) who[where] = id;
        }
        return who;
    }
    std::vector<std::size_t> loads() const {
        std::vector<std::size_t> sizes;
        for (const auto& [id, member] : members) sizes.push_back(member.current.size());
        std::sort(sizes.begin(), sizes.end());
        return sizes;
    }
    /// Each partition of a topic that somebody subscribes to has one owner, who subscribes to it.
    void check_complete() const {
        std::set<topic_partition> given;
        std::set<std::uint32_t> subscribed;
        for (const auto& [id, member] : members) {
            REQUIRE(std::is_sorted(member.current.begin(), member.current.end()));
            subscribed.insert(member.topics.begin(), member.topics.end());
            for (const auto& where : member.current) {
                REQUIRE(given.insert(where).second);
                const bool theirs = std::any_of(member.topics.begin(), member.topics.end(), [&](auto topic) {
                    return topics[topic].id == where.topic && where.partition >= 0 &&
                           where.partition < topics[topic].partitions;
                });
                REQUIRE(theirs);
            }
        }
        std::size_t expected = 0;
        for (const auto topic : subscribed) expected += static_cast<std::size_t>(topics[topic].partitions);
        REQUIRE(given.size() == expected);
    }
};

std::size_t moved(const std::map<topic_partition, std::string>& before,
                  const std::map<topic_partition, std::string>& after) {
    std::size_t count = 0;
    for (const auto& [where, who] : before) {
        const auto now = after.find(where);
        if (now != after.end() && now->second != who) ++count;
    }
    return count;
}

/// Whether some chain of hand-overs would still make a larger member smaller. Slow and simple, to check the
/// quick one.
bool can_improve(const world& w) {
    std::map<std::uint32_t, std::vector<const world::one*>> takers;
    for (const auto& [id, member] : w.members) {
        for (const auto topic : member.topics) takers[topic].push_back(&member);
    }
    for (const auto& [id, start] : w.members) {
        std::set<const world::one*> reached{&start};
        std::vector<const world::one*> todo{&start};
        while (!todo.empty()) {
            const auto* who = todo.back();
            todo.pop_back();
            for (const auto topic : who->topics) {
                const bool owns = std::any_of(who->current.begin(), who->current.end(),
                                              [&](const auto& p) { return p.topic == w.topics[topic].id; });
                if (!owns) continue;
                for (const auto* other : takers[topic]) {
                    if (reached.insert(other).second) todo.push_back(other);
                }
            }
        }
        for (const auto* other : reached) {
            if (other->current.size() + 2 <= start.current.size()) return true;
        }
    }
    return false;
}

}  // namespace

TEST_CASE("uniform: members of equal subscriptions differ by at most one, through any history",
          "[groups][assignors]") {
    for (std::uint32_t seed = 1; seed <= 200; ++seed) {
        INFO("seed " << seed);
        std::mt19937 random(seed);
        world w;
        const auto topics = 1 + random() % 6;
        for (std::uint32_t i = 0; i < topics; ++i) w.add_topics(1, static_cast<std::int32_t>(random() % 9));
        int name = 0;
        for (int step = 0; step < 25; ++step) {
            const auto before = w.owners();
            const auto count_before = w.members.size();
            std::size_t left = 0;
            const auto what = random() % 4;
            if (what <= 1 || w.members.empty()) {
                w.add("m" + std::to_string(name++));
            } else if (what == 2 && w.members.size() > 1) {
                auto gone = w.members.begin();
                std::advance(gone, random() % w.members.size());
                left = gone->second.current.size();
                w.members.erase(gone);
            } else {
                w.topics[random() % w.topics.size()].partitions += static_cast<std::int32_t>(random() % 3);
            }
            w.assign(&assign_uniform);
            w.check_complete();
            const auto sizes = w.loads();
            REQUIRE(sizes.back() - sizes.front() <= 1);
            const auto after = w.owners();
            if (w.members.size() == count_before + 1 && count_before > 0) {  // joined
                REQUIRE(moved(before, after) <= (after.size() + w.members.size() - 1) / w.members.size());
            } else if (w.members.size() < count_before) {  // left
                REQUIRE(moved(before, after) == left);
            } else if (count_before > 0) {  // grew
                REQUIRE(moved(before, after) <= w.members.size());
            }
            w.assign(&assign_uniform);
            REQUIRE(w.owners() == after);  // nothing changed, nothing moves
        }
    }
}

TEST_CASE("uniform: mixed subscriptions are as even as they can be, and what can stay stays",
          "[groups][assignors]") {
    for (std::uint32_t seed = 1; seed <= 300; ++seed) {
        INFO("seed " << seed);
        std::mt19937 random(seed);
        world w;
        const auto topics = 2 + random() % 6;
        for (std::uint32_t i = 0; i < topics; ++i) w.add_topics(1, static_cast<std::int32_t>(random() % 9));
        int name = 0;
        for (int step = 0; step < 15; ++step) {
            const auto what = random() % 3;
            if (what < 2 || w.members.size() < 2) {
                world::one member;
                for (std::uint32_t i = 0; i < topics; ++i) {
                    if (random() % 2 == 0) member.topics.push_back(i);
                }
                w.members["m" + std::to_string(name++)] = std::move(member);
            } else {
                w.members.erase(w.members.begin());
            }
            w.assign(&assign_uniform);
            w.check_complete();
            REQUIRE_FALSE(can_improve(w));
            const auto after = w.owners();
            w.assign(&assign_uniform);
            REQUIRE(w.owners() == after);
        }
    }
}

TEST_CASE("uniform: a leaving member of a mixed group moves nothing but what it had, if that is even",
          "[groups][assignors]") {
    world w;
    w.add_topics(2, 6);
    w.add("a");
    w.add("b");
    w.add("c");
    w.members["c"].topics = {1};
    w.assign(&assign_uniform);
    CHECK(w.loads() == std::vector<std::size_t>{4, 4, 4});
    const auto before = w.owners();
    const auto left = w.members["c"].current;
    w.members.erase("c");
    w.assign(&assign_uniform);
    CHECK(moved(before, w.owners()) == left.size());
}

TEST_CASE("range: topics of the same size are cut alike, in the order of names", "[groups][assignors]") {
    world w;
    w.add_topics(2, 7);
    w.add("b");
    w.add("a");
    w.add("c");
    w.members["c"].instance = "static";
    w.assign(&assign_range);
    w.check_complete();
    const auto part = [&](std::uint32_t topic, std::int32_t p) {
        return topic_partition{w.topics[topic].id, p};
    };
    CHECK(w.members["c"].current ==
          partition_set{part(0, 0), part(0, 1), part(0, 2), part(1, 0), part(1, 1), part(1, 2)});
    CHECK(w.members["a"].current == partition_set{part(0, 3), part(0, 4), part(1, 3), part(1, 4)});
    CHECK(w.members["b"].current == partition_set{part(0, 5), part(0, 6), part(1, 5), part(1, 6)});
}

TEST_CASE("range: more members than partitions, and members of different topics", "[groups][assignors]") {
    for (std::uint32_t seed = 1; seed <= 100; ++seed) {
        INFO("seed " << seed);
        std::mt19937 random(seed);
        world w;
        for (int i = 0; i < 5; ++i) w.add_topics(1, static_cast<std::int32_t>(random() % 5));
        for (int i = 0; i < 7; ++i) {
            world::one member;
            for (std::uint32_t t = 0; t < 5; ++t) {
                if (random() % 3 != 0) member.topics.push_back(t);
            }
            w.members["m" + std::to_string(i)] = std::move(member);
        }
        w.assign(&assign_range);
        w.check_complete();
    }
}

TEST_CASE("an assignor's name leads to it", "[groups][assignors]") {
    CHECK(find_assignor("uniform") == &assign_uniform);
    CHECK(find_assignor("range") == &assign_range);
    CHECK(find_assignor("sticky") == nullptr);
    CHECK(assign_uniform({}).empty());
    CHECK(assign_range({}).empty());
}

TEST_CASE("cost of an assignment for 200 members", "[.][bench]") {
    const auto time = [](const char* what, world& w, assignor how) {
        const auto start = std::chrono::steady_clock::now();
        const auto lists = how(w.input());
        const auto took = std::chrono::steady_clock::now() - start;
        std::size_t given = 0;
        for (const auto& list : lists) given += list.size();
        WARN(what << ": " << given << " partitions in "
                  << std::chrono::duration_cast<std::chrono::microseconds>(took).count() << " us");
    };
    for (const auto& [topics, partitions] : {std::pair{1u, 1000}, {1000u, 1}, {1u, 10000}, {10000u, 1}}) {
        world w;
        w.add_topics(topics, partitions);
        for (int i = 0; i < 199; ++i) w.add("m" + std::to_string(i));
        time("uniform, first", w, &assign_uniform);
        w.assign(&assign_uniform);
        w.add("new");
        time("uniform, one joins", w, &assign_uniform);
        time("range", w, &assign_range);
        if (topics > 1) {
            w.members["new"].topics.pop_back();
            time("uniform, mixed, one joins", w, &assign_uniform);
        }
    }
}
