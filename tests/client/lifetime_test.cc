// Objects that are closed or destroyed in the middle of things, with servers that refuse, say nothing or go away.
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>

#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "imago/blocking.h"
#include "imago/callback.h"
#include "imago/group_consumer.h"
#include "support/catch.h"

using namespace imago::client;
using namespace std::chrono_literals;
using asio::ip::tcp;

namespace {

/// Accepts connections and says nothing; with `gone`, nobody listens there any more. Its sockets live in the kernel:
/// nothing of it runs.
class silent_server {
public:
    explicit silent_server(bool gone) : listener_(io_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)) {
        address_ = "127.0.0.1:" + std::to_string(listener_.local_endpoint().port());
        if (gone) listener_.close();
    }
    [[nodiscard]] client_options options() const {
        client_options made;
        made.brokers = {address_};
        made.connect_timeout = 300ms;
        made.request_timeout = 300ms;
        made.retry_timeout = 300ms;
        made.retry_backoff = 10ms;
        return made;
    }

private:
    asio::io_context io_;
    tcp::acceptor listener_;
    std::string address_;
};

group_options in_group(group_protocol protocol) {
    group_options how;
    how.group = "g";
    how.protocol = protocol;
    return how;
}

template <class F>
void run(asio::io_context& io, F make) {
    bool done = false;
    asio::co_spawn(io, std::move(make), [&](std::exception_ptr failed) {
        if (failed) std::rethrow_exception(failed);
        done = true;
    });
    io.run();
    CHECK(done);
}

/// work(0) .. work(count - 1), some at a time on threads of their own: they wait, for servers that do not answer. What they
/// find out is checked by the caller: Catch2 knows one thread.
template <class F>
void side_by_side(int count, F work) {
    constexpr int at_once = 8;
    for (int first = 0; first < count; first += at_once) {
        std::vector<std::jthread> threads;
        for (int i = first; i < std::min(count, first + at_once); ++i) threads.emplace_back([&work, i] { work(i); });
    }
}

asio::awaitable<void> pull_once(std::shared_ptr<group_consumer> from, std::error_code& outcome) {
    const auto got = co_await from->pull(60s);
    if (!got) outcome = got.error();
}

}  // namespace

TEST_CASE("a group consumer that finds no server closes all the same", "[client]") {
    const bool gone = GENERATE(false, true);
    const auto protocol = GENERATE(group_protocol::classic, group_protocol::consumer);
    const silent_server server(gone);
    asio::io_context io(1);
    std::error_code waiting;
    run(io, [&]() -> asio::awaitable<void> {
        auto member = std::make_shared<group_consumer>(io.get_executor(), server.options(), in_group(protocol));
        std::vector<std::string> topics(1, "t");
        CHECK(member->subscribe(std::move(topics)));
        const auto empty = co_await member->pull(50ms);
        CHECK(empty);
        asio::co_spawn(io, pull_once(member, waiting), asio::detached);
        co_await member->close();
        const auto after = co_await member->pull(1ms);
        CHECK(after.error() == client_errc::closed);
    });
    CHECK(waiting == client_errc::closed);
}

TEST_CASE("a group consumer may be destroyed at any step without close", "[client]") {
    const bool gone = GENERATE(false, true);
    const auto protocol = GENERATE(group_protocol::classic, group_protocol::consumer);
    const silent_server server(gone);
    std::atomic<int> subscribed = 0;
    side_by_side(40, [&](int steps) {
        asio::io_context io(1);
        auto member = std::make_shared<group_consumer>(io.get_executor(), server.options(), in_group(protocol));
        if (member->subscribe({"t"})) ++subscribed;
        for (int i = 0; i < steps; ++i) io.run_one_for(5ms);
        member.reset();
        io.run();  // what was under way comes to its end by itself
    });
    CHECK(subscribed == 40);
}

TEST_CASE("a consumer may be closed at any step of a pull, and be destroyed without close", "[client]") {
    const silent_server server(GENERATE(false, true));
    const bool closes = GENERATE(false, true);
    std::atomic<int> assigned = 0, closed = 0;
    side_by_side(25, [&](int steps) {
        asio::io_context io(1);
        auto reader = std::make_shared<consumer>(io.get_executor(), server.options(), consumer_options{});
        if (reader->assign_at({"t", 0}, 0)) ++assigned;
        std::error_code outcome;
        if (closes) {
            auto pulling = reader->pull(60s);
            asio::co_spawn(io, std::move(pulling), [&](std::exception_ptr, const result<pulled>& got) {
                if (!got) outcome = got.error();
            });
        }
        for (int i = 0; i < steps; ++i) io.run_one_for(5ms);
        if (closes) {
            auto closing = reader->close();
            asio::co_spawn(io, std::move(closing), asio::detached);
            io.run();
            if (outcome == client_errc::closed) ++closed;
        } else {
            static_cast<void>(reader->seek({"t", 0}, 5));
            reader.reset();
            io.run();
        }
    });
    CHECK(assigned == 25);
    CHECK(closed == (closes ? 25 : 0));
}

TEST_CASE("what cannot be delivered is reported, each message once", "[client]") {
    const silent_server server(GENERATE(false, true));
    producer_options how;
    how.delivery_timeout = 500ms;
    callback::producer sender(server.options(), how);
    int failed = 0;
    for (int i = 0; i < 5; ++i) {
        message one;
        one.value = "v";
        sender.send("t", one, [&](const callback::sent& fate) { failed += fate.error ? 1 : 0; });
    }
    sender.stop();
    CHECK(failed == 5);
    sender.stop();
}

TEST_CASE("the blocking form fails with values, and after close with closed", "[client]") {
    const silent_server server(GENERATE(false, true));
    blocking::producer sender(server.options());
    message one;
    one.value = "v";
    CHECK(!sender.send("t", one));
    sender.close();
    CHECK(sender.send("t", one).error() == client_errc::closed);
    blocking::group_consumer member(server.options(), in_group(group_protocol::classic));
    CHECK(member.pull(1ms).error() == client_errc::not_subscribed);
    CHECK(member.subscribe({}).error() == client_errc::bad_argument);
    CHECK(member.subscribe_pattern("x.*").error() == client_errc::bad_argument);  // the classic protocol has none
    CHECK(member.seek({"t", 0}, 1).error() == client_errc::not_subscribed);
    CHECK(member.assignment().empty());
    member.close();
    CHECK(member.pull(1ms).error() == client_errc::closed);
    blocking::admin admin(server.options());
    CHECK(!admin.list_topics());
}

TEST_CASE("functions are not called after stop", "[client]") {
    const silent_server server(GENERATE(false, true));
    int calls = 0;
    callback::group_consumer member(server.options(), in_group(group_protocol::classic), {"t"},
                                    [&](const result<group_pulled>&) { ++calls; });
    member.stop();
    const int then = calls;
    std::this_thread::sleep_for(50ms);
    CHECK(calls == then);
}
