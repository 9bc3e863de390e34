// What the files of the admin client share.
#pragma once

#include "client/cluster.h"
#include "imago/async.h"

namespace imago::client {

struct admin::impl {
    cluster cluster_;

    impl(asio::any_io_executor where, client_options options) : cluster_(std::move(where), std::move(options)) {}

    [[nodiscard]] std::int32_t timeout_ms() const {
        return static_cast<std::int32_t>(cluster_.options().request_timeout.count());
    }

    /// Asks the controller. A lost connection is tried again only if it is known that nothing was sent.
    template <class Response, class Request>
    asio::awaitable<result<answer<Response>>> ask(const Request& request, std::int16_t version_max = 32767) {
        const result<connection_ptr> to = co_await cluster_.controller();
        if (!to) co_return tl::unexpected(to.error());
        const result<std::int16_t> version = (*to)->version_of(Request::api, version_max);
        if (!version) co_return tl::unexpected(version.error());
        const steady_time deadline = std::chrono::steady_clock::now() + cluster_.options().request_timeout;
        co_return co_await (*to)->call<Response>(request, *version, deadline);
    }
};

}  // namespace imago::client
