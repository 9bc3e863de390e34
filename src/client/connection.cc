#include "client/connection.h"

#include "base/local_socket.h"

#include <asio/co_spawn.hpp>
#include <asio/connect.hpp>
#include <asio/detached.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>

#include <charconv>

#include "wire/kafka/api_versions.h"

namespace imago::client {
namespace kafka = wire::kafka;

std::string endpoint::text() const {
    const bool v6 = host.find(':') != std::string::npos;
    return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

result<endpoint> endpoint::parse(std::string_view text) {
    endpoint parsed;
    std::string_view port;
    if (!text.empty() && text.front() == '[') {
        const auto end = text.find(']');
        if (end == std::string_view::npos) return tl::unexpected(make_error_code(client_errc::bad_argument));
        parsed.host = text.substr(1, end - 1);
        port = text.substr(end + 1);
    } else {
        const auto colon = text.rfind(':');
        parsed.host = text.substr(0, colon);
        if (colon != std::string_view::npos) port = text.substr(colon);
    }
    if (!port.empty()) {
        const auto [end, error] = std::from_chars(port.data() + 1, port.data() + port.size(), parsed.port);
        if (port.front() != ':' || error != std::errc{} || end != port.data() + port.size() || parsed.port == 0)
            return tl::unexpected(make_error_code(client_errc::bad_argument));
    }
    if (parsed.host.empty()) return tl::unexpected(make_error_code(client_errc::bad_argument));
    return parsed;
}

/// An exchange whose answer is awaited; lives in the coroutine of the exchange.
struct connection::waiting {
    connection& home;
    std::int32_t id;
    asio::steady_timer done;  // expires at the deadline, cancelled when the outcome is there
    frame_handle frame;
    std::error_code error;
    bool decided = false;

    waiting(connection& c, std::int32_t i, steady_time deadline) : home(c), id(i), done(c.socket_.get_executor()) {
        done.expires_at(deadline);
        home.waiting_.emplace(id, this);
    }
    ~waiting() { home.waiting_.erase(id); }
    void decide() {
        decided = true;
        done.cancel();
    }
};

connection::connection(executor where, endpoint to, client_options options)
    : options_(std::move(options)), peer_(std::move(to)), socket_(where), outgoing_added_(where),
      frames_(std::make_shared<frame_pool>()) {}

connection::~connection() = default;

asio::awaitable<result<connection_ptr>> connection::open(executor where, endpoint to, client_options options) {
    connection_ptr made(new connection(std::move(where), std::move(to), std::move(options)));
    const result<> connected = co_await made->connect();
    if (!connected) co_return tl::unexpected(connected.error());
    asio::co_spawn(made->socket_.get_executor(), [made]() { return made->read_loop(); }, asio::detached);
    asio::co_spawn(made->socket_.get_executor(), [made]() { return made->write_loop(); }, asio::detached);
    const result<> negotiated = co_await made->negotiate();
    if (!negotiated) {
        made->fail(negotiated.error());
        co_return tl::unexpected(negotiated.error());
    }
    co_return made;
}

asio::awaitable<result<>> connection::connect() {
    // The time limit closes the socket; the handler holds the connection, for it may run late.
    asio::steady_timer limit(socket_.get_executor(), options_.connect_timeout);
    limit.async_wait([self = shared_from_this()](std::error_code cancelled) {
        if (!cancelled && self->versions_.empty()) self->fail(client_errc::timed_out);
    });
    std::error_code error;
    const asio::ip::address literal = asio::ip::make_address(peer_.host, error);
    std::vector<asio::ip::tcp::endpoint> places;
    if (!error) {
        places.emplace_back(literal, peer_.port);
    } else {
        asio::ip::tcp::resolver resolver(socket_.get_executor());
        const std::string port = std::to_string(peer_.port);
        const auto [failed, found] = co_await resolver.async_resolve(peer_.host, port, no_throw);
        if (failed) co_return tl::unexpected(failed);
        for (const auto& entry : found) places.push_back(entry.endpoint());
    }
    error = make_error_code(client_errc::not_reachable);
    for (const asio::ip::tcp::endpoint& place : places) {
        if (error_) co_return tl::unexpected(error_);
        std::error_code ignored;
        socket_.close(ignored);
        const auto [failed] = co_await socket_.async_connect(place, no_throw);
        error = failed;
        if (!failed) break;
    }
    if (error_) co_return tl::unexpected(error_);
    // Asio's category for the system's errors is one of its own, which std::errc does not compare equal to.
    if (error.category() == asio::error::get_system_category())
        error = std::error_code(error.value(), std::system_category());
    if (error) co_return tl::unexpected(error);
    socket_.set_option(asio::ip::tcp::no_delay(true), error);
    tune_if_local(socket_.native_handle());
    co_return result<>{};
}

asio::awaitable<result<>> connection::negotiate() {
    const steady_time deadline = std::chrono::steady_clock::now() + options_.connect_timeout;
    kafka::api_versions_request request;
    request.client_software_name = "imago-client";
    request.client_software_version = "0.1.0";
    // A server that does not know our version answers in version 0, with error 35.
    for (std::int16_t version = 3;; version = 0) {
        const std::int32_t id = next_id();
        std::unique_ptr<wire::gather_buffer> out = spare_buffer();
        kafka::encode_request_frame(*out, header_of(version, id), request);
        result<frame_handle> got = co_await exchange(std::move(out), id, deadline);
        if (!got) {
            const bool lost = got.error() == client_errc::connection_lost;
            co_return tl::unexpected(lost ? make_error_code(client_errc::not_kafka) : got.error());
        }
        const byte_view bytes = (*got)->bytes();
        const bool refused = bytes.size() >= 6 && load_be<std::int16_t>(bytes.data() + 4) == 35;
        if (refused && version > 0) continue;
        kafka::reader in(bytes);
        kafka::api_versions_response response;
        const auto header = kafka::decode_response_header(in, static_cast<std::int16_t>(kafka::api_key::api_versions),
                                                          version);
        if (!header || !kafka::decode(in, version, response))
            co_return tl::unexpected(make_error_code(client_errc::not_kafka));
        if (response.error_code != 0) co_return tl::unexpected(from_wire(response.error_code));
        versions_.assign(1, {});
        for (const auto& api : response.api_keys) {
            if (api.api_key < 0 || api.api_key > 1000) continue;
            const auto at = static_cast<std::size_t>(api.api_key);
            if (versions_.size() <= at) versions_.resize(at + 1);
            versions_[at] = {api.min_version, api.max_version};
        }
        co_return result<>{};
    }
}

result<std::int16_t> connection::version_of(kafka::api_key key, std::int16_t limit) const {
    const kafka::api_info& ours = kafka::info_of(key);
    const auto at = static_cast<std::size_t>(key);
    const range theirs = at < versions_.size() ? versions_[at] : range{};
    const std::int16_t version = std::min({ours.version_max, theirs.max, limit});
    if (version < ours.version_min || version < theirs.min)
        return tl::unexpected(make_error_code(client_errc::no_common_version));
    return version;
}

asio::awaitable<result<frame_handle>> connection::exchange(std::unique_ptr<wire::gather_buffer> out, std::int32_t id,
                                                        steady_time deadline) {
    const connection_ptr self = shared_from_this();
    if (error_) co_return tl::unexpected(error_);
    waiting mine(*this, id, deadline);
    outgoing_.push_back({std::move(out), nullptr});
    outgoing_added_.notify();
    while (!mine.decided) {
        const auto [cancelled] = co_await mine.done.async_wait(no_throw);
        if (mine.decided) break;
        if (cancelled) co_return tl::unexpected(cancelled);
        fail(client_errc::timed_out);  // answers come in order: those behind it would wait as well
        mine.error = make_error_code(client_errc::timed_out);
        break;
    }
    if (mine.error) co_return tl::unexpected(mine.error);
    co_return std::move(mine.frame);
}

asio::awaitable<result<>> connection::post(std::unique_ptr<wire::gather_buffer> out) {
    const connection_ptr self = shared_from_this();
    if (error_) co_return tl::unexpected(error_);
    event written(socket_.get_executor());
    outgoing_.push_back({std::move(out), &written});
    outgoing_added_.notify();
    co_await written.wait();
    if (error_) co_return tl::unexpected(error_);
    co_return result<>{};
}

asio::awaitable<void> connection::write_loop() {
    const connection_ptr self = shared_from_this();
    std::vector<asio::const_buffer> parts;
    while (!error_) {
        if (outgoing_.empty()) {
            co_await outgoing_added_.wait();
            continue;
        }
        outgoing next = std::move(outgoing_.front());
        outgoing_.pop_front();
        parts.clear();
        for (const byte_view& part : next.bytes->parts()) parts.emplace_back(part.data(), part.size());
        const auto [error, size] = co_await asio::async_write(socket_, parts, no_throw);
        static_cast<void>(size);
        next.bytes->clear();
        if (spare_buffers_.size() < 8) spare_buffers_.push_back(std::move(next.bytes));
        if (error) fail(client_errc::connection_lost);
        if (next.written != nullptr) next.written->notify();
    }
    for (const outgoing& left : outgoing_)
        if (left.written != nullptr) left.written->notify();
    outgoing_.clear();
}

asio::awaitable<void> connection::read_loop() {
    const connection_ptr self = shared_from_this();
    while (!error_) {
        std::byte prefix[4];
        const auto [error, read] = co_await asio::async_read(socket_, asio::buffer(prefix), no_throw);
        static_cast<void>(read);
        if (error) break;
        const std::int32_t size = load_be<std::int32_t>(prefix);
        if (size < 4 || static_cast<std::size_t>(size) > options_.response_bytes_max) {
            fail(versions_.empty() ? client_errc::not_kafka : client_errc::bad_response);
            co_return;
        }
        frame_handle got = frames_->get(static_cast<std::size_t>(size));
        const byte_span into = got->writable();
        const auto [failed, filled] =
            co_await asio::async_read(socket_, asio::buffer(into.data(), into.size()), no_throw);
        static_cast<void>(filled);
        if (failed) break;
        const auto asked = waiting_.find(load_be<std::int32_t>(into.data()));
        if (asked == waiting_.end()) {
            fail(versions_.empty() ? client_errc::not_kafka : client_errc::bad_response);
            co_return;
        }
        asked->second->frame = std::move(got);
        asked->second->decide();
    }
    fail(client_errc::connection_lost);
}

void connection::fail(std::error_code why) {
    if (error_) return;
    error_ = why;
    std::error_code ignored;
    socket_.close(ignored);
    for (const auto& [id, each] : waiting_) {
        if (each->decided) continue;
        each->error = why == client_errc::timed_out ? make_error_code(client_errc::connection_lost) : why;
        each->decide();
    }
    outgoing_added_.notify();
}

std::error_code connection::bad_answer() {
    fail(client_errc::bad_response);
    return make_error_code(client_errc::bad_response);
}

kafka::request_header connection::header_of(std::int16_t version, std::int32_t id) const {
    kafka::request_header header;
    header.version = version;
    header.correlation_id = id;
    header.client_id = options_.client_id;
    return header;
}

std::unique_ptr<wire::gather_buffer> connection::spare_buffer() {
    if (spare_buffers_.empty()) return std::make_unique<wire::gather_buffer>();
    std::unique_ptr<wire::gather_buffer> spare = std::move(spare_buffers_.back());
    spare_buffers_.pop_back();
    return spare;
}

}  // namespace imago::client
