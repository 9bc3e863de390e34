// One TCP connection to a Kafka server: requests are pipelined and matched to their answers by correlation id.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>

#include <chrono>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "client/event.h"
#include "client/frame_pool.h"
#include "imago/errors.h"
#include "imago/options.h"
#include "imago/result.h"
#include "wire/kafka/protocol.h"

namespace imago::client {

using steady_time = std::chrono::steady_clock::time_point;
[[nodiscard]] inline steady_time now() { return std::chrono::steady_clock::now(); }

struct endpoint {
    std::string host;
    std::uint16_t port = 9092;

    auto operator<=>(const endpoint&) const = default;
    [[nodiscard]] std::string text() const;
    /// From HOST, HOST:PORT, [V6] or [V6]:PORT.
    [[nodiscard]] static result<endpoint> parse(std::string_view text);
};

/// An answer. Its message refers to the bytes of its frame.
template <class Response>
struct answer {
    Response message;
    frame_handle frame;
    std::int16_t version = 0;
};

/// Connected and with its API versions negotiated, or closed for good: a connection that failed is not used again.
///
/// One thread: that of its executor. Requests are written in the order of the calls. An exchange ends with the answer,
/// with timed_out (and then the connection is closed, for the server answers in order) or with connection_lost.
/// The bytes that a request refers to without owning them must stay until its exchange has ended.
class connection : public std::enable_shared_from_this<connection> {
public:
    using executor = asio::any_io_executor;

    [[nodiscard]] static asio::awaitable<result<std::shared_ptr<connection>>> open(executor where, endpoint to,
                                                                                   client_options options);
    ~connection();
    connection(const connection&) = delete;
    connection& operator=(const connection&) = delete;

    [[nodiscard]] bool is_open() const { return !error_; }
    [[nodiscard]] const endpoint& peer() const { return peer_; }
    /// The highest version of `key`, not above `limit`, that both sides know; an error if there is none.
    [[nodiscard]] result<std::int16_t> version_of(wire::kafka::api_key key, std::int16_t limit = 32767) const;

    /// Sends `request` in `version` and waits for the answer until `deadline`.
    template <class Response, class Request>
    [[nodiscard]] asio::awaitable<result<answer<Response>>> call(const Request& request, std::int16_t version,
                                                                 steady_time deadline) {
        const std::int32_t id = next_id();
        std::unique_ptr<wire::gather_buffer> out = spare_buffer();
        wire::kafka::encode_request_frame(*out, header_of(version, id), request);
        result<frame_handle> frame = co_await exchange(std::move(out), id, deadline);
        if (!frame) co_return tl::unexpected(frame.error());
        answer<Response> got;
        got.frame = std::move(*frame);
        got.version = version;
        wire::kafka::reader in(got.frame->bytes());
        const auto header = wire::kafka::decode_response_header(in, static_cast<std::int16_t>(Request::api), version);
        if (!header) co_return tl::unexpected(bad_answer());
        if (!decode(in, version, got.message)) co_return tl::unexpected(bad_answer());
        co_return got;
    }
    /// The same in the highest version, until the options' request timeout from now.
    template <class Response, class Request>
    [[nodiscard]] asio::awaitable<result<answer<Response>>> call(const Request& request) {
        const result<std::int16_t> version = version_of(Request::api);
        if (!version) co_return tl::unexpected(version.error());
        co_return co_await call<Response>(request, *version,
                                          std::chrono::steady_clock::now() + options_.request_timeout);
    }
    /// Sends a request that has no answer (Produce with acks 0). Completes when it is handed to the system.
    template <class Request>
    [[nodiscard]] asio::awaitable<result<>> send(const Request& request, std::int16_t version) {
        std::unique_ptr<wire::gather_buffer> out = spare_buffer();
        wire::kafka::encode_request_frame(*out, header_of(version, next_id()), request);
        co_return co_await post(std::move(out));
    }

    /// Ends everything under way with `closed`. Coroutines of the connection itself hold it until they are done.
    void close() { fail(client_errc::closed); }

private:
    struct waiting;
    struct outgoing {
        std::unique_ptr<wire::gather_buffer> bytes;
        event* written = nullptr;  // to be told, when nothing is answered
    };

    connection(executor where, endpoint to, client_options options);
    asio::awaitable<result<>> connect();
    asio::awaitable<result<>> negotiate();
    asio::awaitable<result<frame_handle>> exchange(std::unique_ptr<wire::gather_buffer> out, std::int32_t id,
                                                steady_time deadline);
    asio::awaitable<result<>> post(std::unique_ptr<wire::gather_buffer> out);
    asio::awaitable<void> read_loop();
    asio::awaitable<void> write_loop();
    void fail(std::error_code why);
    std::error_code bad_answer();
    [[nodiscard]] std::int32_t next_id() { return next_id_++ & 0x7fffffff; }
    [[nodiscard]] wire::kafka::request_header header_of(std::int16_t version, std::int32_t id) const;
    [[nodiscard]] std::unique_ptr<wire::gather_buffer> spare_buffer();

    client_options options_;
    endpoint peer_;
    asio::ip::tcp::socket socket_;
    std::error_code error_;  // set: closed
    std::int32_t next_id_ = 0;
    std::unordered_map<std::int32_t, waiting*> waiting_;
    std::deque<outgoing> outgoing_;
    event outgoing_added_;
    std::vector<std::unique_ptr<wire::gather_buffer>> spare_buffers_;
    std::shared_ptr<frame_pool> frames_;
    struct range {
        std::int16_t min = 0;
        std::int16_t max = -1;
    };
    std::vector<range> versions_;  // by key; empty before negotiation
};

using connection_ptr = std::shared_ptr<connection>;

}  // namespace imago::client
