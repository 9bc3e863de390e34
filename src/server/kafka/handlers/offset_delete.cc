// OffsetDelete: a group forgets how far it has read in some queues, if nobody in it consumes them.
#include "wire/kafka/offset_delete.h"

#include "server/kafka/group_handler.h"
#include "server/kafka/handlers.h"
#include "server/kafka/topic_lookup.h"

namespace imago::kafka {

namespace {
class offset_delete final : public handler<wire::offset_delete_request, wire::offset_delete_response> {
public:
    using handler::handler;

protected:
    void run() override {
        std::vector<broker::offset_reference> which;
        for (const auto& topic : asked().topics) {
            auto& told = reply().topics.emplace_back();
            told.name = topic.name;
            const broker::topic_ptr found = with().broker.topics.find(topic.name);
            for (const auto& partition : topic.partitions) {
                told.partitions.push_back({partition.partition_index, 0});
                which.push_back({found, partition.partition_index});
            }
        }
        with().broker.group_work.delete_offsets(
            std::string(asked().group_id), std::move(which), group_now(with().options),
            [this](std::error_code error, std::vector<std::error_code> outcomes) {
                error_ = error;
                outcomes_ = std::move(outcomes);
                come_back();
            });
    }

    void returned() override {
        reply().error_code = code_of(to_kafka(error_, with().options.log));
        if (error_) reply().topics.clear();
        std::size_t next = 0;
        for (auto& topic : reply().topics) {
            for (auto& partition : topic.partitions) {
                partition.error_code = code_of(to_kafka(outcomes_[next++], with().options.log));
            }
        }
        respond_now();
    }
    void clear() override {
        handler::clear();
        error_ = {};
        outcomes_.clear();
    }

private:
    std::error_code error_;
    std::vector<std::error_code> outcomes_;
};
}  // namespace

IMAGO_MAKE_HANDLER(offset_delete, offset_delete)

}  // namespace imago::kafka
