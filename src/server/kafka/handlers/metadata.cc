// Metadata: brokers, topics and their partitions; makes topics that do not exist yet when it may.
#include "wire/kafka/metadata.h"

#include "broker/broker.h"
#include "broker/errors.h"
#include "broker/topic_name.h"
#include "server/kafka/error_map.h"
#include "server/kafka/handlers.h"
#include "server/kafka/topic_lookup.h"

namespace imago::kafka {

namespace {
class metadata final : public handler<wire::metadata_request, wire::metadata_response> {
public:
    using handler::handler;

protected:
    void run() override {
        const bool may_create = with().broker.settings.auto_create_topics() &&
                                (version() < 4 || asked().allow_auto_topic_creation);
        std::vector<broker::new_topic> missing;
        if (may_create && asked().topics) {
            for (const auto& wanted : *asked().topics) {
                if (!wanted.name || wanted.name->empty() ||
                    with().broker.topics.find(*wanted.name) != nullptr)
                    continue;
                if (broker::topic_name_problem(*wanted.name)) continue;
                missing.push_back({.name = std::string(*wanted.name)});
            }
        }
        if (missing.empty()) return build();
        with().broker.topic_work.create(std::move(missing), false, with().options.clock(),
                                        [this](std::vector<broker::topic_outcome> outcomes) {
                                            outcomes_ = std::move(outcomes);
                                            come_back();
                                        });
    }
    void returned() override { build(); }
    void clear() override {
        handler::clear();
        outcomes_.clear();
    }

private:
    using topic_reply = wire::metadata_response::metadata_response_topic;

    void build() {
        const kafka_options& options = with().options;
        reply().brokers = {{options.node_id, options.host, options.port, std::nullopt}};
        reply().cluster_id = options.cluster_id;
        reply().controller_id = options.node_id;
        if (asked().include_cluster_authorized_operations) {
            reply().cluster_authorized_operations = cluster_operations;
        }
        const bool all = !asked().topics || (version() == 0 && asked().topics->empty());
        if (all) {
            held_ = with().broker.topics.all();
            for (const broker::topic_ptr& topic : held_) describe(*topic);
        } else {
            for (const auto& wanted : *asked().topics) find(wanted);
        }
        respond_now();
        held_.clear();
    }

    void find(const wire::metadata_request::metadata_request_topic& wanted) {
        const bool by_id = !wanted.name || !wanted.topic_id.is_nil();  // Java says name "" with an id
        if (by_id) {
            if (broker::topic_ptr topic = with().broker.topics.find(wanted.topic_id)) {
                return describe(*held_.emplace_back(std::move(topic)));
            }
            topic_reply& missing = reply().topics.emplace_back();
            missing.topic_id = wanted.topic_id;
            missing.error_code = code_of(kafka_error::unknown_topic_id);
            if (version() < 12) missing.name = "";
            return;
        }
        if (broker::topic_ptr topic = with().broker.topics.find(*wanted.name)) {
            return describe(*held_.emplace_back(std::move(topic)));
        }
        topic_reply& missing = reply().topics.emplace_back();
        missing.name = *wanted.name;
        missing.error_code = code_of(why_missing(*wanted.name));
    }

    kafka_error why_missing(std::string_view name) const {
        if (broker::topic_name_problem(name)) return kafka_error::invalid_topic_exception;
        for (const broker::topic_outcome& outcome : outcomes_) {
            if (outcome.name != name || !outcome.error) continue;
            // Somebody else made it, and it is not visible yet: clients ask again.
            if (outcome.error == broker::broker_errc::topic_already_exists)
                return kafka_error::leader_not_available;
            return to_kafka(outcome.error, with().options.log);
        }
        return kafka_error::unknown_topic_or_partition;
    }

    void describe(const broker::topic& topic) {
        topic_reply& known = reply().topics.emplace_back();
        known.name = topic.name;
        known.topic_id = topic.id;
        if (asked().include_topic_authorized_operations) known.topic_authorized_operations = topic_operations;
        known.partitions.reserve(topic.partitions.size());
        for (std::size_t i = 0; i < topic.partitions.size(); ++i) {
            auto& partition = known.partitions.emplace_back();
            partition.partition_index = static_cast<std::int32_t>(i);
            partition.leader_id = with().options.node_id;
            partition.leader_epoch = leader_epoch_now;
            partition.replica_nodes = {with().options.node_id};
            partition.isr_nodes = {with().options.node_id};
        }
    }

    std::vector<broker::topic_outcome> outcomes_;
    std::vector<broker::topic_ptr> held_;  // names in the answer point into them
};
}  // namespace

IMAGO_MAKE_HANDLER(metadata, metadata)

}  // namespace imago::kafka
