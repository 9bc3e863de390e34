#include "peer.h"
#include "server/net/server.h"
#include "support/catch.h"

#include <sys/socket.h>

#include <atomic>
#include <mutex>
#include <string>
#include <thread>

// A toy protocol in place of a real one. The first byte of a request says what is to be done with it:
//   e  echo it           l  echo it, later, from another thread     n  no answer
//   w  wait to be hurried, then echo      x  echo and close         r  refuse
//   b  answer with as many bytes as the four after the first say
using namespace imago;
using namespace imago::net;
using imago::test::peer;
using imago::test::soon;

namespace {

struct other_thread {
    struct job {
        task* what;
        event_loop* where;
    };
    std::mutex mutex;
    std::vector<job> jobs;
    std::atomic<bool> stop{false};
    std::thread thread{[this] {
        while (!stop) {
            std::vector<job> taken;
            {
                const std::lock_guard lock(mutex);
                taken.swap(jobs);
            }
            // Last come, first served: the order of answers must not depend on it.
            while (!taken.empty()) {
                taken.back().where->post(*taken.back().what);
                taken.pop_back();
            }
            std::this_thread::sleep_for(std::chrono::microseconds(200));
        }
    }};
    ~other_thread() {
        stop = true;
        thread.join();
    }
    void post(event_loop& where, task& what) {
        const std::lock_guard lock(mutex);
        jobs.push_back({&what, &where});
    }
};

struct counters {
    std::atomic<int> started{0};
    std::atomic<int> released{0};
    std::atomic<int> sessions{0};
};

class toy_exchange final : public exchange {
public:
    toy_exchange(other_thread& others, counters& counts) : others_(others), counts_(counts) {
        later_.run = [](task& job) { static_cast<toy_exchange*>(job.context)->echo(); };
        later_.context = this;
    }
    void start() override {
        ++counts_.started;
        hurried_ = false;
        waiting_ = false;
        answer_.clear();
        switch (as_text(frame())[0]) {
            case 'n':
                return finish();
            case 'l':
                return others_.post(link().loop(), later_);
            case 'w':
                waiting_ = true;
                return;
            case 'x':
                build(frame());
                return finish(then::close);
            case 'b': {
                const std::vector<std::byte> large(load_be<std::uint32_t>(frame().data() + 1),
                                                   std::byte{'y'});
                build(large);
                return finish();
            }
            default:
                return echo();
        }
    }
    void hurry() override {
        if (std::exchange(waiting_, false)) echo();
    }
    std::span<const byte_view> answer() override { return parts_; }
    void release() override {
        ++counts_.released;
        delete this;
    }

private:
    void echo() {
        build(frame());
        finish();
    }
    void build(byte_view body) {
        length_.resize(4);
        store_be<std::int32_t>(length_.data(), static_cast<std::int32_t>(body.size()));
        answer_.assign(body.begin(), body.end());
        parts_ = {byte_view(length_)};
        if (!answer_.empty()) parts_.push_back(answer_);
    }
    other_thread& others_;
    counters& counts_;
    task later_;
    bool hurried_ = false;
    bool waiting_ = false;
    std::vector<std::byte> length_;
    std::vector<std::byte> answer_;
    std::vector<byte_view> parts_;
};

struct toy_session final : session {
    toy_session(other_thread& o, counters& c) : others(o), counts(c) { ++counts.sessions; }
    ~toy_session() override { --counts.sessions; }
    exchange* accept(byte_view frame) override {
        if (as_text(frame)[0] == 'r') return nullptr;
        return new toy_exchange(others, counts);
    }
    other_thread& others;
    counters& counts;
};

struct toy_protocol final : protocol {
    toy_protocol(other_thread& o, counters& c) : others(o), counts(c) {}
    std::unique_ptr<session> open(connection&) override {
        return std::make_unique<toy_session>(others, counts);
    }
    other_thread& others;
    counters& counts;
};

struct toy_server {
    explicit toy_server(net_options options = {}) {
        options.port = "0";
        if (options.threads == 0) options.threads = 2;
        auto started =
            server::listen(std::move(options), [this](event_loop&) -> result<std::unique_ptr<protocol>> {
                return std::make_unique<toy_protocol>(others, counts);
            });
        REQUIRE(started);
        net = std::move(*started);
        net->accept();
    }
    [[nodiscard]] std::uint16_t port() const { return net->port(); }
    other_thread others;
    counters counts;
    std::unique_ptr<server> net;
};

std::string big_request(std::uint32_t size) {
    std::string body = "b0000";
    store_be<std::uint32_t>(reinterpret_cast<std::byte*>(body.data() + 1), size);
    return body;
}

}  // namespace

TEST_CASE("requests that come in one piece are answered in their order", "[net]") {
    toy_server server;
    peer client(server.port());
    std::string all;
    for (int i = 0; i < 300; ++i) all += peer::framed((i % 3 == 0 ? "l" : "e") + std::to_string(i));
    REQUIRE(client.send(all));
    for (int i = 0; i < 300; ++i) CHECK(client.receive() == (i % 3 == 0 ? "l" : "e") + std::to_string(i));
    ::shutdown(client.descriptor, SHUT_RDWR);
    CHECK(server.net->drain(std::chrono::seconds(1)));
    CHECK(server.counts.started == 300);
    CHECK(server.counts.released == 300);
    CHECK(server.counts.sessions == 0);
    CHECK(server.net->statistics().bytes_held == 0);
}

TEST_CASE("a frame may come byte by byte", "[net]") {
    toy_server server;
    peer client(server.port());
    for (const char byte : peer::framed("ehalf a frame")) {
        REQUIRE(client.send({&byte, 1}));
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    CHECK(client.receive() == "ehalf a frame");
}

TEST_CASE("frames of all sizes arrive whole, whatever the pieces they come in", "[net]") {
    toy_server server;
    peer client(server.port());
    std::string all;
    std::vector<std::string> sent;
    for (const std::size_t size :
         {1u, 4095u, 4096u, 4097u, 131068u, 131072u, 131073u, 3u, 700'000u, 5'000'000u, 2u,
          // What follows a large one is expected to be as large: a little more, a little less, much less, much more.
          300'000u, 300'000u, 300'001u, 299'990u, 299'997u, 140'000u, 9u, 300'000u, 5000u, 5000u, 300'000u, 2'000'000u}) {
        std::string body = "e";
        for (std::size_t i = 1; i < size; ++i) body += static_cast<char>('a' + i % 23);
        all += peer::framed(body);
        sent.push_back(std::move(body));
    }
    std::thread writer([&] {
        std::size_t piece = 1;
        for (std::string_view rest = all; !rest.empty();) {
            const std::size_t now = std::min(piece, rest.size());
            if (!client.send(rest.substr(0, now))) break;
            rest.remove_prefix(now);
            piece = piece * 3 % 99991 + 1;
        }
    });
    for (const std::string& body : sent) CHECK((client.receive() == body));
    writer.join();
    CHECK(soon([&] { return server.net->statistics().bytes_held == 0; }));
}

TEST_CASE("a frame that is too long, or shorter than nothing, ends the connection", "[net]") {
    net_options options;
    options.frame_bytes_max = 1000;
    toy_server server(options);
    for (const std::string_view length :
         {std::string_view("\0\0\3\xe9", 4), std::string_view("\xff\xff\xff\xff", 4),
          std::string_view("\x7f\xff\xff\xff", 4), std::string_view("\0\0\0\0", 4)}) {
        peer client(server.port());
        REQUIRE(client.send(length));
        CHECK(client.receive() == "(closed)");
    }
    peer client(server.port());
    REQUIRE(client.send(peer::framed(std::string(1000, 'e'))));
    CHECK(client.receive().size() == 1000);
}

TEST_CASE("an announced length costs nothing until bytes come", "[net]") {
    net_options options;
    options.frame_bytes_max = 100 << 20;
    toy_server server(options);
    std::vector<std::unique_ptr<peer>> clients;
    for (int i = 0; i < 50; ++i) {
        clients.push_back(std::make_unique<peer>(server.port()));
        REQUIRE(clients.back()->send(std::string_view("\x06\x40\0\0e", 5)));
    }
    REQUIRE(soon([&] { return server.net->statistics().bytes_held > 0; }));
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    CHECK(server.net->statistics().bytes_held <= 50 * 8192);
}

TEST_CASE("who sent a large frame gets no memory for another before it comes", "[net]") {
    toy_server server;
    peer client(server.port());
    const std::string large = "e" + std::string(3'000'000, 'x');
    for (int i = 0; i < 2; ++i) {
        REQUIRE(client.send(peer::framed(large)));
        CHECK((client.receive() == large));
    }
    REQUIRE(client.send(peer::framed(large).substr(0, 5)));
    REQUIRE(soon([&] { return server.net->statistics().bytes_held > 0; }));
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    CHECK(server.net->statistics().bytes_held <= 8192);
    REQUIRE(client.send(peer::framed(large).substr(5)));
    CHECK((client.receive() == large));
}

TEST_CASE("a request without answer holds nobody up", "[net]") {
    toy_server server;
    peer client(server.port());
    REQUIRE(client.send(peer::framed("n1") + peer::framed("n2") + peer::framed("e3") + peer::framed("n4")));
    CHECK(client.receive() == "e3");
    CHECK(soon([&] { return server.counts.released == 4; }));
}

TEST_CASE("a request that is refused closes after the answers before it", "[net]") {
    toy_server server;
    peer client(server.port());
    REQUIRE(client.send(peer::framed("l1") + peer::framed("r") + peer::framed("e3")));
    CHECK(client.receive() == "l1");
    CHECK(client.receive() == "(closed)");
    CHECK(server.counts.started == 1);
}

TEST_CASE("an exchange can end the connection with its answer", "[net]") {
    toy_server server;
    peer client(server.port());
    REQUIRE(client.send(peer::framed("l1") + peer::framed("x2")));
    CHECK(client.receive() == "l1");
    CHECK(client.receive() == "x2");
    CHECK(client.receive() == "(closed)");
}

TEST_CASE("a peer that goes away leaves nothing behind", "[net]") {
    toy_server server;
    for (int round = 0; round < 50; ++round) {
        peer client(server.port());
        std::string all;
        for (int i = 0; i < 20; ++i) all += peer::framed((i % 4 == 1 ? "w" : "l") + std::string(10'000, 'z'));
        REQUIRE(client.send(all));
    }
    CHECK(soon([&] { return server.net->statistics().connections == 0; }));
    CHECK(server.counts.started == server.counts.released);
    CHECK(server.net->statistics().bytes_held == 0);
}

TEST_CASE("draining answers what is in flight and hurries what waits", "[net]") {
    toy_server server;
    peer client(server.port());
    peer idle(server.port());
    REQUIRE(client.send(peer::framed("w1") + peer::framed("l2")));
    REQUIRE(soon([&] { return server.counts.started == 2; }));
    std::string answers;
    std::thread reader([&] {
        for (int i = 0; i < 3; ++i) answers += client.receive();
        ::shutdown(client.descriptor, SHUT_RDWR);
        answers += idle.receive();
        ::shutdown(idle.descriptor, SHUT_RDWR);
    });
    const auto began = std::chrono::steady_clock::now();
    CHECK(server.net->drain(std::chrono::seconds(10)));
    CHECK(std::chrono::steady_clock::now() - began < std::chrono::milliseconds(1500));
    reader.join();
    CHECK(answers == "w1l2(closed)(closed)");
    CHECK(server.counts.released == 2);
}

TEST_CASE("a peer that does not read is cut off, and holds no more than its share", "[net]") {
    net_options options;
    options.threads = 1;
    options.connection_bytes_max = 1 << 20;
    options.send_timeout = std::chrono::milliseconds(300);
    toy_server server(options);
    peer slow(server.port());
    for (int i = 0; i < 500; ++i) {
        if (!slow.send(peer::framed(big_request(100'000)))) break;
    }
    std::size_t most = 0;
    peer other(server.port());
    CHECK(soon([&] {
        REQUIRE(other.send(peer::framed("ehello")));  // others are served meanwhile
        REQUIRE(other.receive() == "ehello");
        most = std::max(most, server.net->statistics().bytes_held);
        return server.net->statistics().connections == 1;
    }));
    CHECK(most > 100'000);
    CHECK(most < (1 << 20) + 500'000);
    CHECK(soon([&] { return server.net->statistics().bytes_held == 0; }));
}

TEST_CASE("a full budget stops reading until bytes are given back, for all loops", "[net]") {
    net_options options;
    options.total_bytes_max = 2'000'000;
    toy_server server(options);
    std::vector<std::thread> clients;
    std::atomic<std::size_t> most{0};
    std::atomic<int> good{0};
    std::vector<std::unique_ptr<peer>> peers;
    for (int c = 0; c < 8; ++c) peers.push_back(std::make_unique<peer>(server.port()));
    for (int c = 0; c < 8; ++c) {
        clients.emplace_back([&, c] {
            peer& client = *peers[static_cast<std::size_t>(c)];
            std::string all;
            for (int i = 0; i < 40; ++i) all += peer::framed("l" + std::string(150'000, 'q'));
            std::thread writer([&] { client.send(all); });
            for (int i = 0; i < 40; ++i) {
                if (client.receive().size() == 150'001) ++good;
                most = std::max(most.load(), server.net->statistics().bytes_held);
            }
            writer.join();
        });
    }
    for (std::thread& each : clients) each.join();
    CHECK(good == 8 * 40);
    // Each connection may go one request (and its answer) beyond what all may hold.
    CHECK(most < 2'000'000 + 8 * 2'500'000);
    CHECK(soon([&] { return server.net->statistics().bytes_held == 0; }));
}

TEST_CASE("more requests than may be in flight wait in the socket", "[net]") {
    net_options options;
    options.pipelined_max = 10;
    toy_server server(options);
    peer client(server.port());
    std::string all = peer::framed("w0");
    for (int i = 1; i < 100; ++i) all += peer::framed("e" + std::to_string(i));
    REQUIRE(client.send(all));
    REQUIRE(soon([&] { return server.counts.started == 10; }));
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    CHECK(server.counts.started == 10);
}

TEST_CASE("connections are limited in all and by address, and places become free again", "[net]") {
    net_options options;
    options.connections_per_address_max = 3;
    toy_server server(options);
    {
        peer one(server.port()), two(server.port()), three(server.port()), four(server.port());
        REQUIRE(one.send(peer::framed("e")));
        CHECK(one.receive() == "e");
        CHECK(four.receive() == "(closed)");
        CHECK(server.net->statistics().refused == 1);
    }
    REQUIRE(soon([&] { return server.net->statistics().connections == 0; }));
    peer again(server.port());
    REQUIRE(again.send(peer::framed("e")));
    CHECK(again.receive() == "e");
}

TEST_CASE("silence ends a connection: after a while when idle, sooner inside a request", "[net]") {
    net_options options;
    options.idle_timeout = std::chrono::milliseconds(600);
    options.frame_timeout = std::chrono::milliseconds(100);
    toy_server server(options);
    peer idle(server.port());
    peer stuck(server.port());
    peer waiting(server.port());
    const auto began = std::chrono::steady_clock::now();
    REQUIRE(waiting.send(peer::framed("w")));
    REQUIRE(stuck.send(std::string_view("\0\0\0\x10half", 8)));
    CHECK(stuck.receive() == "(closed)");
    CHECK(std::chrono::steady_clock::now() - began < std::chrono::milliseconds(500));
    CHECK(idle.receive() == "(closed)");
    CHECK(std::chrono::steady_clock::now() - began > std::chrono::milliseconds(500));
    std::this_thread::sleep_for(std::chrono::milliseconds(700));
    CHECK(server.net->statistics().connections == 1);  // the one that waits for us
}

TEST_CASE("a port that is in use is an error, not a crash", "[net]") {
    toy_server first;
    net_options options;
    options.port = std::to_string(first.net->port());
    options.threads = 1;
    const auto second = server::listen(options, [](event_loop&) -> result<std::unique_ptr<protocol>> {
        return fail(std::make_error_code(std::errc::not_supported));
    });
    REQUIRE(!second);
    CHECK(second.error() == std::errc::address_in_use);
}

TEST_CASE("a protocol that cannot be made stops the start", "[net]") {
    net_options options;
    options.port = "0";
    options.threads = 2;
    const auto started = server::listen(options, [](event_loop&) -> result<std::unique_ptr<protocol>> {
        return fail(std::make_error_code(std::errc::not_supported));
    });
    REQUIRE(!started);
    CHECK(started.error() == std::errc::not_supported);
}
