// DescribeConfigs of topics and of the server.
#include "wire/kafka/describe_configs.h"

#include "broker/broker.h"
#include "broker/topic_name.h"
#include "server/kafka/config_reply.h"
#include "server/kafka/handlers.h"

#include <algorithm>

namespace imago::kafka {

namespace {
class describe_configs final
    : public handler<wire::describe_configs_request, wire::describe_configs_response> {
public:
    using handler::handler;

protected:
    void run() override {
        for (const auto& resource : asked().resources) {
            auto& told = reply().results.emplace_back();
            told.resource_type = resource.resource_type;
            told.resource_name = resource.resource_name;
            if (resource.resource_type == topic_resource) {
                describe_topic(resource, told);
            } else if (resource.resource_type == broker_resource) {
                describe_server(resource, told);
            } else if (resource.resource_type != broker_logger_resource) {
                refuse(told, kafka_error::invalid_request, "there are no settings of this type of resource");
            }
        }
        respond_now();
    }

private:
    using resource_asked = wire::describe_configs_request::describe_configs_resource;
    using result_told = wire::describe_configs_response::describe_configs_result;

    void describe_topic(const resource_asked& resource, result_told& told) {
        const broker::topic_ptr topic = with().broker.topics.find(resource.resource_name);
        if (topic == nullptr) {
            if (const auto problem = broker::topic_name_problem(resource.resource_name)) {
                return refuse(told, kafka_error::invalid_topic_exception, keep(*problem));
            }
            return refuse(told, kafka_error::unknown_topic_or_partition);
        }
        fill(resource, told, describe_topic_config(topic->configs, with().broker.topics.defaults()));
    }

    void describe_server(const resource_asked& resource, result_told& told) {
        // Without a name: what is set for all servers of the cluster, which is what was set at run time.
        const bool defaults = resource.resource_name.empty();
        if (!defaults && resource.resource_name != std::to_string(with().options.node_id)) {
            return refuse(told, kafka_error::invalid_request,
                          keep("there is no server " + std::string(resource.resource_name)));
        }
        std::vector<broker::config_entry> entries = with().broker.settings.describe();
        if (defaults) {
            std::erase_if(entries, [](const broker::config_entry& entry) {
                return entry.source != broker::config_source::server_dynamic;
            });
        }
        fill(resource, told, std::move(entries));
    }

    void fill(const resource_asked& resource, result_told& told, std::vector<broker::config_entry> entries) {
        for (broker::config_entry& entry : entries) {
            if (resource.configuration_keys &&
                std::find(resource.configuration_keys->begin(), resource.configuration_keys->end(),
                          entry.key->name) == resource.configuration_keys->end()) {
                continue;
            }
            auto& config = told.configs.emplace_back();
            config.name = entry.key->name;
            config.read_only = entry.read_only;
            config.is_sensitive = is_sensitive(entry);
            if (!config.is_sensitive) config.value = keep(std::move(entry.value));
            config.config_source = to_kafka(entry.source);
            config.config_type = to_kafka(entry.key->type);
            if (asked().include_documentation) config.documentation = entry.key->help;
            if (!asked().include_synonyms) continue;
            for (broker::config_entry::synonym& other : entry.synonyms) {
                auto& synonym = config.synonyms.emplace_back();
                synonym.name = other.name;
                if (!config.is_sensitive) synonym.value = keep(std::move(other.value));
                synonym.source = to_kafka(other.source);
            }
        }
    }

    void refuse(result_told& told, kafka_error error, std::string_view text = {}) {
        told.error_code = code_of(error);
        told.error_message = text.empty() ? error_text(error) : text;
    }
};
}  // namespace

IMAGO_MAKE_HANDLER(describe_configs, describe_configs)

}  // namespace imago::kafka
