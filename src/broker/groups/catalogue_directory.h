// The topic catalogue as the groups see it.
#pragma once

#include "broker/groups/context.h"
#include "broker/topics.h"

namespace imago::broker::groups {

class catalogue_directory final : public topic_directory {
public:
    explicit catalogue_directory(const topics& catalogue) : catalogue_(catalogue) {}

    [[nodiscard]] std::optional<topic_fact> by_name(std::string_view name) const override {
        return fact(catalogue_.find(name));
    }
    [[nodiscard]] std::optional<topic_fact> by_id(const uuid& id) const override {
        return fact(catalogue_.find(id));
    }
    void each(const std::function<void(const topic_fact&)>& tell) const override {
        for (const topic_ptr& one : catalogue_.all()) tell(*fact(one));
    }

private:
    [[nodiscard]] static std::optional<topic_fact> fact(const topic_ptr& found) {
        if (found == nullptr) return std::nullopt;
        return topic_fact{found->name, found->id, static_cast<std::int32_t>(found->partitions.size())};
    }

    const topics& catalogue_;
};

}  // namespace imago::broker::groups
