// OffsetForLeaderEpoch: where the records of an epoch end.
#include "wire/kafka/offset_for_leader_epoch.h"

#include "broker/broker.h"
#include "server/kafka/handlers.h"
#include "server/kafka/topic_lookup.h"
#include "store/store.h"

namespace imago::kafka {

namespace {
class offset_for_leader_epoch final
    : public handler<wire::offset_for_leader_epoch_request, wire::offset_for_leader_epoch_response> {
public:
    using handler::handler;

protected:
    void run() override {
        for (const auto& topic : asked().topics) {
            auto& told = reply().topics.emplace_back();
            told.topic = topic.topic;
            const broker::topic_ptr found = with().broker.topics.find(topic.topic);
            for (const auto& partition : topic.partitions) {
                auto& end = told.partitions.emplace_back();
                end.partition = partition.partition;
                const auto queue = found != nullptr ? found->queue(partition.partition) : std::nullopt;
                const auto bounds = queue ? with().store.bounds(*queue) : std::nullopt;
                if (!bounds) {
                    end.error_code = code_of(kafka_error::unknown_topic_or_partition);
                    continue;
                }
                const kafka_error error =
                    check_leader_epoch(partition.current_leader_epoch, leader_epoch_now);
                end.error_code = code_of(error);
                if (error != kafka_error::none) continue;
                // All records are of the one epoch; nothing is known of later ones.
                if (partition.leader_epoch < 0 || partition.leader_epoch > leader_epoch_now) continue;
                end.leader_epoch = leader_epoch_now;
                end.end_offset = bounds->end.value;
            }
        }
        respond_now();
    }
};
}  // namespace

IMAGO_MAKE_HANDLER(offset_for_leader_epoch, offset_for_leader_epoch)

}  // namespace imago::kafka
