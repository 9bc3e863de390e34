#include "broker/groups/errors.h"

#include <string>

namespace imago::broker::groups {
namespace {

class group_category final : public std::error_category {
public:
    [[nodiscard]] const char* name() const noexcept override { return "group"; }
    [[nodiscard]] std::string message(int value) const override {
        switch (static_cast<group_errc>(value)) {
            case group_errc::unknown_member_id: return "the group has no such member";
            case group_errc::illegal_generation: return "this is not the generation of the group";
            case group_errc::rebalance_in_progress: return "the group is rebalancing; join again";
            case group_errc::member_id_required: return "join again with the member id in the answer";
            case group_errc::fenced_instance_id: return "another member has this instance id now";
            case group_errc::inconsistent_group_protocol:
                return "the group has no protocol in common with this member";
            case group_errc::invalid_session_timeout:
                return "the session timeout is not within the limits of the server";
            case group_errc::group_max_size_reached: return "the group is full";
            case group_errc::non_empty_group: return "the group has members";
            case group_errc::group_id_not_found: return "there is no such group";
            case group_errc::invalid_group_id: return "the group id is not allowed";
            case group_errc::coordinator_not_available: return "the group cannot be served now; try again";
            case group_errc::not_coordinator: return "the server is stopping";
            case group_errc::invalid_request: return "the request contradicts itself";
            case group_errc::unsupported_version: return "the group does not speak this protocol";
            case group_errc::group_subscribed_to_topic: return "the group consumes from this topic";
            case group_errc::fenced_member_epoch: return "the member epoch is fenced; join again";
            case group_errc::stale_member_epoch: return "the member epoch is stale; try again";
            case group_errc::unreleased_instance_id: return "another member still has this instance id";
            case group_errc::unsupported_assignor: return "the server has no such assignor";
            case group_errc::invalid_regular_expression: return "the regular expression is not valid";
        }
        return "unknown group error";
    }
};

}  // namespace

std::error_code make_error_code(group_errc error) {
    static const group_category category;
    return {static_cast<int>(error), category};
}

}  // namespace imago::broker::groups
