// CreateTopics.
#include "wire/kafka/create_topics.h"

#include "broker/broker.h"
#include "server/kafka/config_reply.h"
#include "server/kafka/error_map.h"
#include "server/kafka/handlers.h"
#include "server/kafka/topic_lookup.h"

namespace imago::kafka {

namespace {
class create_topics final : public handler<wire::create_topics_request, wire::create_topics_response> {
public:
    using handler::handler;

protected:
    void run() override {
        std::vector<broker::new_topic> wanted;
        for (const auto& topic : asked().topics) {
            broker::new_topic& made = wanted.emplace_back();
            made.name = topic.name;
            made.partitions = topic.num_partitions;
            made.replication_factor = topic.replication_factor;
            for (const auto& assigned : topic.assignments) {
                made.assignment.push_back({assigned.partition_index, assigned.broker_ids});
            }
            for (const auto& config : topic.configs) made.configs.push_back(to_setting(config));
        }
        with().broker.topic_work.create(std::move(wanted), asked().validate_only, with().options.clock(),
                                        [this](std::vector<broker::topic_outcome> outcomes) {
                                            outcomes_ = std::move(outcomes);
                                            come_back();
                                        });
    }

    void returned() override {
        const broker::topic_defaults defaults = with().broker.topics.defaults();
        for (const broker::topic_outcome& outcome : outcomes_) {
            auto& told = reply().topics.emplace_back();
            told.name = outcome.name;
            const kafka_error error = to_kafka(outcome.error, with().options.log);
            told.error_code = code_of(error);
            if (error != kafka_error::none) {
                told.error_message =
                    outcome.message.empty() ? error_text(error) : std::string_view(outcome.message);
                continue;
            }
            told.topic_id = outcome.topic->id;
            told.num_partitions = static_cast<std::int32_t>(outcome.topic->partitions.size());
            told.replication_factor = 1;
            if (version() < 5) continue;
            told.configs.emplace();
            for (broker::config_entry& entry : describe_topic_config(outcome.topic->configs, defaults)) {
                auto& config = told.configs->emplace_back();
                config.name = entry.key->name;
                if (!is_sensitive(entry)) config.value = keep(std::move(entry.value));
                config.read_only = entry.read_only;
                config.config_source = to_kafka(entry.source);
                config.is_sensitive = is_sensitive(entry);
            }
        }
        respond_now();
    }
    void clear() override {
        handler::clear();
        outcomes_.clear();
    }

private:
    std::vector<broker::topic_outcome> outcomes_;
};
}  // namespace

IMAGO_MAKE_HANDLER(create_topics, create_topics)

}  // namespace imago::kafka
