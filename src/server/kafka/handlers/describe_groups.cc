// DescribeGroups: classic groups and their members. Groups of the consumer protocol are not there for it.
#include "wire/kafka/describe_groups.h"

#include "server/kafka/group_handler.h"
#include "server/kafka/handlers.h"

#include <atomic>

namespace imago::kafka {

namespace {
/// READ, DELETE, DESCRIBE, as a bit field of Kafka's operation numbers.
constexpr std::int32_t group_operations = (1 << 3) | (1 << 6) | (1 << 8);

class describe_groups final : public handler<wire::describe_groups_request, wire::describe_groups_response> {
public:
    using handler::handler;

protected:
    void run() override {
        found_.resize(asked().groups.size());
        left_ = found_.size();
        if (found_.empty()) return respond_now();
        const unix_ms now = group_now(with().options);
        for (std::size_t i = 0; i < found_.size(); ++i) {
            with().broker.group_work.describe(std::string(asked().groups[i]), now,
                                              [this, i](std::error_code error, groups::group_view view) {
                                                  found_[i] = {error, std::move(view)};
                                                  if (left_.fetch_sub(1) == 1) come_back();
                                              });
        }
    }

    void returned() override {
        for (std::size_t i = 0; i < found_.size(); ++i) tell(asked().groups[i], found_[i]);
        respond_now();
    }
    void clear() override {
        handler::clear();
        found_.clear();
    }

private:
    struct outcome {
        std::error_code error;
        groups::group_view view;
    };

    void tell(std::string_view name, outcome& found) {
        auto& told = reply().groups.emplace_back();
        told.group_id = name;
        if (asked().include_authorized_operations) told.authorized_operations = group_operations;
        std::error_code error = found.error;
        if (!error && found.view.type != groups::group_type::classic) error = groups::group_errc::group_id_not_found;
        if (error == groups::group_errc::group_id_not_found) {
            told.group_state = name_of(groups::group_state::dead);
            // Older clients take a dead group for one that is not there, and do not know the error.
            if (version() < 6) return;
            told.error_code = code_of(kafka_error::group_id_not_found);
            told.error_message = keep(found.error ? "Group " + std::string(name) + " not found."
                                                  : "Group " + std::string(name) + " is not a classic group.");
            return;
        }
        told.error_code = code_of(to_kafka(error, with().options.log));
        if (error) return;
        told.group_state = name_of(found.view.state);
        told.protocol_type = found.view.protocol_type;
        told.protocol_data = found.view.protocol;
        for (const groups::member_view& member : found.view.members) {
            told.members.push_back({member.member_id, view_of(member.instance), member.client.id, member.client.host,
                                    as_bytes(member.metadata), as_bytes(member.assignment)});
        }
    }

    std::vector<outcome> found_;
    std::atomic<std::size_t> left_{0};
};
}  // namespace

IMAGO_MAKE_HANDLER(describe_groups, describe_groups)

}  // namespace imago::kafka
