// OffsetFetch: what a group has committed.
#include "wire/kafka/offset_fetch.h"

#include "broker/broker.h"
#include "server/kafka/group_handler.h"
#include "server/kafka/handlers.h"
#include "server/kafka/topic_lookup.h"

namespace imago::kafka {

namespace {
class offset_fetch final : public handler<wire::offset_fetch_request, wire::offset_fetch_response> {
public:
    using handler::handler;

protected:
    void run() override {
        now_ = with().options.clock();
        if (version() < 8) {
            if (asked().topics) {
                for (const auto& topic : *asked().topics) one_topic(topic);
            } else {
                every_topic(asked().group_id, reply().topics);
            }
            return respond_now();
        }
        for (const auto& group : asked().groups) {
            auto& told = reply().groups.emplace_back();
            told.group_id = group.group_id;
            if (version() >= 9) {
                const groups::offset_claim who{std::string(group.member_id.value_or("")), std::nullopt,
                                               group.member_epoch, true};
                if (const auto why = with().broker.group_work.check_fetch(group.group_id, who)) {
                    told.error_code = code_of(to_kafka(why, with().options.log));
                    continue;
                }
            }
            if (!group.topics) {
                every_topic(group.group_id, told.topics);
                continue;
            }
            for (const auto& topic : *group.topics) {
                auto& known = told.topics.emplace_back();
                known.name = topic.name;
                known.topic_id = topic.topic_id;
                const found_topic found =
                    find_topic(with().broker.topics, version() >= 10, topic.topic_id, topic.name);
                for (const std::int32_t index : topic.partition_indexes) {
                    auto& partition = known.partitions.emplace_back();
                    tell(partition, group.group_id, found.topic, index);
                    if (version() >= 10) partition.error_code = code_of(found.error);
                }
            }
        }
        respond_now();
    }

private:
    void one_topic(const wire::offset_fetch_request::offset_fetch_request_topic& topic) {
        auto& told = reply().topics.emplace_back();
        told.name = topic.name;
        const broker::topic_ptr found = with().broker.topics.find(topic.name);
        for (const std::int32_t index : topic.partition_indexes) {
            tell(told.partitions.emplace_back(), asked().group_id, found, index);
        }
    }

    template <class Topics>
    void every_topic(std::string_view group, Topics& topics) {
        uuid last{};
        for (auto& [where, offset] : with().broker.offsets.all_of(group, now_)) {
            if (topics.empty() || where.topic != last) {
                const broker::topic_ptr topic = with().broker.topics.find(where.topic);
                if (topic == nullptr) continue;
                last = where.topic;
                auto& told = topics.emplace_back();
                told.name = keep(topic->name);
                if constexpr (requires { told.topic_id; }) told.topic_id = topic->id;
            }
            auto& partition = topics.back().partitions.emplace_back();
            partition.partition_index = where.partition;
            fill(partition, offset);
        }
    }

    template <class Partition>
    void tell(Partition& partition, std::string_view group, const broker::topic_ptr& topic,
              std::int32_t index) {
        partition.partition_index = index;
        partition.committed_offset = -1;
        partition.metadata = "";
        if (topic == nullptr) return;
        const auto offset = with().broker.offsets.find(group, {topic->id, index}, now_);
        if (offset) fill(partition, *offset);
    }
    template <class Partition>
    void fill(Partition& partition, const broker::committed_offset& offset) {
        partition.committed_offset = offset.offset.value;
        partition.committed_leader_epoch = offset.leader_epoch;
        partition.metadata = keep(offset.metadata);
    }

    unix_ms now_ = 0;
};
}  // namespace

IMAGO_MAKE_HANDLER(offset_fetch, offset_fetch)

}  // namespace imago::kafka
