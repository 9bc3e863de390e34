#include "client/group/assignor.h"

#include <algorithm>
#include <array>

namespace imago::client {
namespace {

using member_list = std::vector<const assignor_member*>;

// Static members first, by the name that stays when they come back; then the others by id.
member_list in_order(std::span<const assignor_member> members) {
    member_list sorted;
    for (const assignor_member& each : members) sorted.push_back(&each);
    std::sort(sorted.begin(), sorted.end(), [](const assignor_member* a, const assignor_member* b) {
        if (a->instance_id.has_value() != b->instance_id.has_value()) return a->instance_id.has_value();
        if (a->instance_id && *a->instance_id != *b->instance_id) return *a->instance_id < *b->instance_id;
        return a->id < b->id;
    });
    return sorted;
}

bool wants(const assignor_member& member, const std::string& topic) {
    const auto& topics = member.subscription.topics;
    return std::find(topics.begin(), topics.end(), topic) != topics.end();
}

std::map<std::string, member_list> by_topic(const member_list& members, const partition_counts& counts) {
    std::map<std::string, member_list> wanting;
    for (const assignor_member* each : members) {
        for (const std::string& topic : each->subscription.topics) {
            const auto count = counts.find(topic);
            if (count == counts.end() || count->second <= 0) continue;
            member_list& list = wanting[topic];
            if (list.empty() || list.back() != each) list.push_back(each);
        }
    }
    return wanting;
}

group_assignment nothing_for(std::span<const assignor_member> members) {
    group_assignment all;
    for (const assignor_member& each : members) all[each.id];
    return all;
}

// ---- Sticky ---------------------------------------------------------------------------------------------------------

/// Who owns what now, as members say: the newest generation is believed, and two of one generation cancel out.
std::map<topic_partition, const assignor_member*> owners(const member_list& members, const partition_counts& counts) {
    struct claim {
        const assignor_member* by;
        std::int32_t generation;
    };
    std::map<topic_partition, claim> claims;
    for (const assignor_member* each : members) {
        for (const topic_partition& where : each->subscription.owned) {
            const auto count = counts.find(where.topic);
            if (count == counts.end() || where.partition < 0 || where.partition >= count->second) continue;
            const claim mine{each, each->subscription.generation};
            const auto [at, added] = claims.emplace(where, mine);
            if (added) continue;
            if (mine.generation > at->second.generation) at->second = mine;
            else if (mine.generation == at->second.generation) at->second.by = nullptr;
        }
    }
    std::map<topic_partition, const assignor_member*> found;
    for (const auto& [where, each] : claims)
        if (each.by != nullptr) found.emplace(where, each.by);
    return found;
}

class sticky_round {
public:
    sticky_round(std::span<const assignor_member> members, const partition_counts& counts)
        : members_(in_order(members)), wanting_(by_topic(members_, counts)), counts_(counts),
          owners_(owners(members_, counts)) {
        for (const assignor_member* each : members_) holds_[each];
        for (const auto& [where, owner] : owners_) {
            if (!wants(*owner, where.topic)) continue;
            holds_[owner].insert(where);
            held_.insert(where);
        }
    }

    group_assignment run() {
        for (const auto& [topic, list] : wanting_) {
            for (topic_partition where{topic, 0}; where.partition < counts_.at(topic); ++where.partition) {
                if (held_.count(where) > 0) continue;
                const assignor_member* to = least_loaded(topic);
                holds_[to].insert(where);
            }
        }
        // Each move makes the sum of the squares of the loads smaller, so this comes to an end.
        while (move_one()) {}
        group_assignment all;
        for (const assignor_member* each : members_) {
            partition_set& mine = all[each->id];
            for (const topic_partition& where : holds_[each]) {
                const auto owner = owners_.find(where);
                if (owner == owners_.end() || owner->second == each) mine.insert(where);  // else in the next round
            }
        }
        return all;
    }

private:
    std::size_t load(const assignor_member* of) const { return holds_.at(of).size(); }
    const assignor_member* least_loaded(const std::string& topic) const {
        const member_list& list = wanting_.at(topic);
        return *std::min_element(list.begin(), list.end(), [this](const assignor_member* a, const assignor_member* b) {
            return load(a) < load(b);
        });
    }
    // From the most loaded that can give: so nobody gives what it would have to be given back.
    bool move_one() {
        member_list givers = members_;
        std::stable_sort(givers.begin(), givers.end(),
                         [this](const assignor_member* a, const assignor_member* b) { return load(a) > load(b); });
        for (const assignor_member* from : givers) {
            if (load(from) < load(givers.back()) + 2) return false;  // nobody is so much poorer
            for (const topic_partition& where : holds_[from]) {
                const assignor_member* to = least_loaded(where.topic);
                if (load(to) + 1 >= load(from)) continue;
                holds_[to].insert(where);
                holds_[from].erase(where);
                return true;
            }
        }
        return false;
    }

    member_list members_;
    std::map<std::string, member_list> wanting_;
    const partition_counts& counts_;
    std::map<topic_partition, const assignor_member*> owners_;
    partition_set held_;                                      // what stays with its owner at first
    std::map<const assignor_member*, partition_set> holds_;  // in the end
};

constexpr std::array<assignor, 3> assignors = {{
    {"range", false, assign_range},
    {"roundrobin", false, assign_round_robin},
    {"cooperative-sticky", true, assign_cooperative_sticky},
}};

}  // namespace

group_assignment assign_range(std::span<const assignor_member> members, const partition_counts& counts) {
    group_assignment all = nothing_for(members);
    for (const auto& [topic, list] : by_topic(in_order(members), counts)) {
        const std::int32_t count = counts.at(topic);
        const auto size = static_cast<std::int32_t>(list.size());
        std::int32_t next = 0;
        for (std::int32_t i = 0; i < size; ++i) {
            const std::int32_t share = count / size + (i < count % size ? 1 : 0);
            for (std::int32_t left = share; left > 0; --left)
                all[list[static_cast<std::size_t>(i)]->id].insert({topic, next++});
        }
    }
    return all;
}

group_assignment assign_round_robin(std::span<const assignor_member> members, const partition_counts& counts) {
    group_assignment all = nothing_for(members);
    const member_list sorted = in_order(members);
    std::size_t turn = 0;
    for (const auto& [topic, list] : by_topic(sorted, counts)) {
        for (std::int32_t index = 0; index < counts.at(topic); ++index) {
            while (!wants(*sorted[turn % sorted.size()], topic)) ++turn;
            all[sorted[turn++ % sorted.size()]->id].insert({topic, index});
        }
    }
    return all;
}

group_assignment assign_cooperative_sticky(std::span<const assignor_member> members, const partition_counts& counts) {
    return sticky_round(members, counts).run();
}

const assignor* find_assignor(std::string_view name) {
    const auto found = std::find_if(assignors.begin(), assignors.end(),
                                    [&](const assignor& each) { return each.name == name; });
    return found == assignors.end() ? nullptr : &*found;
}

}  // namespace imago::client
