// ConsumerGroupHeartbeat: the consumer protocol (KIP-848). Joins, keeps and leaves, and tells a member what
// is its own.
#include "wire/kafka/consumer_group_heartbeat.h"

#include "server/kafka/group_handler.h"
#include "server/kafka/handlers.h"

namespace imago::kafka {

namespace {
class consumer_group_heartbeat final
    : public group_handler<wire::consumer_group_heartbeat_request, wire::consumer_group_heartbeat_response,
                           groups::consumer_heartbeat_answer> {
public:
    using group_handler::group_handler;

protected:
    groups::ticket ask() override {
        groups::consumer_heartbeat_request beat;
        beat.member_id = asked().member_id;
        beat.member_epoch = asked().member_epoch;
        beat.instance = to_instance(asked().instance_id);
        if (asked().rack_id) beat.rack = std::string(*asked().rack_id);
        beat.rebalance_timeout_ms = asked().rebalance_timeout_ms;
        if (asked().subscribed_topic_names) {
            beat.topics.emplace(asked().subscribed_topic_names->begin(),
                                asked().subscribed_topic_names->end());
        }
        if (asked().subscribed_topic_regex) beat.topic_regex = std::string(*asked().subscribed_topic_regex);
        if (asked().server_assignor) beat.assignor = std::string(*asked().server_assignor);
        if (asked().topic_partitions) {
            beat.owned.emplace();
            for (const auto& topic : *asked().topic_partitions) {
                beat.owned->push_back({topic.topic_id, {topic.partitions.begin(), topic.partitions.end()}});
            }
        }
        beat.client = client();
        beat.own_member_id = version() >= 1;
        return group_work().consumer_heartbeat(std::string(asked().group_id), std::move(beat), now(),
                                               on_answer());
    }

    void tell(groups::consumer_heartbeat_answer& answer) override {
        reply().error_code = error_of(answer.error);
        if (!answer.message.empty()) reply().error_message = answer.message;
        reply().member_id = view_of(answer.member_id);
        reply().member_epoch = answer.member_epoch;
        reply().heartbeat_interval_ms = answer.heartbeat_interval_ms;
        if (!answer.assignment) return;
        auto& told = reply().assignment.emplace();
        for (auto& topic : *answer.assignment) {
            told.topic_partitions.push_back({topic.topic, std::move(topic.partitions)});
        }
    }
};
}  // namespace

IMAGO_MAKE_HANDLER(consumer_group_heartbeat, consumer_group_heartbeat)

}  // namespace imago::kafka
