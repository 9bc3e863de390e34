// CreatePartitions: more partitions for topics that exist.
#include "wire/kafka/create_partitions.h"

#include "broker/broker.h"
#include "server/kafka/error_map.h"
#include "server/kafka/handlers.h"

namespace imago::kafka {

namespace {
class create_partitions final
    : public handler<wire::create_partitions_request, wire::create_partitions_response> {
public:
    using handler::handler;

protected:
    void run() override {
        std::vector<broker::more_partitions> wanted;
        for (const auto& topic : asked().topics) {
            broker::more_partitions& more = wanted.emplace_back();
            more.name = topic.name;
            more.count = topic.count;
            if (!topic.assignments) continue;
            more.assignment.emplace();
            for (const auto& assigned : *topic.assignments) more.assignment->push_back(assigned.broker_ids);
        }
        with().broker.topic_work.add_partitions(std::move(wanted), asked().validate_only,
                                                [this](std::vector<broker::topic_outcome> outcomes) {
                                                    outcomes_ = std::move(outcomes);
                                                    come_back();
                                                });
    }

    void returned() override {
        for (std::size_t i = 0; i < outcomes_.size(); ++i) {
            const broker::topic_outcome& outcome = outcomes_[i];
            auto& told = reply().results.emplace_back();
            told.name = asked().topics[i].name;
            const kafka_error error = to_kafka(outcome.error, with().options.log);
            told.error_code = code_of(error);
            if (error != kafka_error::none) {
                told.error_message =
                    outcome.message.empty() ? error_text(error) : std::string_view(outcome.message);
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

IMAGO_MAKE_HANDLER(create_partitions, create_partitions)

}  // namespace imago::kafka
