// DeleteTopics, by name or by id.
#include "wire/kafka/delete_topics.h"

#include "broker/broker.h"
#include "server/kafka/error_map.h"
#include "server/kafka/handlers.h"

namespace imago::kafka {

namespace {
class delete_topics final : public handler<wire::delete_topics_request, wire::delete_topics_response> {
public:
    using handler::handler;

protected:
    void run() override {
        std::vector<broker::topic_reference> which;
        if (version() >= 6) {
            for (const auto& topic : asked().topics)
                which.push_back({std::string(topic.name.value_or("")), topic.topic_id});
        } else {
            for (const std::string_view name : asked().topic_names) which.push_back({std::string(name), {}});
        }
        with().broker.topic_work.remove(std::move(which),
                                        [this](std::vector<broker::topic_outcome> outcomes) {
                                            outcomes_ = std::move(outcomes);
                                            come_back();
                                        });
    }

    void returned() override {
        for (std::size_t i = 0; i < outcomes_.size(); ++i) {
            const broker::topic_outcome& outcome = outcomes_[i];
            auto& told = reply().responses.emplace_back();
            const kafka_error error = to_kafka(outcome.error, with().options.log);
            told.error_code = code_of(error);
            if (error != kafka_error::none) {
                told.error_message =
                    outcome.message.empty() ? error_text(error) : std::string_view(outcome.message);
            }
            if (outcome.topic != nullptr) {
                told.name = outcome.topic->name;
                told.topic_id = outcome.topic->id;
            } else if (version() >= 6) {
                told.name = asked().topics[i].name;
                told.topic_id = asked().topics[i].topic_id;
            } else {
                told.name = asked().topic_names[i];
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

IMAGO_MAKE_HANDLER(delete_topics, delete_topics)

}  // namespace imago::kafka
