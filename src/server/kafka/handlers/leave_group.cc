// LeaveGroup: members leave, or an administrator takes them out.
#include "wire/kafka/leave_group.h"

#include "server/kafka/group_handler.h"
#include "server/kafka/handlers.h"

namespace imago::kafka {

namespace {
class leave_group final
    : public group_handler<wire::leave_group_request, wire::leave_group_response, groups::leave_answer> {
public:
    using group_handler::group_handler;

protected:
    groups::ticket ask() override {
        groups::leave_request leave;
        if (version() < 3) {
            leave.members.push_back({std::string(asked().member_id), std::nullopt});
        } else {
            for (const auto& member : asked().members) {
                leave.members.push_back({std::string(member.member_id), to_instance(member.group_instance_id)});
            }
        }
        return group_work().leave(std::string(asked().group_id), std::move(leave), now(), on_answer());
    }

    void tell(groups::leave_answer& answer) override {
        reply().error_code = error_of(answer.error);
        if (version() < 3) {
            // One member, whose error is that of the request.
            if (!answer.error && !answer.members.empty()) {
                reply().error_code = error_of(answer.members.front().error);
            }
            return;
        }
        for (const groups::left_member& member : answer.members) {
            reply().members.push_back({member.member_id, view_of(member.instance), error_of(member.error)});
        }
    }
};
}  // namespace

IMAGO_MAKE_HANDLER(leave_group, leave_group)

}  // namespace imago::kafka
