#include "client/bench/topic.h"

#include "client/event.h"
#include "imago/async.h"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace imago::bench {

namespace {
/// One request makes no more than Kafka takes.
constexpr std::int32_t partitions_a_request = 5000;
constexpr std::size_t asked_at_once = 2000;
/// Kafka needs a minute for ten thousand.
constexpr std::chrono::minutes patience{10};

struct work {
    client::admin admin;
    const std::string& server;
    const std::string& topic;
    const std::int32_t queues;
    std::vector<std::int64_t> ends;
    std::string problem;

    asio::awaitable<bool> create() {
        const auto there = co_await admin.describe_topic(topic);
        std::int32_t have = there ? static_cast<std::int32_t>(there->partitions.size()) : 0;
        if (!there && there.error() != client::make_error_code(client::kafka_errc::unknown_topic_or_partition)) {
            problem = fmt::format("cannot ask {}: {}. Is a server running there?", server, there.error().message());
            co_return false;
        }
        if (have == 0) {
            std::vector<client::new_topic> wanted(1);
            wanted[0].name = topic;
            wanted[0].partitions = have = std::min(queues, partitions_a_request);
            const auto made = co_await admin.create_topics(std::move(wanted));
            const std::error_code error = made ? made->front().error : made.error();
            if (error) problem = fmt::format("cannot create {}: {}", topic, error.message());
            if (error) co_return false;
        }
        while (have < queues) {
            have = std::min(queues, have + partitions_a_request);
            const auto grown = co_await admin.create_partitions(topic, have);
            const std::error_code error = grown ? grown->error : grown.error();
            if (error) problem = fmt::format("cannot give {} {} queues: {}", topic, have, error.message());
            if (error) co_return false;
        }
        co_return true;
    }

    /// True if all queues answered.
    asio::awaitable<bool> find_ends() {
        ends.assign(static_cast<std::size_t>(queues), -1);
        for (std::int32_t first = 0; first < queues; first += static_cast<std::int32_t>(asked_at_once)) {
            std::vector<client::topic_partition> some;
            for (std::int32_t q = first; q < queues && some.size() < asked_at_once; ++q) some.push_back({topic, q});
            const auto found = co_await admin.list_offsets(std::move(some), client::offset_spec::latest);
            if (!found) co_return false;
            for (std::size_t i = 0; i < found->size(); ++i) {
                if ((*found)[i].error) co_return false;
                ends[static_cast<std::size_t>(first) + i] = (*found)[i].offset;
            }
        }
        co_return true;
    }
};

template <class F>
void run(work& all, asio::io_context& io, F make) {
    asio::co_spawn(io, make(all), asio::detached);
    io.run();
}

client::client_options options_for(const std::string& server) {
    client::client_options options;
    options.brokers = {server};
    options.client_id = "imago-bench";
    return options;
}
}  // namespace

std::string prepare_topic(const std::string& server, const std::string& topic, std::int32_t queues) {
    asio::io_context io(1);
    work all{{io.get_executor(), options_for(server)}, server, topic, queues, {}, {}};
    run(all, io, [](work& with) -> asio::awaitable<void> {
        if (co_await with.create()) {
            const auto until = std::chrono::steady_clock::now() + patience;
            while (!co_await with.find_ends()) {
                if (std::chrono::steady_clock::now() > until) with.problem = "the topic's queues do not answer";
                if (!with.problem.empty()) break;
                co_await client::sleep_for(std::chrono::milliseconds(100));
            }
        }
        co_await with.admin.close();
    });
    return all.problem;
}

std::vector<std::int64_t> queue_ends(const std::string& server, const std::string& topic, std::int32_t queues,
                                     std::string& problem) {
    asio::io_context io(1);
    work all{{io.get_executor(), options_for(server)}, server, topic, queues, {}, {}};
    run(all, io, [](work& with) -> asio::awaitable<void> {
        if (!co_await with.find_ends()) with.problem = "cannot find out where the queues end";
        co_await with.admin.close();
    });
    problem = all.problem;
    if (!problem.empty()) all.ends.clear();
    return all.ends;
}

}  // namespace imago::bench
