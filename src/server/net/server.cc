#include "server/net/server.h"

#include "base/check.h"
#include "base/local_socket.h"
#include "server/net/socket_connection.h"

#include <asio/ip/tcp.hpp>
#include <pthread.h>

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

namespace imago::net {

using asio::ip::tcp;

namespace {
/// After an accept() that failed for want of descriptors or memory.
constexpr std::chrono::milliseconds accept_pause{100};
/// Then those who are connected have their turn.
constexpr int accepted_at_once = 64;

std::string to_text(const tcp::endpoint& endpoint) {
    const std::string address = endpoint.address().to_string();
    const std::string host = endpoint.address().is_v6() ? "[" + address + "]" : address;
    return host + ":" + std::to_string(endpoint.port());
}

/// Connections by address, over all loops.
class door {
public:
    explicit door(const net_options& options)
        : all_max_(options.connections_max), address_max_(options.connections_per_address_max) {}
    bool enter(const asio::ip::address& from) {
        const std::lock_guard lock(mutex_);
        if (inside_ >= all_max_) return refuse();
        std::size_t& same = by_address_[from];
        if (same >= address_max_) return refuse();
        ++same;
        ++inside_;
        ++accepted_;
        return true;
    }
    void leave(const asio::ip::address& from) {
        const std::lock_guard lock(mutex_);
        --inside_;
        const auto it = by_address_.find(from);
        if (--it->second == 0) by_address_.erase(it);
    }
    void count(net_statistics& statistics) const {
        const std::lock_guard lock(mutex_);
        statistics.connections = inside_;
        statistics.accepted = accepted_;
        statistics.refused = refused_;
    }

private:
    bool refuse() {
        ++refused_;
        return false;
    }
    const std::size_t all_max_;
    const std::size_t address_max_;
    mutable std::mutex mutex_;
    std::map<asio::ip::address, std::size_t> by_address_;
    std::size_t inside_ = 0;
    std::size_t accepted_ = 0;
    std::size_t refused_ = 0;
};
}  // namespace

/// One network thread: a loop, its protocol and its connections.
class network_thread final : public connection_host {
public:
    network_thread(const net_options& options, budget& bytes, door& door,
                   std::vector<std::unique_ptr<network_thread>>& all)
        : options_(options), bytes_(bytes), door_(door), all_(all) {
        bytes_free_.run = [](task& job) {
            auto* self = static_cast<network_thread*>(job.context);
            self->bytes_free_posted_.store(false);
            std::vector<socket_connection*> hungry;
            hungry.swap(self->hungry_);
            for (socket_connection* each : hungry) each->listed_as_wanting = false;
            for (socket_connection* each : hungry) each->look_again();
        };
        bytes_free_.context = this;
    }

    /// Blocks until the thread runs and has its protocol.
    result<> start(const protocol_maker& make) {
        std::mutex mutex;
        std::condition_variable changed;
        bool ready = false;
        result<> outcome;
        thread_ = std::thread([&, this] {
            auto made = make(loop_);
            const bool good = made.has_value();
            if (good) protocol_ = std::move(*made);
            {
                const std::lock_guard lock(mutex);
                if (!good) outcome = tl::unexpected<std::error_code>(made.error());
                ready = true;
                changed.notify_one();
            }
            if (good) loop_.run();
            // The owner has seen to it that no connection is left.
            protocol_.reset();
        });
        pthread_setname_np(thread_.native_handle(), "imago-net");
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return ready; });
        return outcome;
    }

    /// Any thread.
    void adopt(int descriptor, tcp::endpoint from) {
        loop_.call([this, descriptor, from] {
            auto* opened = new socket_connection(*this, descriptor, to_text(from));
            addresses_.emplace(opened, from.address());
            opened->next = first_;
            if (first_ != nullptr) first_->previous = opened;
            first_ = opened;
            opened->open(*protocol_);
            if (draining_) opened->drain();
        });
    }

    void drain(std::function<void()> drained) {
        loop_.call([this, drained = std::move(drained)]() mutable {
            draining_ = true;
            drained_ = std::move(drained);
            each_connection([](socket_connection& each) { each.drain(); });
            if (first_ == nullptr) say_drained();
        });
    }
    void cut_off() {
        loop_.call([this] { each_connection([](socket_connection& each) { each.close(); }); });
    }
    void stop() {
        if (!thread_.joinable()) return;
        loop_.stop_running();
        thread_.join();
    }

    loop& the_loop() override { return loop_; }
    const net_options& options() const override { return options_; }
    budget& bytes() override { return bytes_; }
    void bytes_free() override {
        for (const auto& each : all_) {
            if (!each->bytes_free_posted_.exchange(true)) each->loop_.post(each->bytes_free_);
        }
    }
    void wants_bytes(socket_connection& connection) override {
        if (std::exchange(connection.listed_as_wanting, true)) return;
        hungry_.push_back(&connection);
    }
    void received(std::size_t bytes) override { raise(received_, bytes); }
    void sent(std::size_t bytes) override { raise(sent_, bytes); }
    /// Any thread.
    void count(net_statistics& statistics) const {
        statistics.bytes_received += received_.load(std::memory_order_relaxed);
        statistics.bytes_sent += sent_.load(std::memory_order_relaxed);
    }
    void gone(socket_connection& connection) override {
        if (connection.listed_as_wanting) std::erase(hungry_, &connection);
        if (connection.previous != nullptr) connection.previous->next = connection.next;
        if (connection.next != nullptr) connection.next->previous = connection.previous;
        if (first_ == &connection) first_ = connection.next;
        const auto it = addresses_.find(&connection);
        door_.leave(it->second);
        addresses_.erase(it);
        delete &connection;
        if (first_ == nullptr && draining_) say_drained();
    }

private:
    static void raise(std::atomic<std::uint64_t>& counter, std::uint64_t by) {
        counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);  // one writer
    }
    template <class F>
    void each_connection(F&& call) {
        for (socket_connection *each = first_, *next = nullptr; each != nullptr; each = next) {
            next = each->next;
            call(*each);
        }
    }
    void say_drained() {
        if (drained_) std::exchange(drained_, nullptr)();
    }

    const net_options& options_;
    budget& bytes_;
    door& door_;
    std::vector<std::unique_ptr<network_thread>>& all_;
    loop loop_;
    std::unique_ptr<protocol> protocol_;
    socket_connection* first_ = nullptr;
    std::map<socket_connection*, asio::ip::address> addresses_;
    std::vector<socket_connection*> hungry_;
    task bytes_free_;
    std::atomic<bool> bytes_free_posted_{false};
    bool draining_ = false;
    std::function<void()> drained_;
    std::atomic<std::uint64_t> received_{0};
    std::atomic<std::uint64_t> sent_{0};
    std::thread thread_;
};

struct server::state {
    explicit state(net_options given)
        : options(std::move(given)), bytes(options.total_bytes_max), entrance(options) {
        place.context = pause.context = this;
        place.ready = [](watched& each, bool, bool) { static_cast<state*>(each.context)->accept_some(); };
        pause.expired = [](timer& each) {
            auto* self = static_cast<state*>(each.context);
            self->first_loop().want(self->place, true, false);
        };
    }
    loop& first_loop() { return threads.front()->the_loop(); }

    // The first thread's, as everything below.
    void start_accepting() {
        place.descriptor = acceptor->native_handle();
        first_loop().want(place, true, false);
    }
    void stop_accepting() {
        first_loop().remove(place);
        first_loop().stop(pause);
        std::error_code ignored;
        acceptor->close(ignored);
    }
    void accept_some() {
        for (int i = 0; i < accepted_at_once; ++i) {
            std::error_code error;
            tcp::endpoint from;
            tcp::socket socket(context);
            acceptor->accept(socket, from, error);
            if (error == asio::error::would_block || error == asio::error::try_again) return;
            if (error == asio::error::connection_aborted || error == asio::error::interrupted) continue;
            if (error) {
                if (options.log) options.log("cannot accept a connection: " + error.message());
                first_loop().want(place, false, false);
                first_loop().start(pause, loop::clock::now() + accept_pause);
                return;
            }
            if (entrance.enter(from.address())) {
                socket.set_option(tcp::no_delay(true), error);
                socket.set_option(asio::socket_base::keep_alive(true), error);
                tune_if_local(socket.native_handle());
                const int descriptor = socket.release(error);
                if (error) {
                    entrance.leave(from.address());
                    continue;
                }
                threads[next_thread++ % threads.size()]->adopt(descriptor, from);
            } else if (!refusal_said && options.log) {
                refusal_said = true;
                options.log("refusing connections: the limit is reached (said once); the next from " +
                            to_text(from));
            }
        }
    }

    asio::io_context context{1};  // never run: Asio resolves, listens and accepts, the loops wait
    net_options options;
    budget bytes;
    door entrance;
    std::vector<std::unique_ptr<network_thread>> threads;
    std::unique_ptr<tcp::acceptor> acceptor;
    watched place;  // of the acceptor, on the first thread's loop
    timer pause;
    std::size_t next_thread = 0;
    bool refusal_said = false;
    bool started = false;
    bool drained = false;
    std::string address;
    std::uint16_t port = 0;
};

server::server(std::unique_ptr<state> made) : state_(std::move(made)) {}

server::~server() { drain(std::chrono::milliseconds(0)); }

result<std::unique_ptr<server>> server::listen(net_options options, protocol_maker make) {
    auto made = std::make_unique<state>(std::move(options));
    state& own = *made;
    std::unique_ptr<server> owner(
        new server(std::move(made)));  // from here on a failure stops what was started

    const unsigned count =
        own.options.threads > 0 ? own.options.threads : std::max(1u, std::thread::hardware_concurrency());
    for (unsigned i = 0; i < count; ++i) {
        own.threads.push_back(
            std::make_unique<network_thread>(own.options, own.bytes, own.entrance, own.threads));
    }
    std::error_code error;
    tcp::resolver resolver(own.context);
    const auto found = resolver.resolve(own.options.host, own.options.port, tcp::resolver::passive, error);
    if (error) return fail(error);
    own.acceptor = std::make_unique<tcp::acceptor>(own.context);
    const tcp::endpoint where = found.begin()->endpoint();
    own.acceptor->open(where.protocol(), error);
    if (!error) own.acceptor->set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) own.acceptor->bind(where, error);
    if (!error) own.acceptor->listen(asio::socket_base::max_listen_connections, error);
    if (!error) own.acceptor->non_blocking(true, error);
    if (error) return fail(system_error_code(error.value()));
    own.port = own.acceptor->local_endpoint(error).port();
    own.address = to_text(tcp::endpoint(where.address(), own.port));

    for (const auto& thread : own.threads) IMAGO_CHECK(thread->start(make));
    own.started = true;
    return owner;
}

void server::accept() {
    state& own = *state_;
    own.first_loop().call([&own] { own.start_accepting(); });
}

bool server::drain(std::chrono::milliseconds patience) {
    state& own = *state_;
    if (std::exchange(own.drained, true)) return true;
    std::mutex mutex;
    std::condition_variable changed;
    std::size_t open = own.threads.size();
    bool clean = true;
    // If listen() failed there is no connection, and some threads do not run.
    if (own.started) {
        own.first_loop().call([&] {
            own.stop_accepting();
            for (const auto& thread : own.threads) {
                thread->drain([&] {
                    const std::lock_guard lock(mutex);
                    --open;
                    changed.notify_one();
                });
            }
        });
        std::unique_lock lock(mutex);
        clean = changed.wait_for(lock, patience, [&] { return open == 0; });
        if (!clean) {
            lock.unlock();
            for (const auto& thread : own.threads) thread->cut_off();
            lock.lock();
            // What is in flight below us always comes to an end.
            changed.wait(lock, [&] { return open == 0; });
        }
    }
    for (const auto& thread : own.threads) thread->stop();
    return clean;
}

const std::string& server::address() const { return state_->address; }
std::uint16_t server::port() const { return state_->port; }

net_statistics server::statistics() const {
    net_statistics statistics;
    state_->entrance.count(statistics);
    statistics.bytes_held = state_->bytes.used();
    statistics.bytes_held_max = state_->options.total_bytes_max;
    for (const auto& thread : state_->threads) thread->count(statistics);
    return statistics;
}

}  // namespace imago::net
