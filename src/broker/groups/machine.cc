#include "broker/groups/machine.h"

namespace imago::broker::groups {

effects::effects() = default;
effects::~effects() = default;
effects::effects(effects&&) noexcept = default;
effects& effects::operator=(effects&&) noexcept = default;

void effects::tell(token to, answer what) { answers.emplace_back(to, std::move(what)); }

std::string_view name_of(group_state state) {
    switch (state) {
        case group_state::empty: return "Empty";
        case group_state::preparing_rebalance: return "PreparingRebalance";
        case group_state::completing_rebalance: return "CompletingRebalance";
        case group_state::assigning: return "Assigning";
        case group_state::reconciling: return "Reconciling";
        case group_state::stable: return "Stable";
        case group_state::dead: return "Dead";
    }
    return "Unknown";
}

std::string_view name_of(group_type type) { return type == group_type::classic ? "classic" : "consumer"; }

}  // namespace imago::broker::groups
