// The partitions of several topics as consecutive numbers, for tables instead of maps.
#pragma once

#include "broker/groups/assignors.h"

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

namespace imago::broker::groups {

class partition_numbers {
public:
    explicit partition_numbers(std::span<const assignor_topic> topics) : topics_(topics) {
        first_.reserve(topics.size() + 1);
        std::uint32_t next = 0;
        for (const auto& topic : topics) {
            first_.push_back(next);
            next += static_cast<std::uint32_t>(topic.partitions);
        }
        first_.push_back(next);
    }

    static constexpr std::uint32_t none = UINT32_MAX;

    [[nodiscard]] std::uint32_t count() const { return first_.back(); }
    [[nodiscard]] std::uint32_t first_of(std::uint32_t topic) const { return first_[topic]; }
    [[nodiscard]] std::uint32_t end_of(std::uint32_t topic) const { return first_[topic + 1]; }
    /// The topic that a number belongs to.
    [[nodiscard]] std::uint32_t topic_of(std::uint32_t number) const {
        const auto after = std::upper_bound(first_.begin(), first_.end(), number);
        return static_cast<std::uint32_t>(after - first_.begin()) - 1;
    }
    [[nodiscard]] topic_partition partition(std::uint32_t number) const {
        const std::uint32_t topic = topic_of(number);
        return {topics_[topic].id, static_cast<std::int32_t>(number - first_[topic])};
    }
    /// Calls visit(topic, number) for each of `set` that exists; both are in the order of topic ids.
    template <class Visit>
    void each_of(const partition_set& set, Visit visit) const {
        std::uint32_t topic = 0;
        const uuid* last = nullptr;
        for (const auto& where : set) {
            if (last == nullptr || *last != where.topic) {
                last = &where.topic;
                const auto from = topics_.begin() + topic;
                topic = static_cast<std::uint32_t>(
                    std::lower_bound(from, topics_.end(), where.topic,
                                     [](const assignor_topic& t, const uuid& id) { return t.id < id; }) -
                    topics_.begin());
            }
            if (topic == topics_.size()) return;
            if (topics_[topic].id != where.topic || where.partition < 0 ||
                where.partition >= topics_[topic].partitions) {
                continue;
            }
            visit(topic, first_[topic] + static_cast<std::uint32_t>(where.partition));
        }
    }
    /// The lists of each owner, from the owner of each number.
    [[nodiscard]] std::vector<partition_set> lists(std::span<const std::uint32_t> owner,
                                                   std::size_t owners) const {
        std::vector<std::uint32_t> sizes(owners, 0);
        for (const auto who : owner) {
            if (who != none) ++sizes[who];
        }
        std::vector<partition_set> lists(owners);
        for (std::size_t i = 0; i < owners; ++i) lists[i].reserve(sizes[i]);
        for (std::uint32_t topic = 0; topic < topics_.size(); ++topic) {
            for (auto number = first_[topic]; number < first_[topic + 1]; ++number) {
                if (owner[number] == none) continue;
                lists[owner[number]].push_back(
                    {topics_[topic].id, static_cast<std::int32_t>(number - first_[topic])});
            }
        }
        return lists;
    }

private:
    std::span<const assignor_topic> topics_;
    std::vector<std::uint32_t> first_;
};

}  // namespace imago::broker::groups
