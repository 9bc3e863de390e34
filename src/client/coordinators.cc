#include "client/coordinators.h"

#include <algorithm>

#include "wire/kafka/find_coordinator.h"

namespace imago::client {
namespace kafka = wire::kafka;

bool coordinator_moved(std::error_code error) {
    return error == kafka_errc::coordinator_load_in_progress || error == kafka_errc::coordinator_not_available ||
           error == kafka_errc::not_coordinator || error == kafka_errc::leader_not_available;
}

asio::awaitable<std::map<std::string, result<std::int32_t>>> find_coordinators(cluster& in,
                                                                               std::vector<std::string> groups) {
    std::map<std::string, result<std::int32_t>> found;
    const auto all_failed = [&](std::error_code error) {
        for (const std::string& group : groups) found.insert_or_assign(group, tl::unexpected(error));
    };
    const auto note = [&](const std::string& group, std::int16_t code, std::int32_t server) {
        if (code != 0) found.insert_or_assign(group, tl::unexpected(from_wire(code)));
        else found.insert_or_assign(group, server);
    };
    const result<connection_ptr> to = co_await in.any();
    if (!to) {
        all_failed(to.error());
        co_return found;
    }
    const result<std::int16_t> version = (*to)->version_of(kafka::api_key::find_coordinator);
    if (!version) {
        all_failed(version.error());
        co_return found;
    }
    const steady_time deadline = std::chrono::steady_clock::now() + in.options().request_timeout;
    // From version 4 on all groups in one request, before that one at a time.
    const std::size_t step = *version >= 4 ? groups.size() : 1;
    for (std::size_t at = 0; at < groups.size(); at += step) {
        kafka::find_coordinator_request request;
        request.key = groups[at];
        for (std::size_t i = at; i < at + step; ++i) request.coordinator_keys.emplace_back(groups[i]);
        const auto got = co_await (*to)->call<kafka::find_coordinator_response>(request, *version, deadline);
        if (!got) {
            all_failed(got.error());
            co_return found;
        }
        if (*version < 4) note(groups[at], got->message.error_code, got->message.node_id);
        for (const auto& each : got->message.coordinators) note(std::string(each.key), each.error_code, each.node_id);
    }
    const bool unknown = std::any_of(found.begin(), found.end(), [&](const auto& each) {
        return each.second && in.brokers().count(*each.second) == 0;
    });
    if (unknown) {
        std::vector<std::string> none;
        static_cast<void>(co_await in.refresh(std::move(none)));
    }
    co_return found;
}

}  // namespace imago::client
