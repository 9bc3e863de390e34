// Question: what does a running server do over loopback: how many messages become durable a second, how long does a request
// take, how much processor time does the server need for a message?
//
// Method: one connection, one thread, requests built once and sent again and again, so that the generator costs little: a
// Produce request (acks=all) of one batch for each of some partitions, `window` of them in flight. A request's time is from
// its send to its answer. The server's processor time is taken from /proc. bench/loopback.sh starts the server and runs the
// usual cells between two measurements of the disk.
#include "histogram.h"
#include "process.h"

#include "base/batch_builder.h"
#include "wire/kafka/produce.h"
#include "wire/kafka/protocol.h"

#include <fmt/core.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

using namespace imago;
using clock_type = std::chrono::steady_clock;

namespace {

constexpr std::string_view usage =
    "usage: loopback HOST:PORT TOPIC [options]\n"
    "  --message B    bytes of a message (1024)      --records N   messages in a batch (16)\n"
    "  --queues N     partitions of the topic (16)   --batches N   partitions in a request (16)\n"
    "  --window N     requests in flight (8)         --seconds S   (3)\n"
    "  --pid PID      of the server, for its processor time\n";

struct arguments {
    std::string host, port, topic;
    std::size_t message = 1024, records = 16, queues = 16, batches = 16, window = 8;
    double seconds = 3;
    long pid = 0;
};

[[noreturn]] void give_up(const std::string& why) {
    fmt::print(stderr, "loopback: {}\n", why);
    std::exit(1);
}

int connect_to(const arguments& given) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (::getaddrinfo(given.host.c_str(), given.port.c_str(), &hints, &found) != 0) give_up("no such host: " + given.host);
    const int socket = ::socket(found->ai_family, SOCK_STREAM, 0);
    if (socket < 0 || ::connect(socket, found->ai_addr, found->ai_addrlen) != 0) {
        give_up(fmt::format("cannot connect to {}:{}: {}", given.host, given.port, std::strerror(errno)));
    }
    ::freeaddrinfo(found);
    const int one = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return socket;
}

void send_all(int socket, byte_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent <= 0) give_up(fmt::format("send: {}", std::strerror(errno)));
        bytes = bytes.subspan(static_cast<std::size_t>(sent));
    }
}

void receive_all(int socket, byte_span bytes) {
    while (!bytes.empty()) {
        const ssize_t got = ::recv(socket, bytes.data(), bytes.size(), 0);
        if (got <= 0) give_up("the server closed the connection");
        bytes = bytes.subspan(static_cast<std::size_t>(got));
    }
}

/// Requests that name the partitions in turn, all of them after a few requests.
std::vector<std::vector<std::byte>> make_requests(const arguments& given, byte_view batch) {
    std::vector<std::vector<std::byte>> frames;
    for (std::size_t first = 0; first < given.queues; first += given.batches) {
        wire::kafka::produce_request request;
        request.acks = -1;
        request.timeout_ms = 30'000;
        auto& topic = request.topic_data.emplace_back();
        topic.name = given.topic;
        for (std::size_t i = 0; i < given.batches; ++i) {
            auto& partition = topic.partition_data.emplace_back();
            partition.index = static_cast<std::int32_t>((first + i) % given.queues);
            partition.records.add({batch, nullptr});
        }
        wire::gather_buffer out;
        wire::kafka::request_header header;
        header.version = 9;
        header.client_id = "loopback";
        wire::kafka::encode_request_frame(out, header, request);
        frames.push_back(out.flatten());
    }
    return frames;
}

void check_answer(byte_view frame, std::int32_t& correlation) {
    wire::kafka::reader in(frame);
    const auto id = wire::kafka::decode_response_header(in, 0, 9);
    wire::kafka::produce_response answer;
    if (!id || !decode(in, 9, answer)) give_up("an answer that is none");
    correlation = *id;
    for (const auto& topic : answer.responses) {
        for (const auto& partition : topic.partition_responses) {
            if (partition.error_code != 0) give_up(fmt::format("partition {}: error {}", partition.index, partition.error_code));
        }
    }
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
        if (!(number > 0)) wrong();
        const auto whole = static_cast<std::size_t>(number);
        if (word == "--message") given.message = whole;
        else if (word == "--records") given.records = whole;
        else if (word == "--queues") given.queues = whole;
        else if (word == "--batches") given.batches = whole;
        else if (word == "--window") given.window = whole;
        else if (word == "--seconds") given.seconds = number;
        else if (word == "--pid") given.pid = static_cast<long>(whole);
        else wrong();
    }
    return given;
}

}  // namespace

int main(int count, char** words) {
    const arguments given = parse(count, words);
    batch_builder builder;
    const std::vector<std::byte> value(given.message, std::byte{'x'});
    for (std::size_t i = 0; i < given.records; ++i) builder.add(1'700'000'000'000, std::nullopt, byte_view(value));
    auto frames = make_requests(given, builder.finish());

    const int socket = connect_to(given);
    std::vector<clock_type::time_point> sent(given.window);
    std::vector<std::byte> answer;
    bench::histogram times;
    std::size_t next = 0;
    std::uint64_t answered = 0;
    const auto send_one = [&](std::int32_t slot) {
        auto& frame = frames[next];
        next = next + 1 == frames.size() ? 0 : next + 1;
        store_be<std::int32_t>(frame.data() + 8, slot);  // the correlation id
        sent[static_cast<std::size_t>(slot)] = clock_type::now();
        send_all(socket, frame);
    };
    const auto take_one = [&] {
        std::byte length[4];
        receive_all(socket, length);
        answer.resize(static_cast<std::size_t>(load_be<std::int32_t>(length)));
        receive_all(socket, answer);
        std::int32_t slot = 0;
        check_answer(answer, slot);
        return slot;
    };
    const auto run = [&](double seconds, bool measured) {
        const auto start = clock_type::now();
        const auto end = start + std::chrono::duration_cast<clock_type::duration>(std::chrono::duration<double>(seconds));
        std::size_t in_flight = given.window;
        for (std::size_t i = 0; i < given.window; ++i) send_one(static_cast<std::int32_t>(i));
        while (in_flight > 0) {
            const std::int32_t slot = take_one();
            const auto now = clock_type::now();
            if (measured) {
                times.record(static_cast<std::uint64_t>((now - sent[static_cast<std::size_t>(slot)]).count()));
                ++answered;
            }
            if (now < end) send_one(slot);
            else --in_flight;
        }
        return std::chrono::duration<double>(clock_type::now() - start).count();
    };
    (void)run(given.seconds / 6, false);  // memory and caches come into place
    const double before = given.pid == 0 ? 0 : bench::processor_time(given.pid);
    const double seconds = run(given.seconds, true);
    const double used = given.pid == 0 ? 0 : bench::processor_time(given.pid) - before;

    const double messages = static_cast<double>(answered * given.batches * given.records);
    const auto microseconds = [&](double share) { return static_cast<double>(times.quantile(share)) / 1e3; };
    fmt::print("{:6} B x {:<4} {:6} queues, {:5} a request, window {:<3}  {:8.1f} MB/s {:9.0f} msg/s  p50 {:.0f} p99 {:.0f} p99.9 {:.0f} us",
               given.message, given.records, given.queues, given.batches, given.window,
               messages * static_cast<double>(given.message) / seconds / 1e6, messages / seconds, microseconds(0.5),
               microseconds(0.99), microseconds(0.999));
    if (given.pid != 0) fmt::print("  server {:.2f} cpu s/M", used / messages * 1e6);
    fmt::print("\n");
    ::close(socket);
    return answered > 0 ? 0 : 1;
}
