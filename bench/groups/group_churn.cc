// Question: when many consumers share a group, how long does it take until all queues are consumed again after members
// came or went, and what do the others consume meanwhile?
//
// Method: one process, one thread, every member with its own two connections, as applications have them. A producer writes
// at a fixed rate to all queues in turn; each record carries its time. Phases: all members join at once; quiet; a tenth of
// them leaves; as many join; one leaves and one joins all the time. A phase's time to stable ends when each queue is held by
// exactly one member and no member has anything to do. compare_groups.py runs it against imago and Kafka in turn.
#include "imago/async.h"
#include "member.h"
#include "wire/kafka/find_coordinator.h"
#include "wire/kafka/produce.h"

#include "base/batch_builder.h"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <fmt/core.h>

#include <cstdio>
#include <cstdlib>
#include <deque>

using namespace imago;
using namespace imago::bench;
namespace kafka = wire::kafka;

namespace {

constexpr std::string_view usage =
    "usage: group_churn HOST:PORT [options]\n"
    "  --members N   (200)           --queues N     (1000)\n"
    "  --rate N      messages a second over all queues (2000)\n"
    "  --seconds S   of quiet, and of coming and going (10)\n"
    "  --classic 1   the classic protocol, eager, instead of the consumer protocol (0)\n"
    "  --name TEXT   of the topic and the group (group-churn)\n";

/// Ready when a phase has to give up.
constexpr std::chrono::seconds patience{120};

class churn {
public:
    churn(asio::io_context& io, group_load_options how) : load_(io, std::move(how)) {}

    asio::awaitable<void> run() {
        if (!co_await prepare()) co_return;
        asio::co_spawn(load_.io(), produce(), asio::detached);
        const std::size_t tenth = std::max<std::size_t>(1, load_.how().members / 10);

        begin();
        join(load_.how().members);
        if (!co_await stable("all join")) co_return;
        begin();
        co_await client::sleep_for(quiet());
        report("quiet", {});
        begin();
        leave(tenth);
        if (!co_await stable("a tenth leaves")) co_return;
        begin();
        join(tenth);
        if (!co_await stable("a tenth joins")) co_return;
        begin();
        const auto until = steady::now() + quiet();
        while (steady::now() < until) {
            leave(1);
            join(1);
            co_await client::sleep_for(std::chrono::milliseconds(500));
        }
        report("one goes, one comes", {});
        if (!co_await stable("until stable after")) co_return;
        producing_ = false;
        finished_ = true;
        load_.io().stop();
    }

    [[nodiscard]] int outcome() const {
        fmt::print("queues held twice at a time {}, records left out {}, read again {}, unexpected answers {}{}{}\n",
                   load_.owned_twice, load_.left_out, load_.read_again, load_.errors,
                   load_.errors > 0 ? ", the last: " : "", load_.last_error);
        return finished_ && load_.owned_twice == 0 && load_.left_out == 0 ? 0 : 1;
    }

private:
    [[nodiscard]] steady::duration quiet() const {
        return std::chrono::duration_cast<steady::duration>(std::chrono::duration<double>(load_.how().seconds));
    }

    asio::awaitable<bool> prepare() {
        client::client_options options = load_.connect_options();
        options.brokers = {load_.how().server.text()};
        client::admin admin(load_.io().get_executor(), options);
        std::vector<client::new_topic> topics(1);
        topics[0].name = load_.how().topic;
        topics[0].partitions = load_.how().queues;
        const auto made = co_await admin.create_topics(std::move(topics));
        if (!made) {
            fmt::print(stderr, "group_churn: cannot create the topic: {}\n", made.error().message());
            load_.io().stop();
            co_return false;
        }
        // Kafka makes partitions in the background.
        for (;;) {
            const auto info = co_await admin.describe_topic(load_.how().topic);
            if (info && info->partitions.size() == static_cast<std::size_t>(load_.how().queues)) {
                load_.topic_id.bytes = info->id;
                std::vector<client::topic_partition> all;
                for (std::int32_t q = 0; q < load_.how().queues; ++q) all.push_back({load_.how().topic, q});
                const auto offsets = co_await admin.list_offsets(std::move(all), client::offset_spec::latest);
                const bool ready = offsets && std::none_of(offsets->begin(), offsets->end(),
                                                           [](const auto& each) { return bool(each.error); });
                if (ready) break;
            }
            co_await client::sleep_for(std::chrono::milliseconds(200));
        }
        co_await admin.close();
        const auto where = asio::any_io_executor(load_.io().get_executor());
        auto opened = co_await client::connection::open(where, load_.how().server, load_.connect_options());
        if (!opened) co_return false;
        producer_ = *opened;
        // Kafka makes its coordinator when somebody first asks for it.
        for (;;) {
            kafka::find_coordinator_request request;
            request.coordinator_keys = {std::string_view(load_.how().group)};
            const auto deadline = steady::now() + std::chrono::seconds(60);
            const auto got = co_await producer_->call<kafka::find_coordinator_response>(request, 4, deadline);
            if (got && !got->message.coordinators.empty() && got->message.coordinators[0].error_code == 0) break;
            co_await client::sleep_for(std::chrono::milliseconds(200));
        }
        co_return true;
    }

    /// At fixed times, whether the answers to earlier requests came or not.
    asio::awaitable<void> produce() {
        constexpr std::chrono::milliseconds tick{10};
        auto next = steady::now();
        double owed = 0;
        while (producing_) {
            owed += load_.how().rate * std::chrono::duration<double>(tick).count();
            if (owed >= 1) {
                const auto count = static_cast<std::int32_t>(owed);
                owed -= count;
                asio::co_spawn(load_.io(), send(count), asio::detached);
            }
            next += tick;
            co_await client::sleep_for(next - steady::now());
        }
    }

    asio::awaitable<void> send(std::int32_t count) {
        std::vector<std::byte> value(100);
        store_be<std::int64_t>(value.data(), steady::now().time_since_epoch().count());
        batch_builder builder;
        builder.add(1'700'000'000'000, std::nullopt, byte_view(value));
        const byte_view batch = builder.finish();
        kafka::produce_request request;
        request.acks = -1;
        request.timeout_ms = 30'000;
        auto& topic = request.topic_data.emplace_back();
        topic.name = load_.how().topic;
        for (std::int32_t i = 0; i < count; ++i) {
            auto& partition = topic.partition_data.emplace_back();
            partition.index = next_queue_;
            partition.records.add({batch, nullptr});
            next_queue_ = next_queue_ + 1 == load_.how().queues ? 0 : next_queue_ + 1;
        }
        const auto deadline = steady::now() + std::chrono::seconds(60);
        const auto got = co_await producer_->call<kafka::produce_response>(request, 9, deadline);
        if (got) load_.produced += static_cast<std::uint64_t>(count);
        else ++load_.errors;
    }

    void join(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            members_.push_back(make_member(load_));
            members_.back()->start();
        }
    }
    void leave(std::size_t count) {
        for (std::size_t i = 0; i < count && !members_.empty(); ++i) {
            members_.front()->leave();
            left_.push_back(std::move(members_.front()));
            members_.pop_front();
        }
    }

    void begin() {
        load_.new_phase();
        began_ = steady::now();
    }

    [[nodiscard]] bool is_stable() const {
        std::size_t held = 0, least = SIZE_MAX, most = 0;
        for (const auto& each : left_) {
            if (!each->done()) return false;
        }
        for (const auto& each : members_) {
            if (!each->settled()) return false;
            held += each->held();
            least = std::min(least, each->held());
            most = std::max(most, each->held());
        }
        return !members_.empty() && most - least <= 1 && held == static_cast<std::size_t>(load_.how().queues) && load_.each_held_once();
    }

    asio::awaitable<bool> stable(const char* phase) {
        while (!is_stable()) {
            if (steady::now() - began_ > patience) {
                fmt::print("{:<22} not stable after {} s\n", phase, patience.count());
                load_.io().stop();
                co_return false;
            }
            co_await client::sleep_for(std::chrono::milliseconds(5));
        }
        std::erase_if(left_, [](const auto& each) { return each->done(); });
        report(phase, steady::now() - began_);
        co_return true;
    }

    void report(const char* phase, std::optional<steady::duration> took) {
        const auto seconds = [](steady::duration time) { return std::chrono::duration<double>(time).count(); };
        const auto milliseconds = [&](double share) { return static_cast<double>(load_.delay.quantile(share)) / 1e6; };
        fmt::print("{:<22} {} s  consumed {:5.1f} % of {} produced  delay p50 {:.1f} p99 {:.1f} max {:.1f} ms"
                   "  longest silence of a queue {:.2f} s  assignments {}\n",
                   phase, took ? fmt::format("stable after {:6.2f}", seconds(*took)) : fmt::format("for          {:6.2f}", seconds(steady::now() - began_)),
                   load_.produced == 0 ? 0 : 100.0 * static_cast<double>(load_.messages) / static_cast<double>(load_.produced),
                   load_.produced, milliseconds(0.5), milliseconds(0.99), static_cast<double>(load_.delay.max()) / 1e6,
                   seconds(load_.silence()), load_.rebalances);
        std::fflush(stdout);
    }

    group_load load_;
    client::connection_ptr producer_;
    std::deque<std::unique_ptr<member>> members_;
    std::vector<std::unique_ptr<member>> left_;
    steady::time_point began_{};
    std::int32_t next_queue_ = 0;
    bool producing_ = true;
    bool finished_ = false;
};

group_load_options parse(int count, char** words) {
    group_load_options how;
    const auto wrong = [] {
        fmt::print(stderr, "{}", usage);
        std::exit(2);
    };
    if (count < 2) wrong();
    const auto server = client::endpoint::parse(words[1]);
    if (!server) wrong();
    how.server = *server;
    for (int i = 2; i < count; i += 2) {
        const std::string_view word = words[i];
        if (i + 1 == count) wrong();
        if (word == "--name") {
            how.topic = how.group = words[i + 1];
            continue;
        }
        const double number = std::strtod(words[i + 1], nullptr);
        if (!(number >= 0)) wrong();
        if (word == "--members") how.members = static_cast<std::size_t>(number);
        else if (word == "--queues") how.queues = static_cast<std::int32_t>(number);
        else if (word == "--rate") how.rate = number;
        else if (word == "--seconds") how.seconds = number;
        else if (word == "--classic") how.classic = number != 0;
        else wrong();
    }
    return how;
}

}  // namespace

int main(int count, char** words) {
    group_load_options how = parse(count, words);
    fmt::print("{} members, {} queues, {} protocol\n", how.members, how.queues, how.classic ? "classic" : "consumer");
    asio::io_context io(1);
    churn all(io, std::move(how));
    asio::co_spawn(io, all.run(), asio::detached);
    io.run();
    const int outcome = all.outcome();
    // Coroutines that still wait hold parts of `all`: they go with the process.
    std::fflush(stdout);
    std::_Exit(outcome);
}
