// DeleteGroups: groups without members go, and what they have committed.
#include "wire/kafka/delete_groups.h"

#include "server/kafka/group_handler.h"
#include "server/kafka/handlers.h"

#include <atomic>

namespace imago::kafka {

namespace {
class delete_groups final : public handler<wire::delete_groups_request, wire::delete_groups_response> {
public:
    using handler::handler;

protected:
    void run() override {
        errors_.resize(asked().groups_names.size());
        left_ = errors_.size();
        if (errors_.empty()) return respond_now();
        const unix_ms now = group_now(with().options);
        for (std::size_t i = 0; i < errors_.size(); ++i) {
            with().broker.group_work.remove(std::string(asked().groups_names[i]), now,
                                            [this, i](std::error_code error) {
                                                errors_[i] = error;
                                                if (left_.fetch_sub(1) == 1) come_back();
                                            });
        }
    }

    void returned() override {
        for (std::size_t i = 0; i < errors_.size(); ++i) {
            reply().results.push_back(
                {asked().groups_names[i], code_of(to_kafka(errors_[i], with().options.log))});
        }
        respond_now();
    }
    void clear() override {
        handler::clear();
        errors_.clear();
    }

private:
    std::vector<std::error_code> errors_;
    std::atomic<std::size_t> left_{0};
};
}  // namespace

IMAGO_MAKE_HANDLER(delete_groups, delete_groups)

}  // namespace imago::kafka
