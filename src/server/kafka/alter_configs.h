// What AlterConfigs and IncrementalAlterConfigs have in common: a list of resources, topics and the server,
// each with its own outcome.
#pragma once

#include "broker/broker.h"
#include "server/kafka/config_reply.h"
#include "server/kafka/error_map.h"
#include "server/kafka/handlers.h"

#include <atomic>
#include <string>
#include <vector>

namespace imago::kafka {

template <class Request, class Response>
class config_change_handler : public handler<Request, Response> {
public:
    using handler<Request, Response>::handler;

protected:
    /// Starts the work on topics (one call for all of them) and on the server; topics_done() and
    /// server_done() follow.
    virtual void change_topics(const std::vector<std::size_t>& resources) = 0;
    virtual void change_server(std::size_t resource) = 0;

    void run() override {
        std::vector<std::size_t> topics;
        std::vector<std::size_t> servers;
        for (std::size_t i = 0; i < this->asked().resources.size(); ++i) {
            const auto& resource = this->asked().resources[i];
            auto& told = this->reply().responses.emplace_back();
            told.resource_type = resource.resource_type;
            told.resource_name = resource.resource_name;
            if (resource.resource_type == topic_resource) {
                topics.push_back(i);
            } else if (resource.resource_type == broker_resource &&
                       (resource.resource_name.empty() ||
                        resource.resource_name == std::to_string(this->with().options.node_id))) {
                servers.push_back(i);
            } else {
                refuse(i, kafka_error::invalid_request, "there are no settings of this resource");
            }
        }
        topics_ = topics;
        left_ = (topics.empty() ? 0 : 1) + static_cast<int>(servers.size());
        server_outcomes_.resize(this->asked().resources.size());
        if (left_ == 0) return this->respond_now();
        if (!topics.empty()) change_topics(topics);
        for (const std::size_t i : servers) change_server(i);
    }

    [[nodiscard]] broker::topics_done topics_done() {
        return [this](std::vector<broker::topic_outcome> outcomes) {
            topic_outcomes_ = std::move(outcomes);
            one_done();
        };
    }
    [[nodiscard]] broker::server_admin::done_function server_done(std::size_t resource) {
        return [this, resource](broker::server_outcome outcome) {
            server_outcomes_[resource] = std::move(outcome);
            one_done();
        };
    }

    void returned() override {
        for (std::size_t i = 0; i < topic_outcomes_.size(); ++i) {
            tell(topics_[i], topic_outcomes_[i].error, topic_outcomes_[i].message);
        }
        for (std::size_t i = 0; i < server_outcomes_.size(); ++i) {
            if (server_outcomes_[i].error) tell(i, server_outcomes_[i].error, server_outcomes_[i].message);
        }
        this->respond_now();
    }
    void clear() override {
        handler<Request, Response>::clear();
        topics_.clear();
        topic_outcomes_.clear();
        server_outcomes_.clear();
    }
    void refuse(std::size_t resource, kafka_error error, std::string_view text) {
        auto& told = this->reply().responses[resource];
        told.error_code = code_of(error);
        told.error_message = text.empty() ? error_text(error) : text;
    }

private:
    void tell(std::size_t resource, std::error_code error, const std::string& message) {
        if (error) refuse(resource, kafka::to_kafka(error, this->with().options.log), message);
    }
    /// Any thread.
    void one_done() {
        if (left_.fetch_sub(1) == 1) this->come_back();
    }

    std::vector<std::size_t> topics_;
    std::vector<broker::topic_outcome> topic_outcomes_;
    std::vector<broker::server_outcome> server_outcomes_;
    std::atomic<int> left_{0};
};

}  // namespace imago::kafka
