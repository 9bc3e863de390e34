// DescribeLogDirs: how much each partition holds.
#include "wire/kafka/describe_log_dirs.h"

#include "broker/broker.h"
#include "server/kafka/handlers.h"
#include "server/kafka/topic_lookup.h"
#include "store/store.h"

namespace imago::kafka {

namespace {
class describe_log_dirs final
    : public handler<wire::describe_log_dirs_request, wire::describe_log_dirs_response> {
public:
    using handler::handler;

protected:
    void run() override {
        auto& directory = reply().results.emplace_back();
        directory.log_dir = with().options.log_directory;
        if (asked().topics) {
            for (const auto& wanted : *asked().topics) {
                const broker::topic_ptr topic = with().broker.topics.find(wanted.topic);
                if (topic == nullptr) continue;
                auto& told = add(directory, topic);
                for (const std::int32_t index : wanted.partitions) tell(told, *topic, index);
            }
        } else {
            for (const broker::topic_ptr& topic : with().broker.topics.all()) {
                auto& told = add(directory, topic);
                for (std::size_t i = 0; i < topic->partitions.size(); ++i) {
                    tell(told, *topic, static_cast<std::int32_t>(i));
                }
            }
        }
        respond_now();
    }
    void clear() override {
        handler::clear();
        held_.clear();
    }

private:
    using directory_reply = wire::describe_log_dirs_response::describe_log_dirs_result;
    using topic_reply = directory_reply::describe_log_dirs_topic;

    topic_reply& add(directory_reply& directory, const broker::topic_ptr& topic) {
        held_.push_back(topic);
        topic_reply& told = directory.topics.emplace_back();
        told.name = topic->name;
        return told;
    }
    void tell(topic_reply& told, const broker::topic& topic, std::int32_t index) {
        const auto queue = topic.queue(index);
        if (!queue) return;
        auto& partition = told.partitions.emplace_back();
        partition.partition_index = index;
        partition.partition_size = static_cast<std::int64_t>(with().store.live_bytes(*queue));
    }
    std::vector<broker::topic_ptr> held_;
};
}  // namespace

IMAGO_MAKE_HANDLER(describe_log_dirs, describe_log_dirs)

}  // namespace imago::kafka
