// DescribeGroups: classic groups and their members. Groups of the consumer protocol are not there for it.
#include "wire/kafka/describe_groups.h"

#include "server/kafka/handlers.h"
#include "server/kafka/many_groups_handler.h"

namespace imago::kafka {

namespace {
class describe_groups final
    : public many_groups_handler<wire::describe_groups_request, wire::describe_groups_response, described_group> {
public:
    using many_groups_handler::many_groups_handler;

protected:
    [[nodiscard]] std::size_t count() const override { return asked().groups.size(); }
    void ask(std::size_t which, std::function<void(described_group)> done) override {
        describe(asked().groups[which], std::move(done));
    }
    void tell(std::size_t which, const described_group& found) override {
        const std::string_view name = asked().groups[which];
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
        told.error_code = error_of(error);
        if (error) return;
        told.group_state = name_of(found.view.state);
        told.protocol_type = found.view.protocol_type;
        told.protocol_data = found.view.protocol;
        for (const groups::member_view& member : found.view.members) {
            told.members.push_back({member.member_id, view_of(member.instance), member.client.id, member.client.host,
                                    as_bytes(member.metadata), as_bytes(member.assignment)});
        }
    }
};
}  // namespace

IMAGO_MAKE_HANDLER(describe_groups, describe_groups)

}  // namespace imago::kafka
