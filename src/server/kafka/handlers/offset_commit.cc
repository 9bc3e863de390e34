// OffsetCommit: of members of a group, and of consumers that assign their partitions themselves (generation -1, no
// member id).
#include "wire/kafka/offset_commit.h"

#include "broker/broker.h"
#include "server/kafka/group_handler.h"
#include "server/kafka/handlers.h"
#include "server/kafka/topic_lookup.h"

namespace imago::kafka {

namespace {
class offset_commit final : public handler<wire::offset_commit_request, wire::offset_commit_response> {
public:
    using handler::handler;

protected:
    void run() override {
        const bool by_id = version() >= 10;
        std::vector<broker::offset_commit> commits;
        for (const auto& topic : asked().topics) {
            auto& told = reply().topics.emplace_back();
            told.name = topic.name;
            told.topic_id = topic.topic_id;
            const found_topic found = find_topic(with().broker.topics, by_id, topic.topic_id, topic.name);
            told.partitions.resize(topic.partitions.size());
            for (std::size_t p = 0; p < topic.partitions.size(); ++p) {
                const auto& partition = topic.partitions[p];
                told.partitions[p].partition_index = partition.partition_index;
                told.partitions[p].error_code = code_of(found.error);
                if (found.error != kafka_error::none) continue;
                places_.push_back({reply().topics.size() - 1, p});
                commits.push_back({found.topic, partition.partition_index,
                                   queue_offset{partition.committed_offset}, partition.committed_leader_epoch,
                                   std::string(partition.committed_metadata.value_or(""))});
            }
        }
        if (commits.empty()) return respond_now();
        const groups::offset_claim who{std::string(asked().member_id), to_instance(asked().group_instance_id),
                                       asked().generation_id_or_member_epoch, version() >= 9};
        with().broker.group_work.commit(std::string(asked().group_id), who, std::move(commits),
                                        asked().retention_time_ms, group_now(with().options),
                                        with().options.clock(),
                                        [this](std::vector<std::error_code> errors) {
                                            errors_ = std::move(errors);
                                            come_back();
                                        });
    }

    void returned() override {
        for (std::size_t i = 0; i < places_.size(); ++i) {
            reply().topics[places_[i].topic].partitions[places_[i].partition].error_code =
                code_of(to_kafka(errors_[i], with().options.log));
        }
        respond_now();
    }
    void clear() override {
        handler::clear();
        places_.clear();
        errors_.clear();
    }

private:
    struct place {
        std::size_t topic;
        std::size_t partition;
    };
    std::vector<place> places_;  // of what was committed, in the answer
    std::vector<std::error_code> errors_;
};
}  // namespace

IMAGO_MAKE_HANDLER(offset_commit, offset_commit)

}  // namespace imago::kafka
