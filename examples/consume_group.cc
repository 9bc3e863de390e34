// A member of a group that commits what it has printed.     consume_group BOOTSTRAP GROUP TOPIC COUNT
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>

#include <cstdio>

#include "imago/group_consumer.h"

namespace {

using namespace imago::client;

// [consume_group]
asio::awaitable<int> consume(client_options options, std::string group, std::string topic, int count) {
    group_options how;
    how.group = std::move(group);
    how.auto_commit = false;
    how.start = start_from::beginning();
    group_consumer member(co_await asio::this_coro::executor, std::move(options), how);
    std::vector<std::string> topics(1, topic);
    result<> going = member.subscribe(std::move(topics));
    while (going && count > 0) {
        const result<group_pulled> got = co_await member.pull(std::chrono::seconds(1));
        if (!got) {
            if (!is_retriable(got.error())) going = tl::unexpected(got.error());
            continue;
        }
        if (got->change == rebalance::revoked) going = co_await member.commit();  // the next pull() lets them go
        for (const record& each : got->records) {
            std::printf("%d@%lld %s\n", got->partition, static_cast<long long>(each.offset),
                        std::string(each.value.value_or("null")).c_str());
            --count;
        }
        if (!got->records.empty()) member.commit_later();
    }
    if (going) going = co_await member.commit();
    co_await member.close();  // leaves the group: others take over at once
    if (!going) std::printf("error %s\n", going.error().message().c_str());
    co_return going ? 0 : 1;
}
// [/consume_group]

}  // namespace

int main(int argc, char** argv) {
    if (argc < 5) return 2;
    client_options options;
    options.brokers = {argv[1]};
    int status = 1;
    asio::io_context io(1);
    asio::co_spawn(io, consume(options, argv[2], argv[3], std::atoi(argv[4])),
                   [&](std::exception_ptr, int result) { status = result; });
    io.run();
    return status;
}
