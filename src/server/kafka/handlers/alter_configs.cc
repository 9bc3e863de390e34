// AlterConfigs: replaces all settings of a resource.
#include "server/kafka/alter_configs.h"

#include "wire/kafka/alter_configs.h"

namespace imago::kafka {

namespace {
class alter_configs final
    : public config_change_handler<wire::alter_configs_request, wire::alter_configs_response> {
public:
    using config_change_handler::config_change_handler;

protected:
    void change_topics(const std::vector<std::size_t>& resources) override {
        std::vector<broker::config_replacement> wanted;
        for (const std::size_t i : resources) {
            wanted.push_back({std::string(asked().resources[i].resource_name), settings(i)});
        }
        with().broker.topic_work.replace_configs(std::move(wanted), asked().validate_only, topics_done());
    }
    void change_server(std::size_t resource) override {
        with().broker.server_work.replace_configs(settings(resource), asked().validate_only,
                                                  server_done(resource));
    }

private:
    std::vector<broker::config_setting> settings(std::size_t resource) const {
        std::vector<broker::config_setting> all;
        for (const auto& config : asked().resources[resource].configs) all.push_back(to_setting(config));
        return all;
    }
};
}  // namespace

IMAGO_MAKE_HANDLER(alter_configs, alter_configs)

}  // namespace imago::kafka
