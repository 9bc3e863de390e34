// IncrementalAlterConfigs: single steps on the settings of a resource.
#include "wire/kafka/incremental_alter_configs.h"

#include "server/kafka/alter_configs.h"

namespace imago::kafka {

namespace {
class incremental_alter_configs final
    : public config_change_handler<wire::incremental_alter_configs_request,
                                   wire::incremental_alter_configs_response> {
public:
    using config_change_handler::config_change_handler;

protected:
    void run() override {
        for (const auto& resource : asked().resources) {
            for (const auto& config : resource.configs) {
                if (config.config_operation >= 0 && config.config_operation <= 3) continue;
                for (const auto& each : asked().resources) {
                    reply().responses.push_back(
                        {.resource_type = each.resource_type, .resource_name = each.resource_name});
                    refuse(reply().responses.size() - 1, kafka_error::invalid_request,
                           "a step must be set (0), delete (1), append (2) or subtract (3)");
                }
                return respond_now();
            }
        }
        config_change_handler::run();
    }
    void change_topics(const std::vector<std::size_t>& resources) override {
        std::vector<broker::config_steps> wanted;
        for (const std::size_t i : resources)
            wanted.push_back({std::string(asked().resources[i].resource_name), steps(i)});
        with().broker.topic_work.change_configs(std::move(wanted), asked().validate_only, topics_done());
    }
    void change_server(std::size_t resource) override {
        with().broker.server_work.change_configs(steps(resource), asked().validate_only,
                                                 server_done(resource));
    }

private:
    std::vector<broker::config_change> steps(std::size_t resource) const {
        using kind = broker::config_change::kind;
        constexpr kind kinds[] = {kind::set, kind::remove, kind::append, kind::subtract};
        std::vector<broker::config_change> all;
        for (const auto& config : asked().resources[resource].configs) {
            broker::config_change& step = all.emplace_back();
            step.name = config.name;
            step.what = kinds[config.config_operation];
            if (config.value) step.value.emplace(*config.value);
        }
        return all;
    }
};
}  // namespace

IMAGO_MAKE_HANDLER(incremental_alter_configs, incremental_alter_configs)

}  // namespace imago::kafka
