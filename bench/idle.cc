// Question: what do waiting consumers and idle groups cost a server: processor time, wake-ups, bytes for one more?
//
// Method: the program connects FETCHES times and sends on each connection one Fetch of one empty queue that waits for
// minutes; then it makes GROUPS groups with one member and one committed offset each. After each step it looks at the
// server in /proc: memory before and after, processor time and the sleeps of its threads over some quiet seconds. At the end
// a record is written to one queue and exactly the fetch that waits there must be answered: they did wait.
//
// With --wakeups N it fails if the server's threads woke up more than N times a second while nothing happened: a count that
// says whether anything polls, on any machine.
#include "client/bench/histogram.h"
#include "client/bench/process.h"

#include "base/batch_builder.h"
#include "wire/kafka/consumer_group_heartbeat.h"
#include "wire/kafka/fetch.h"
#include "wire/kafka/find_coordinator.h"
#include "wire/kafka/offset_commit.h"
#include "wire/kafka/produce.h"
#include "wire/kafka/protocol.h"

#include <fmt/core.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

using namespace imago;
namespace kafka = wire::kafka;

namespace {

constexpr std::string_view usage =
    "usage: idle HOST:PORT TOPIC --pid PID [options]\n"
    "  TOPIC has at least as many partitions as there are fetches, and no records; the groups consume TOPIC-one\n"
    "  --fetches N   (10000)        --groups N   (1000)\n"
    "  --seconds S   of quiet (5)   --wakeups N  a second, at most (no limit)\n";

struct arguments {
    std::string host, port, topic;
    std::size_t fetches = 10'000, groups = 1'000;
    double seconds = 5, wakeups = -1;
    long pid = 0;
};

[[noreturn]] void give_up(const std::string& why) {
    fmt::print(stderr, "idle: {}\n", why);
    std::exit(1);
}

class connected {
public:
    explicit connected(const addrinfo& to) : socket_(::socket(to.ai_family, SOCK_STREAM, 0)) {
        if (socket_ < 0 || ::connect(socket_, to.ai_addr, to.ai_addrlen) != 0) {
            give_up(fmt::format("cannot connect: {}", std::strerror(errno)));
        }
        const int one = 1;
        ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    }
    connected(connected&& other) noexcept : socket_(std::exchange(other.socket_, -1)) {}
    connected& operator=(connected&&) = delete;
    ~connected() {
        if (socket_ >= 0) ::close(socket_);
    }

    template <class Request>
    void send(const Request& request, std::int16_t version) {
        wire::gather_buffer out;
        kafka::request_header header;
        header.version = version;
        header.client_id = "idle";
        kafka::encode_request_frame(out, header, request);
        const auto bytes = out.flatten();
        for (std::size_t sent = 0; sent < bytes.size();) {
            const ssize_t n = ::send(socket_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
            if (n <= 0) give_up(fmt::format("send: {}", std::strerror(errno)));
            sent += static_cast<std::size_t>(n);
        }
    }
    /// The answer's views are good until the next call.
    template <class Response>
    Response receive(kafka::api_key api, std::int16_t version) {
        std::byte length[4];
        take(length);
        frame_.resize(static_cast<std::size_t>(load_be<std::int32_t>(length)));
        take(frame_);
        kafka::reader in(frame_);
        Response answer;
        if (!kafka::decode_response_header(in, static_cast<std::int16_t>(api), version) || !decode(in, version, answer)) {
            give_up("an answer that is none");
        }
        return answer;
    }
    [[nodiscard]] bool answered(int wait_ms) const {
        pollfd one{socket_, POLLIN, 0};
        return ::poll(&one, 1, wait_ms) == 1;
    }

private:
    void take(byte_span bytes) {
        while (!bytes.empty()) {
            const ssize_t got = ::recv(socket_, bytes.data(), bytes.size(), 0);
            if (got <= 0) give_up("the server closed a connection");
            bytes = bytes.subspan(static_cast<std::size_t>(got));
        }
    }
    int socket_;
    std::vector<std::byte> frame_;
};

constexpr std::int16_t fetch_version = 12;

void wait_for_records(connected& on, const std::string& topic, std::int32_t queue) {
    kafka::fetch_request request;
    request.max_wait_ms = 290'000;
    request.min_bytes = 1;
    auto& asked = request.topics.emplace_back();
    asked.topic = topic;
    auto& partition = asked.partitions.emplace_back();
    partition.partition = queue;
    partition.partition_max_bytes = 1 << 20;
    on.send(request, fetch_version);
}

void make_group(connected& on, const std::string& name, const std::string& topic, std::int32_t queue) {
    kafka::consumer_group_heartbeat_request join;
    join.group_id = name;
    join.member_id = "the-only-member";
    join.rebalance_timeout_ms = 60'000;
    join.subscribed_topic_names = {std::string_view(topic)};
    join.topic_partitions.emplace();
    for (;;) {
        on.send(join, 1);
        const auto joined = on.receive<kafka::consumer_group_heartbeat_response>(join.api, 1);
        // Kafka's coordinator is still being made, or loads.
        if (joined.error_code == 14 || joined.error_code == 15 || joined.error_code == 16) {
            kafka::find_coordinator_request find;
            find.coordinator_keys = {std::string_view(name)};
            on.send(find, 4);
            (void)on.receive<kafka::find_coordinator_response>(find.api, 4);
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
            continue;
        }
        if (joined.error_code != 0) give_up(fmt::format("group {}: error {}", name, joined.error_code));
        kafka::offset_commit_request commit;
        commit.group_id = name;
        commit.member_id = join.member_id;
        commit.generation_id_or_member_epoch = joined.member_epoch;
        auto& committed = commit.topics.emplace_back();
        committed.name = topic;
        auto& partition = committed.partitions.emplace_back();
        partition.partition_index = queue;
        on.send(commit, 9);
        const auto told = on.receive<kafka::offset_commit_response>(commit.api, 9);
        if (const auto error = told.topics.at(0).partitions.at(0).error_code; error != 0) {
            give_up(fmt::format("commit of group {}: error {}", name, error));
        }
        return;
    }
}

void produce_one(connected& on, const std::string& topic, std::int32_t queue) {
    batch_builder builder;
    const std::byte value[1] = {std::byte{'x'}};
    builder.add(1'700'000'000'000, std::nullopt, byte_view(value));
    kafka::produce_request request;
    request.acks = -1;
    request.timeout_ms = 30'000;
    auto& asked = request.topic_data.emplace_back();
    asked.name = topic;
    auto& partition = asked.partition_data.emplace_back();
    partition.index = queue;
    partition.records.add({builder.finish(), nullptr});
    on.send(request, 9);
    (void)on.receive<kafka::produce_response>(request.api, 9);
}

arguments parse(int count, char** words) {
    arguments given;
    const auto wrong = [] {
        fmt::print(stderr, "{}", usage);
        std::exit(2);
    };
    if (count < 3) wrong();
    const std::string address = words[1];
    const auto colon = address.rfind(':');
    if (colon == std::string::npos) wrong();
    given.host = address.substr(0, colon);
    given.port = address.substr(colon + 1);
    given.topic = words[2];
    for (int i = 3; i < count; i += 2) {
        const std::string_view word = words[i];
        if (i + 1 == count) wrong();
        const double number = std::strtod(words[i + 1], nullptr);
        if (!(number >= 0)) wrong();
        if (word == "--fetches") given.fetches = static_cast<std::size_t>(number);
        else if (word == "--groups") given.groups = static_cast<std::size_t>(number);
        else if (word == "--seconds") given.seconds = number;
        else if (word == "--wakeups") given.wakeups = number;
        else if (word == "--pid") given.pid = static_cast<long>(number);
        else wrong();
    }
    if (given.pid == 0) wrong();
    return given;
}

class watch {
public:
    watch(const arguments& given) : given_(given) {}

    /// Some quiet seconds: what does the server do?
    void quiet(std::string_view what, std::size_t count, std::int64_t memory_before) {
        come_to_rest();
        const double time = bench::processor_time(given_.pid);
        const std::uint64_t slept = bench::sleeps(given_.pid);
        std::this_thread::sleep_for(std::chrono::duration<double>(given_.seconds));
        const double used = (bench::processor_time(given_.pid) - time) / given_.seconds;
        const double wakeups = static_cast<double>(bench::sleeps(given_.pid) - slept) / given_.seconds;
        const std::int64_t memory = bench::resident(given_.pid);
        fmt::print("{:6} {:<16} {:6.2f} % of a core, {:7.1f} wake-ups a second, {:8.1f} MB in memory", count, what,
                   100 * used, wakeups, static_cast<double>(memory) / 1e6);
        if (count > 0) fmt::print(", {:.0f} bytes each", static_cast<double>(memory - memory_before) / static_cast<double>(count));
        fmt::print("\n");
        std::fflush(stdout);
        if (given_.wakeups >= 0 && wakeups > given_.wakeups) {
            give_up(fmt::format("{:.1f} wake-ups a second, more than {}: something polls", wakeups, given_.wakeups));
        }
    }

private:
    /// What was started ends by itself: answers, and new segments that are filled with zeros, which takes seconds on a slow disk.
    /// A server that polls never rests, and is measured all the same.
    void come_to_rest() const {
        constexpr std::uint64_t quiet_sleeps = 3;
        for (int i = 0; i < 30; ++i) {
            const std::uint64_t slept = bench::sleeps(given_.pid);
            std::this_thread::sleep_for(std::chrono::milliseconds(500));
            if (bench::sleeps(given_.pid) - slept <= quiet_sleeps) return;
        }
    }

    const arguments& given_;
};

}  // namespace

int main(int count, char** words) {
    const arguments given = parse(count, words);
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* to = nullptr;
    if (::getaddrinfo(given.host.c_str(), given.port.c_str(), &hints, &to) != 0) give_up("no such host: " + given.host);

    watch watch(given);
    watch.quiet("nobody", 0, 0);

    connected other(*to);
    std::int64_t before = bench::resident(given.pid);
    std::vector<connected> fetching;
    fetching.reserve(given.fetches);
    for (std::size_t i = 0; i < given.fetches; ++i) {
        fetching.emplace_back(*to);
        wait_for_records(fetching.back(), given.topic, static_cast<std::int32_t>(i));
    }
    watch.quiet("waiting fetches", given.fetches, before);

    before = bench::resident(given.pid);
    for (std::size_t i = 0; i < given.groups; ++i) {
        make_group(other, fmt::format("idle-{}", i), given.topic + "-one", 0);
    }
    watch.quiet("idle groups", given.groups, before);

    if (!fetching.empty()) {
        const std::size_t chosen = fetching.size() / 2;
        if (fetching[chosen].answered(0)) give_up("a fetch was answered before there was anything");
        const auto start = std::chrono::steady_clock::now();
        produce_one(other, given.topic, static_cast<std::int32_t>(chosen));
        if (!fetching[chosen].answered(30'000)) give_up("a record came, and its fetch was not answered");
        const auto took = std::chrono::steady_clock::now() - start;
        const auto got = fetching[chosen].receive<kafka::fetch_response>(kafka::api_key::fetch, fetch_version);
        if (got.responses.size() != 1 || got.responses[0].partitions.at(0).records.view().empty()) {
            give_up("a fetch was answered without the record");
        }
        for (std::size_t i = 0; i < fetching.size(); ++i) {
            if (i != chosen && fetching[i].answered(0)) give_up("a fetch of another queue was answered");
        }
        fmt::print("one record: its fetch alone was answered, {:.2f} ms after the record was sent\n",
                   std::chrono::duration<double, std::milli>(took).count());
    }
    ::freeaddrinfo(to);
    return 0;
}
