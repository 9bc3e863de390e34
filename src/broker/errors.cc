#include "broker/errors.h"

#include <string>

namespace imago::broker {
namespace {

class broker_category final : public std::error_category {
public:
    [[nodiscard]] const char* name() const noexcept override { return "broker"; }
    [[nodiscard]] std::string message(int value) const override {
        switch (static_cast<broker_errc>(value)) {
            case broker_errc::unknown_topic:
                return "there is no topic of this name";
            case broker_errc::unknown_topic_id:
                return "there is no topic with this id";
            case broker_errc::unknown_partition:
                return "the topic has no such partition";
            case broker_errc::topic_already_exists:
                return "a topic of this name exists";
            case broker_errc::invalid_topic_name:
                return "the topic name is not allowed";
            case broker_errc::invalid_partitions:
                return "the number of partitions is not allowed";
            case broker_errc::invalid_replication_factor:
                return "the replication factor is not allowed";
            case broker_errc::invalid_assignment:
                return "the assignment of partitions to servers is not allowed";
            case broker_errc::invalid_config:
                return "a configuration name or value is not allowed";
            case broker_errc::invalid_request:
                return "the request contradicts itself";
            case broker_errc::policy_violation:
                return "more than this server takes in one request";
            case broker_errc::invalid_group:
                return "the group name is not allowed";
            case broker_errc::metadata_too_large:
                return "the metadata of the committed offset is too large";
            case broker_errc::invalid_offset:
                return "the offset is not one that can be committed";
            case broker_errc::corrupt_record:
                return "a stored record cannot be read by this version";
        }
        return "unknown broker error";
    }
};

}  // namespace

std::error_code make_error_code(broker_errc error) {
    static const broker_category category;
    return {static_cast<int>(error), category};
}

}  // namespace imago::broker
