#include "broker/groups/uneven_balance.h"

#include "broker/groups/partition_numbers.h"

#include <algorithm>
#include <numeric>
#include <queue>

namespace imago::broker::groups {
namespace {

constexpr auto none = partition_numbers::none;

/// Partitions as a matching of topics to members: a member can hand a partition to any other that subscribes
/// to its topic, so a chain of such steps from a large member to a small one makes the two more even. When
/// there is no such chain any more, the assignment is as even as it can be.
class balance {
public:
    explicit balance(const assignor_input& input)
        : input_(input),
          numbers_(input.topics),
          owner_(numbers_.count(), none),
          subscribers_(input.topics.size()),
          owned_(input.members.size()),
          place_(numbers_.count(), 0),
          load_(input.members.size(), 0) {
        for (std::uint32_t i = 0; i < input.members.size(); ++i) {
            for (const auto topic : input.members[i].topics) subscribers_[topic].push_back(i);
            owned_[i].resize(input.members[i].topics.size());
        }
    }

    std::vector<partition_set> run() {
        keep();
        give_out();
        while (even_out()) {
        }
        return numbers_.lists(owner_, input_.members.size());
    }

private:
    void keep() {
        for (std::uint32_t i = 0; i < input_.members.size(); ++i) {
            const auto& member = input_.members[i];
            if (member.current == nullptr) continue;
            numbers_.each_of(*member.current, [&](std::uint32_t topic, std::uint32_t number) {
                if (owner_[number] == none && subscription(i, topic) != none) take(i, topic, number);
            });
        }
    }

    /// What nobody has, to the least loaded; topics with the fewest takers first.
    void give_out() {
        std::vector<std::uint32_t> order(input_.topics.size());
        std::iota(order.begin(), order.end(), 0u);
        std::stable_sort(order.begin(), order.end(),
                         [&](auto a, auto b) { return subscribers_[a].size() < subscribers_[b].size(); });
        using entry = std::pair<std::uint32_t, std::uint32_t>;  // load, member
        for (const auto topic : order) {
            if (subscribers_[topic].empty()) continue;
            std::priority_queue<entry, std::vector<entry>, std::greater<>> least;
            for (auto number = numbers_.first_of(topic); number < numbers_.end_of(topic); ++number) {
                if (owner_[number] != none) continue;
                if (least.empty()) {
                    for (const auto who : subscribers_[topic]) least.push({load_[who], who});
                }
                const auto who = least.top().second;
                least.pop();
                take(who, topic, number);
                least.push({load_[who], who});
            }
        }
    }

    /// One pass from the largest member to the smallest; true if anything moved.
    bool even_out() {
        std::vector<std::uint32_t> order(input_.members.size());
        std::iota(order.begin(), order.end(), 0u);
        std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return load_[a] > load_[b]; });
        bool moved = false;
        for (const auto from : order) {
            while (load_[from] >= *std::min_element(load_.begin(), load_.end()) + 2 && relieve(from))
                moved = true;
        }
        return moved;
    }

    /// Finds the shortest chain to the smallest member within reach that is at least two smaller, and hands
    /// on.
    bool relieve(std::uint32_t from) {
        from_.assign(input_.members.size(), none);
        through_.assign(input_.members.size(), none);
        seen_topic_.assign(input_.topics.size(), false);
        chain_.assign(1, from);
        from_[from] = from;
        std::uint32_t best = none;
        for (std::size_t at = 0; at < chain_.size(); ++at) {
            const auto who = chain_[at];
            const auto& topics = input_.members[who].topics;
            for (std::size_t i = 0; i < topics.size(); ++i) {
                const auto topic = topics[i];
                if (owned_[who][i].empty() || seen_topic_[topic]) continue;
                seen_topic_[topic] = true;
                for (const auto other : subscribers_[topic]) {
                    if (from_[other] != none) continue;
                    from_[other] = who;
                    through_[other] = topic;
                    chain_.push_back(other);
                    if (load_[other] + 2 <= load_[from] && (best == none || load_[other] < load_[best])) {
                        best = other;
                    }
                }
            }
            // Whoever is next to the large one costs one move only: take it without looking further.
            if (best != none && at == 0) break;
        }
        if (best == none) return false;
        for (auto who = best; who != from; who = from_[who]) {
            const auto giver = from_[who];
            const auto topic = through_[who];
            const auto number = owned_[giver][subscription(giver, topic)].back();
            drop(giver, topic, number);
            take(who, topic, number);
        }
        return true;
    }

    /// The place of a topic among those of a member.
    [[nodiscard]] std::uint32_t subscription(std::uint32_t member, std::uint32_t topic) const {
        const auto& topics = input_.members[member].topics;
        const auto found = std::lower_bound(topics.begin(), topics.end(), topic);
        if (found == topics.end() || *found != topic) return none;
        return static_cast<std::uint32_t>(found - topics.begin());
    }

    void take(std::uint32_t member, std::uint32_t topic, std::uint32_t number) {
        auto& list = owned_[member][subscription(member, topic)];
        place_[number] = static_cast<std::uint32_t>(list.size());
        list.push_back(number);
        owner_[number] = member;
        ++load_[member];
    }
    void drop(std::uint32_t member, std::uint32_t topic, std::uint32_t number) {
        auto& list = owned_[member][subscription(member, topic)];
        list[place_[number]] = list.back();
        place_[list.back()] = place_[number];
        list.pop_back();
        owner_[number] = none;
        --load_[member];
    }

    const assignor_input& input_;
    const partition_numbers numbers_;
    std::vector<std::uint32_t> owner_;                            ///< of each partition
    std::vector<std::vector<std::uint32_t>> subscribers_;         ///< of each topic
    std::vector<std::vector<std::vector<std::uint32_t>>> owned_;  ///< member, its topic -> partitions
    std::vector<std::uint32_t> place_;                            ///< of each partition in its owner's list
    std::vector<std::uint32_t> load_;                             ///< of each member
    std::vector<std::uint32_t> from_, through_, chain_;           // of one search
    std::vector<bool> seen_topic_;
};

}  // namespace

std::vector<partition_set> assign_unevenly(const assignor_input& input) { return balance(input).run(); }

}  // namespace imago::broker::groups
