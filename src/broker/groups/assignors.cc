#include "broker/groups/assignors.h"

#include "broker/groups/partition_numbers.h"
#include "broker/groups/uneven_balance.h"

#include <algorithm>
#include <numeric>

namespace imago::broker::groups {
namespace {

constexpr auto none = partition_numbers::none;

bool all_alike(const assignor_input& input) {
    const auto& first = input.members.front().topics;
    return std::all_of(input.members.begin(), input.members.end(), [&](const assignor_member& member) {
        return member.topics.data() == first.data() ? member.topics.size() == first.size()
                                                    : std::ranges::equal(member.topics, first);
    });
}

/// All members subscribe to the same: each gets the floor of the share, and some one more.
std::vector<partition_set> assign_evenly(const assignor_input& input) {
    const partition_numbers numbers(input.topics);
    const auto& subscribed = input.members.front().topics;
    std::vector<bool> is_subscribed(input.topics.size(), false);
    std::uint32_t total = 0;
    for (const auto topic : subscribed) {
        is_subscribed[topic] = true;
        total += numbers.end_of(topic) - numbers.first_of(topic);
    }
    const auto count = static_cast<std::uint32_t>(input.members.size());
    const std::uint32_t share = total / count;
    std::uint32_t larger = total % count;  // members that get one more

    // What each keeps: its share, and one more as long as some may have one more.
    std::vector<std::uint32_t> owner(numbers.count(), none);
    std::vector<std::uint32_t> room(count);
    std::vector<std::uint32_t> kept(count);
    for (std::uint32_t i = 0; i < count; ++i) {
        std::uint32_t odd = none;
        if (input.members[i].current != nullptr) {
            numbers.each_of(*input.members[i].current, [&](std::uint32_t topic, std::uint32_t number) {
                if (!is_subscribed[topic] || owner[number] != none) return;
                if (kept[i] < share) {
                    owner[number] = i;
                    ++kept[i];
                } else if (odd == none) {
                    odd = number;
                }
            });
        }
        room[i] = share - kept[i];
        if (odd != none && larger > 0) {
            owner[odd] = i;
            ++kept[i];
            --larger;
        }
    }
    // The rest, spread over the members so that neighbours go to different ones.
    std::vector<std::uint32_t> open;
    for (std::uint32_t i = 0; i < count; ++i) {
        if (room[i] > 0) open.push_back(i);
    }
    std::vector<std::uint32_t> free;
    for (const auto topic : subscribed) {
        for (auto number = numbers.first_of(topic); number < numbers.end_of(topic); ++number) {
            if (owner[number] == none) free.push_back(number);
        }
    }
    std::size_t next = 0;
    const auto give = [&](std::vector<std::uint32_t>& takers) {
        for (std::size_t at = 0; next < free.size() && !takers.empty();) {
            if (at >= takers.size()) at = 0;
            const auto taker = takers[at];
            owner[free[next++]] = taker;
            ++kept[taker];
            if (--room[taker] == 0) {
                takers.erase(takers.begin() + static_cast<std::ptrdiff_t>(at));
            } else {
                ++at;
            }
        }
    };
    give(open);
    if (next < free.size()) {  // each has its share: the odd ones
        for (std::uint32_t i = 0; i < count; ++i) {
            room[i] = kept[i] == share ? 1 : 0;
            if (room[i] > 0) open.push_back(i);
        }
        give(open);
    }
    return numbers.lists(owner, count);
}

}  // namespace

std::vector<partition_set> assign_uniform(const assignor_input& input) {
    if (input.members.empty()) return {};
    return all_alike(input) ? assign_evenly(input) : assign_unevenly(input);
}

std::vector<partition_set> assign_range(const assignor_input& input) {
    std::vector<std::uint32_t> order(input.members.size());
    std::iota(order.begin(), order.end(), 0u);
    std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
        const auto& x = input.members[a];
        const auto& y = input.members[b];
        if (x.instance.has_value() != y.instance.has_value()) return x.instance.has_value();
        if (x.instance && *x.instance != *y.instance) return *x.instance < *y.instance;
        return x.id < y.id;
    });
    struct cut {
        std::int32_t members = 0;
        std::int32_t given = 0;  ///< members served
        std::int32_t next = 0;   ///< partition
    };
    std::vector<cut> cuts(input.topics.size());
    for (const auto& member : input.members) {
        for (const auto topic : member.topics) ++cuts[topic].members;
    }
    std::vector<partition_set> lists(input.members.size());
    for (const auto at : order) {
        for (const auto topic : input.members[at].topics) {
            cut& now = cuts[topic];
            const std::int32_t partitions = input.topics[topic].partitions;
            const std::int32_t size =
                partitions / now.members + (now.given < partitions % now.members ? 1 : 0);
            for (std::int32_t i = 0; i < size; ++i) lists[at].push_back({input.topics[topic].id, now.next++});
            ++now.given;
        }
    }
    return lists;
}

assignor find_assignor(std::string_view name) {
    if (name == "uniform") return &assign_uniform;
    if (name == "range") return &assign_range;
    return nullptr;
}

}  // namespace imago::broker::groups
