// Sees every message of a topic, and goes on after a restart.     broadcast BOOTSTRAP TOPIC POSITION_FILE COUNT
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>

#include <cstdio>

#include "imago/broadcast_consumer.h"

namespace {

using namespace imago::client;

// [broadcast]
asio::awaitable<int> follow(client_options options, std::string topic, std::string file, int count) {
    broadcast_options how;
    how.topics.push_back(std::move(topic));
    how.position_file = std::move(file);
    how.start = start_from::beginning();  // when the file is not there yet; or end(), time(ms), ago(1h)
    broadcast_consumer all(co_await asio::this_coro::executor, std::move(options), how);
    result<> going = co_await all.open();
    while (going && count > 0) {
        const result<pulled> got = co_await all.pull(std::chrono::seconds(1));
        if (!got) {
            if (!is_retriable(got.error())) going = tl::unexpected(got.error());
            continue;
        }
        for (const record& each : got->records) {
            std::printf("%d@%lld %s\n", got->partition, static_cast<long long>(each.offset),
                        std::string(each.value.value_or("null")).c_str());
            std::fflush(stdout);
            --count;
        }
    }
    if (going) going = co_await all.close();  // saves the positions
    if (!going) std::printf("error %s\n", going.error().message().c_str());
    co_return going ? 0 : 1;
}
// [/broadcast]

}  // namespace

int main(int argc, char** argv) {
    if (argc < 5) return 2;
    client_options options;
    options.brokers = {argv[1]};
    int status = 1;
    asio::io_context io(1);
    asio::co_spawn(io, follow(options, argv[2], argv[3], std::atoi(argv[4])),
                   [&](std::exception_ptr, int result) { status = result; });
    io.run();
    return status;
}
