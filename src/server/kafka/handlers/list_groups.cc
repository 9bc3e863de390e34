// ListGroups: all groups, or those in some states and of some types.
#include "wire/kafka/list_groups.h"

#include "server/kafka/group_handler.h"
#include "server/kafka/handlers.h"

#include <algorithm>
#include <cctype>

namespace imago::kafka {

namespace {
bool same(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](unsigned char x, unsigned char y) {
        return std::tolower(x) == std::tolower(y);
    });
}

bool passes(const std::vector<std::string_view>& filter, std::string_view name) {
    if (filter.empty()) return true;
    return std::any_of(filter.begin(), filter.end(), [&](std::string_view wanted) { return same(wanted, name); });
}

class list_groups final : public handler<wire::list_groups_request, wire::list_groups_response> {
public:
    using handler::handler;

protected:
    void run() override {
        list_ = with().broker.group_work.list(group_now(with().options));
        for (const groups::listed_group& group : list_) {
            const std::string_view state = name_of(group.state);
            const std::string_view type = name_of(group.type);
            if (!passes(asked().states_filter, state) || !passes(asked().types_filter, type)) continue;
            reply().groups.push_back({group.name, group.protocol_type, state, type});
        }
        respond_now();
    }
    void clear() override {
        handler::clear();
        list_.clear();
    }

private:
    std::vector<groups::listed_group> list_;
};
}  // namespace

IMAGO_MAKE_HANDLER(list_groups, list_groups)

}  // namespace imago::kafka
