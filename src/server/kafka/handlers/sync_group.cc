// SyncGroup: waits for the leader's assignment.
#include "wire/kafka/sync_group.h"

#include "server/kafka/group_handler.h"
#include "server/kafka/handlers.h"

namespace imago::kafka {

namespace {
class sync_group final
    : public group_handler<wire::sync_group_request, wire::sync_group_response, groups::sync_answer> {
public:
    using group_handler::group_handler;

protected:
    groups::ticket ask() override {
        groups::sync_request sync;
        sync.member_id = asked().member_id;
        sync.instance = to_instance(asked().group_instance_id);
        sync.generation = asked().generation_id;
        sync.protocol_type = to_instance(asked().protocol_type);
        sync.protocol_name = to_instance(asked().protocol_name);
        for (const auto& one : asked().assignments) {
            sync.assignments.emplace_back(one.member_id, as_text(one.assignment));
        }
        return group_work().sync(std::string(asked().group_id), std::move(sync), now(), on_answer());
    }

    void tell(groups::sync_answer& answer) override {
        reply().error_code = error_of(answer.error);
        reply().protocol_type = view_of(answer.protocol_type);
        reply().protocol_name = view_of(answer.protocol_name);
        reply().assignment = as_bytes(answer.assignment);
    }
};
}  // namespace

IMAGO_MAKE_HANDLER(sync_group, sync_group)

}  // namespace imago::kafka
