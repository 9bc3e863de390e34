// What producer, consumer and their kin share: the servers, and coroutines that run in the background.
#pragma once

#include <asio/co_spawn.hpp>

#include <memory>

#include "client/cluster.h"

namespace imago::client {

/// Base of the insides of a class of the client. A coroutine in the background holds the object and its gate until it
/// has ended, so that close() can wait for the last one. One thread.
template <class Self>
struct background : std::enable_shared_from_this<Self> {
    background(const asio::any_io_executor& where, client_options options)
        : options_(std::move(options)), cluster_(where, options_), running_(where) {}

    /// Runs make(*this), an awaitable<void>, from the executor. One executor: they start in the order of these calls.
    template <class F>
    void spawn(F make) {
        asio::co_spawn(
            cluster_.executor(),
            [self = this->shared_from_this(), make, pass = std::make_shared<gate::pass>(running_.enter())]() mutable
            -> asio::awaitable<void> { return make(*self); },
            [](std::exception_ptr failed) {
                if (failed) std::rethrow_exception(failed);
            });
    }

    client_options options_;
    cluster cluster_;
    gate running_;
};

}  // namespace imago::client
