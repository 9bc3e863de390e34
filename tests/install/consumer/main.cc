// Sends one record and reads it back, or, without a server's address, shows that a refused connection is an error value.
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <cstdio>
#include <string>

#include "imago/async.h"

namespace {

using namespace std::chrono_literals;
using imago::client::result;

asio::awaitable<result<std::string>> there_and_back(asio::any_io_executor where, std::string address) {
    imago::client::client_options options;
    options.brokers = {std::move(address)};
    options.retry_timeout = 2s;
    imago::client::producer out(where, options, {});
    auto topic = co_await out.open_topic("installed");
    if (!topic) {
        co_await out.close();
        co_return tl::unexpected(topic.error());
    }
    imago::client::message message;
    message.value = "through the installed library";
    message.partition = 0;
    auto sent = co_await out.send(**topic, message);
    if (sent) {
        sent = co_await out.flush();
    }
    co_await out.close();
    if (!sent) {
        co_return tl::unexpected(sent.error());
    }
    imago::client::consumer in(where, options, {});
    const imago::client::topic_partition from{"installed", 0};
    auto assigned = co_await in.assign(from, 0);
    result<std::string> got = tl::unexpected(assigned ? std::error_code{} : assigned.error());
    if (assigned) {
        const auto records = co_await in.pull(5s);
        if (!records) {
            got = tl::unexpected(records.error());
        } else if (!records->records.empty()) {
            got = std::string(records->records[0].value.value_or("null"));
        }
    }
    co_await in.close();
    co_return got;
}

asio::awaitable<void> run(asio::any_io_executor where, std::string address, int& status) {
    const auto got = co_await there_and_back(where, address);
    if (got) {
        std::printf("%s\n", got->c_str());
    } else {
        std::printf("error: %s\n", got.error().message().c_str());
    }
    status = got ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    asio::io_context context;
    int status = 2;
    asio::co_spawn(context, run(context.get_executor(), argc > 1 ? argv[1] : "127.0.0.1:1", status), asio::detached);
    context.run();
    return status;
}
