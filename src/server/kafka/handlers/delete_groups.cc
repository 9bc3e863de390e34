// DeleteGroups: groups without members go, and what they have committed.
#include "wire/kafka/delete_groups.h"

#include "server/kafka/handlers.h"
#include "server/kafka/many_groups_handler.h"

namespace imago::kafka {

namespace {
struct removed_group {
    std::error_code error;
};

class delete_groups final
    : public many_groups_handler<wire::delete_groups_request, wire::delete_groups_response, removed_group> {
public:
    using many_groups_handler::many_groups_handler;

protected:
    [[nodiscard]] std::size_t count() const override { return asked().groups_names.size(); }

    void ask(std::size_t which, std::function<void(removed_group)> done) override {
        group_work().remove(std::string(asked().groups_names[which]), now(),
                            [done = std::move(done)](std::error_code error) { done({error}); });
    }

    void tell(std::size_t which, const removed_group& removed) override {
        reply().results.push_back({asked().groups_names[which], error_of(removed.error)});
    }
};
}  // namespace

IMAGO_MAKE_HANDLER(delete_groups, delete_groups)

}  // namespace imago::kafka
