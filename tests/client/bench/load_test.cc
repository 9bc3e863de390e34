#include "support/catch.h"

#include "client/bench/histogram.h"
#include "client/bench/produce_load.h"
#include "client/bench/queues.h"
#include "client/bench/report.h"
#include "wire/kafka/produce.h"
#include "wire/kafka/protocol.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <map>
#include <set>
#include <thread>

using namespace imago;
using namespace imago::bench;
using namespace std::chrono_literals;

TEST_CASE("a quantile is within a bucket of the truth", "[bench]") {
    histogram times;
    for (std::uint64_t i = 1; i <= 100'000; ++i) times.record(i * 1000);
    for (const double share : {0.01, 0.5, 0.99, 0.999}) {
        const double truth = share * 100'000 * 1000;
        CHECK(static_cast<double>(times.quantile(share)) == Approx(truth).epsilon(0.02));
    }
    CHECK(times.quantile(1.0) == 100'000'000);
    CHECK(times.max() == 100'000'000);
    CHECK(times.count() == 100'000);
}

TEST_CASE("a histogram of nothing has quantiles of nothing, and merging adds", "[bench]") {
    histogram none, some;
    CHECK(none.quantile(0.99) == 0);
    some.record(5, 10);
    none.merge(some);
    none.record(7);
    CHECK(none.count() == 11);
    CHECK(none.quantile(0.5) == 5);
    CHECK(none.max() == 7);
}

TEST_CASE("without Zipf every queue is met equally often, each once in a request", "[bench]") {
    for (const auto& [queues, each] : {std::pair(16, 16), std::pair(1000, 250), std::pair(10, 3), std::pair(3, 16)}) {
        std::map<std::int32_t, int> met;
        for (const auto& request : choose_queues(queues, each, 0)) {
            CHECK(std::set<std::int32_t>(request.begin(), request.end()).size() == request.size());
            for (const std::int32_t queue : request) ++met[queue];
        }
        REQUIRE(met.size() == static_cast<std::size_t>(queues));
        for (const auto& [queue, times] : met) CHECK(times == met[0]);
    }
}

TEST_CASE("with Zipf the first queues are met far more often than the last, and the same seed gives the same", "[bench]") {
    const auto chosen = choose_queues(1000, 4, 1.0, 42);
    CHECK(chosen == choose_queues(1000, 4, 1.0, 42));
    CHECK(chosen != choose_queues(1000, 4, 1.0, 43));
    std::map<std::int32_t, int> met;
    for (const auto& request : chosen) {
        for (const std::int32_t queue : request) ++met[queue];
        CHECK(std::set<std::int32_t>(request.begin(), request.end()).size() == request.size());
    }
    int last = 0;
    for (std::int32_t queue = 900; queue < 1000; ++queue) last += met[queue];
    CHECK(met[0] > last);
}

TEST_CASE("a load that did not reach its rate says so", "[bench]") {
    measured what;
    what.what = "produce";
    what.seconds = 1;
    what.messages = 500;
    what.wanted_rate = 1000;
    CHECK(as_line(what).find("NOT the 1000 asked for") != std::string::npos);
    what.messages = 1000;
    CHECK(as_line(what).find("NOT") == std::string::npos);
}

namespace {
/// Answers every Produce request at once, but for one pause.
class stalling_server {
public:
    explicit stalling_server(std::chrono::milliseconds stall) : listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
        sockaddr_in here{};
        here.sin_family = AF_INET;
        here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        REQUIRE(::bind(listener_, reinterpret_cast<sockaddr*>(&here), sizeof here) == 0);
        REQUIRE(::listen(listener_, 1) == 0);
        socklen_t size = sizeof here;
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&here), &size);
        port_ = ntohs(here.sin_port);
        runner_ = std::thread([this, stall] { run(stall); });
    }
    ~stalling_server() {
        ::shutdown(listener_, SHUT_RDWR);
        runner_.join();
        ::close(listener_);
    }
    [[nodiscard]] std::string port() const { return std::to_string(port_); }

private:
    void run(std::chrono::milliseconds stall) const {
        const int link = ::accept(listener_, nullptr, nullptr);
        if (link < 0) return;
        const auto take = [&](byte_span bytes) {
            return ::recv(link, bytes.data(), bytes.size(), MSG_WAITALL) == static_cast<ssize_t>(bytes.size());
        };
        std::vector<std::byte> frame;
        for (int count = 0;; ++count) {
            std::byte length[4];
            if (!take(length)) break;
            frame.resize(static_cast<std::size_t>(load_be<std::int32_t>(length)));
            if (!take(frame)) break;
            if (count == 50) std::this_thread::sleep_for(stall);
            wire::gather_buffer out;
            wire::kafka::request_header header;
            header.version = produce_version;
            header.correlation_id = load_be<std::int32_t>(frame.data() + 4);
            wire::kafka::produce_response answer;
            wire::kafka::encode_response_frame(out, header, answer);
            const auto bytes = out.flatten();
            if (::send(link, bytes.data(), bytes.size(), MSG_NOSIGNAL) < 0) break;
        }
        ::close(link);
    }
    int listener_;
    std::uint16_t port_ = 0;
    std::thread runner_;
};

/// Requests of one batch of one message.
produce_options one_message_to(const stalling_server& server) {
    produce_options how;
    how.host = "127.0.0.1";
    how.port = server.port();
    how.topic = "t";
    how.queues = how.batches = 1;
    how.records = 1;
    return how;
}
}  // namespace

TEST_CASE("requests that were due while the server stalled are charged with the stall", "[bench]") {
    stalling_server server(300ms);
    engine on;
    produce_options how = one_message_to(server);
    how.message = 100;
    how.rate = 1000;
    {
        auto load = produce_load::make(on, how);
        REQUIRE(load);
        (*load)->measure();
        (*load)->start(clock_type::now());
        CHECK(on.run_until([&] { return (*load)->messages() >= 600; }).empty());
        (*load)->stop();
        CHECK(on.run_until([&] { return (*load)->idle(); }).empty());
        // Closed loops would see one slow request; on schedule some 200 of 600 waited for 100 ms and more.
        const double share_fast = 1 - 150.0 / static_cast<double>((*load)->times().count());
        CHECK((*load)->times().quantile(share_fast) > 100'000'000);
    }
}

TEST_CASE("small requests that do not fit into the socket go out later, whole and all of them", "[bench]") {
    stalling_server server(300ms);
    engine on;
    produce_options how = one_message_to(server);
    how.message = 3000;
    how.window = 6000;  // 18 MB, more than both sockets hold
    {
        auto load = produce_load::make(on, how);
        REQUIRE(load);
        (*load)->measure();
        (*load)->start(clock_type::now());
        CHECK(on.run_until([&] { return (*load)->messages() >= 12'000; }).empty());
        (*load)->stop();
        CHECK(on.run_until([&] { return (*load)->idle(); }).empty());
        CHECK((*load)->error() == 0);
        CHECK((*load)->times().count() >= 12'000 + 5'999);
    }
}
