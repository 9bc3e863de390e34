// DeleteRecords: moves the starts of queues.
#include "wire/kafka/delete_records.h"

#include "broker/broker.h"
#include "server/kafka/error_map.h"
#include "server/kafka/handlers.h"
#include "server/kafka/topic_lookup.h"
#include "store/store.h"

namespace imago::kafka {

namespace {
class delete_records final : public handler<wire::delete_records_request, wire::delete_records_response> {
public:
    using handler::handler;

protected:
    void run() override {
        for (const auto& topic : asked().topics) {
            auto& told = reply().topics.emplace_back();
            told.name = topic.name;
            const broker::topic_ptr found = with().broker.topics.find(topic.name);
            for (const auto& partition : topic.partitions) {
                auto& result = told.partitions.emplace_back();
                result.partition_index = partition.partition_index;
                result.low_watermark = -1;
                const auto queue = found != nullptr ? found->queue(partition.partition_index) : std::nullopt;
                const auto bounds = queue ? with().store.bounds(*queue) : std::nullopt;
                if (!bounds) {
                    result.error_code = code_of(kafka_error::unknown_topic_or_partition);
                    continue;
                }
                const std::int64_t to = partition.offset == -1 ? bounds->end.value : partition.offset;
                if (to < 0 || to > bounds->end.value || to < bounds->start.value) {
                    result.error_code = code_of(kafka_error::offset_out_of_range);
                    continue;
                }
                result.low_watermark = to;
                change_.changes.push_back(store::store::queue_trimmed(*queue, queue_offset{to}));
            }
        }
        if (change_.changes.empty()) return respond_now();
        change_.done = [](store::change_request& done) {
            static_cast<delete_records*>(done.context)->come_back();
        };
        change_.context = this;
        with().store.change(change_);
    }

    void returned() override {
        if (change_.error) {
            const std::int16_t code = code_of(to_kafka(change_.error, with().options.log));
            for (auto& topic : reply().topics) {
                for (auto& partition : topic.partitions) {
                    if (partition.error_code != 0) continue;
                    partition.error_code = code;
                    partition.low_watermark = -1;
                }
            }
        }
        respond_now();
    }
    void clear() override {
        handler::clear();
        change_ = {};
    }

private:
    store::change_request change_;
};
}  // namespace

IMAGO_MAKE_HANDLER(delete_records, delete_records)

}  // namespace imago::kafka
