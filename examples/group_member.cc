// A member of a group that prints what happens to it, line by line; scripts and tests drive it by signals.
//
//   group_member BOOTSTRAP GROUP TOPIC[,TOPIC..] PROTOCOL [ASSIGNOR | -] [INSTANCE_ID]
//
// PROTOCOL is classic or consumer; ASSIGNOR one of the protocol's (classic: several may be given, comma separated).
// Lines, each flushed:
//
//   joined MEMBER_ID EPOCH                before the first assigned of a new epoch or generation
//   assigned TOPIC:P TOPIC:P ...          these in addition
//   revoked ... / lost ...                these no longer
//   record TOPIC P OFFSET KEY VALUE       "null" for none
//   error WHAT                            and exit status 1
//
// SIGTERM and SIGINT leave the group in order.
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>

#include <cstdio>
#include <sstream>

#include "imago/group_consumer.h"

namespace {

using namespace imago::client;

std::vector<std::string> split(const std::string& text) {
    std::vector<std::string> parts;
    std::istringstream in(text);
    for (std::string part; std::getline(in, part, ',');) parts.push_back(part);
    return parts;
}

void print_change(const group_pulled& got) {
    const char* what = got.change == rebalance::assigned ? "assigned" : got.change == rebalance::revoked ? "revoked" : "lost";
    std::printf("%s", what);
    for (const topic_partition& each : got.partitions) std::printf(" %s:%d", each.topic.c_str(), each.partition);
    std::printf("\n");
}

void print_records(const group_pulled& got) {
    for (const record& each : got.records) {
        const std::string_view key = each.key.value_or("null");
        const std::string_view value = each.value.value_or("null");
        std::printf("record %.*s %d %lld %.*s %.*s\n", static_cast<int>(got.topic.size()), got.topic.data(), got.partition,
                    static_cast<long long>(each.offset), static_cast<int>(key.size()), key.data(),
                    static_cast<int>(value.size()), value.data());
    }
}

asio::awaitable<int> consume(group_consumer& member, std::vector<std::string> topics, const bool& stop) {
    int status = 0;
    std::int32_t generation = -1;
    const result<> subscribed = member.subscribe(std::move(topics));
    if (!subscribed) {
        std::printf("error %s\n", subscribed.error().message().c_str());
        status = 1;
    }
    while (!stop && status == 0) {
        const result<group_pulled> got = co_await member.pull(std::chrono::seconds(1));
        if (!got || got->error) {
            const std::error_code error = got ? got->error : got.error();
            if (!is_retriable(error)) status = 1;
            std::printf("%s %s\n", status == 1 ? "error" : "trouble", error.message().c_str());
        } else if (got->change != rebalance::none) {
            if (got->change == rebalance::assigned && member.generation() != generation) {
                generation = member.generation();
                std::printf("joined %s %d\n", member.member_id().c_str(), generation);
            }
            print_change(*got);
        } else {
            print_records(*got);
        }
        std::fflush(stdout);
    }
    co_await member.close();
    co_return status;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 5) {
        std::fprintf(stderr, "usage: %s BOOTSTRAP GROUP TOPIC[,TOPIC..] classic|consumer [ASSIGNOR | -] [INSTANCE_ID]\n", argv[0]);
        return 2;
    }
    client_options options;
    options.brokers = split(argv[1]);
    group_options how;
    how.group = argv[2];
    how.protocol = std::string_view(argv[4]) == "consumer" ? group_protocol::consumer : group_protocol::classic;
    how.start = start_from::beginning();
    how.auto_commit_interval = std::chrono::seconds(1);
    if (argc > 5 && std::string_view(argv[5]) != "-") {
        if (how.protocol == group_protocol::consumer) how.server_assignor = argv[5];
        else how.assignors = split(argv[5]);
    }
    if (argc > 6) how.instance_id = argv[6];

    asio::io_context io(1);
    group_consumer member(io.get_executor(), options, how);
    bool stop = false;
    asio::signal_set signals(io, SIGTERM, SIGINT);
    signals.async_wait([&](std::error_code cancelled, int) {
        if (cancelled) return;
        stop = true;
        member.wake();
    });
    int status = 1;
    asio::co_spawn(io, consume(member, split(argv[3]), stop), [&](std::exception_ptr failed, int result) {
        if (failed) std::rethrow_exception(failed);
        status = result;
        signals.cancel();
    });
    io.run();
    return status;
}
