// Which server keeps a group, and asking it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "client/cluster.h"

namespace imago::client {

/// For each group the server that keeps it, or why that is not known. Asked anew each time; once.
[[nodiscard]] asio::awaitable<std::map<std::string, result<std::int32_t>>> find_coordinators(
    cluster& in, std::vector<std::string> groups);

/// Whether the answer of a coordinator means "not now" or "not me": look it up again.
[[nodiscard]] bool coordinator_moved(std::error_code error);

/// Asks the coordinator of each group: `ask` is called for each server with a connection, its id and the groups that it
/// keeps, and notes the error of each group in `errors`, which begins with all groups of the call. Groups whose error
/// says that the coordinator moved or loads are asked for again until retry_timeout.
template <class Ask>
asio::awaitable<void> ask_coordinators(cluster& in, std::map<std::string, std::error_code>& errors, Ask& ask) {
    backoff pause(in.options());
    std::vector<std::string> pending;
    for (const auto& [group, error] : errors) pending.push_back(group);
    while (!pending.empty()) {
        std::vector<std::string> lookup = pending;
        const auto found = co_await find_coordinators(in, std::move(lookup));
        std::map<std::int32_t, std::vector<std::string>> by_server;
        for (const std::string& group : pending) {
            const auto place = found.find(group);
            if (place == found.end()) errors[group] = make_error_code(client_errc::bad_response);
            else if (!place->second) errors[group] = place->second.error();
            else by_server[*place->second].push_back(group);
        }
        for (const auto& [server, groups] : by_server) {
            result<connection_ptr> to = co_await in.broker(server);
            if (!to) {
                for (const std::string& group : groups) errors[group] = to.error();
                continue;
            }
            co_await ask(*to, server, groups);
        }
        std::vector<std::string> again;
        for (const std::string& group : pending)
            if (coordinator_moved(errors[group])) again.push_back(group);
        pending = std::move(again);
        if (!pending.empty() && !co_await pause.again()) break;
    }
}

}  // namespace imago::client
