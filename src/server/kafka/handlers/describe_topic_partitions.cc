// DescribeTopicPartitions: like Metadata for topics, page by page.
#include "wire/kafka/describe_topic_partitions.h"

#include "broker/broker.h"
#include "broker/topic_name.h"
#include "server/kafka/handlers.h"
#include "server/kafka/topic_lookup.h"

#include <algorithm>

namespace imago::kafka {

namespace {
class describe_topic_partitions final
    : public handler<wire::describe_topic_partitions_request, wire::describe_topic_partitions_response> {
public:
    using handler::handler;

protected:
    void run() override {
        const std::int32_t most = with().options.topic_partitions_listed_max;
        left_ = std::clamp(asked().response_partition_limit, 1, most);
        const auto& cursor = asked().cursor;
        if (asked().topics.empty()) {
            for (const broker::topic_ptr& topic : with().broker.topics.all())
                names_.push_back(keep(topic->name));
        } else {
            for (const auto& topic : asked().topics) names_.push_back(topic.name);
            std::sort(names_.begin(), names_.end());
            names_.erase(std::unique(names_.begin(), names_.end()), names_.end());
        }
        for (const std::string_view name : names_) {
            if (cursor && name < cursor->topic_name) continue;
            const std::int32_t from = cursor && name == cursor->topic_name ? cursor->partition_index : 0;
            if (!describe(name, std::max(from, 0))) break;
        }
        respond_now();
    }
    void clear() override {
        handler::clear();
        names_.clear();
        held_.clear();
    }

private:
    /// False when the page is full: the cursor is set then.
    bool describe(std::string_view name, std::int32_t from) {
        if (left_ == 0) {
            reply().next_cursor.emplace();
            reply().next_cursor->topic_name = name;
            reply().next_cursor->partition_index = from;
            return false;
        }
        const broker::topic_ptr topic = with().broker.topics.find(name);
        auto& told = reply().topics.emplace_back();
        told.name = name;
        if (topic == nullptr) {
            told.error_code =
                code_of(broker::topic_name_problem(name) ? kafka_error::invalid_topic_exception
                                                         : kafka_error::unknown_topic_or_partition);
            return true;
        }
        held_.push_back(topic);
        told.topic_id = topic->id;
        told.topic_authorized_operations = topic_operations;
        const auto count = static_cast<std::int32_t>(topic->partitions.size());
        std::int32_t index = from;
        for (; index < count && left_ > 0; ++index, --left_) {
            auto& partition = told.partitions.emplace_back();
            partition.partition_index = index;
            partition.leader_id = with().options.node_id;
            partition.leader_epoch = leader_epoch_now;
            partition.replica_nodes = {with().options.node_id};
            partition.isr_nodes = {with().options.node_id};
            // Empty, not null: Java's Admin takes these two for granted.
            partition.eligible_leader_replicas.emplace();
            partition.last_known_elr.emplace();
        }
        if (index == count) return true;
        reply().next_cursor.emplace();
        reply().next_cursor->topic_name = name;
        reply().next_cursor->partition_index = index;
        return false;
    }

    std::int32_t left_ = 0;
    std::vector<std::string_view> names_;
    std::vector<broker::topic_ptr> held_;
};
}  // namespace

IMAGO_MAKE_HANDLER(describe_topic_partitions, describe_topic_partitions)

}  // namespace imago::kafka
