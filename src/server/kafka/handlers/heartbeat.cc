// Heartbeat: keeps a member in its group, and tells it when to join again.
#include "wire/kafka/heartbeat.h"

#include "server/kafka/group_handler.h"
#include "server/kafka/handlers.h"

namespace imago::kafka {

namespace {
class heartbeat final
    : public group_handler<wire::heartbeat_request, wire::heartbeat_response, groups::heartbeat_answer> {
public:
    using group_handler::group_handler;

protected:
    groups::ticket ask() override {
        groups::heartbeat_request beat;
        beat.member_id = asked().member_id;
        beat.instance = to_instance(asked().group_instance_id);
        beat.generation = asked().generation_id;
        return group_work().heartbeat(std::string(asked().group_id), std::move(beat), now(), on_answer());
    }

    void tell(groups::heartbeat_answer& answer) override { reply().error_code = error_of(answer.error); }
};
}  // namespace

IMAGO_MAKE_HANDLER(heartbeat, heartbeat)

}  // namespace imago::kafka
