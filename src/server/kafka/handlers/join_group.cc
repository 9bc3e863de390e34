// JoinGroup: waits until all members have joined.
#include "wire/kafka/join_group.h"

#include "server/kafka/group_handler.h"
#include "server/kafka/handlers.h"

namespace imago::kafka {

namespace {
class join_group final
    : public group_handler<wire::join_group_request, wire::join_group_response, groups::join_answer> {
public:
    using group_handler::group_handler;

protected:
    groups::ticket ask() override {
        groups::join_request join;
        join.member_id = asked().member_id;
        join.instance = to_instance(asked().group_instance_id);
        join.session_timeout_ms = asked().session_timeout_ms;
        join.rebalance_timeout_ms = asked().rebalance_timeout_ms;
        join.protocol_type = asked().protocol_type;
        for (const auto& protocol : asked().protocols) {
            join.protocols.emplace_back(protocol.name, as_text(protocol.metadata));
        }
        join.client = client();
        join.member_id_required = version() >= 4;
        join.can_skip_assignment = version() >= 9;
        return group_work().join(std::string(asked().group_id), std::move(join), now(), on_answer());
    }

    void tell(groups::join_answer& answer) override {
        reply().error_code = error_of(answer.error);
        reply().generation_id = answer.generation;
        reply().protocol_type = view_of(answer.protocol_type);
        reply().protocol_name = view_of(answer.protocol_name);
        reply().leader = answer.leader;
        reply().member_id = answer.member_id;
        reply().skip_assignment = answer.skip_assignment;
        for (const groups::joined_member& member : answer.members) {
            reply().members.push_back({member.member_id, view_of(member.instance), as_bytes(member.metadata)});
        }
    }
};
}  // namespace

IMAGO_MAKE_HANDLER(join_group, join_group)

}  // namespace imago::kafka
