// One Kafka request on its way: from its frame to its answer.
#pragma once

#include "server/kafka/services.h"
#include "server/kafka/traffic.h"
#include "server/kafka/wire.h"
#include "server/net/session.h"
#include "wire/gather_buffer.h"
#include "wire/kafka/protocol.h"

#include <deque>
#include <string>

namespace imago::kafka {

class worker;

/// Belongs to the worker of one network thread, which recycles it. Everything runs on that thread; a handler
/// that leaves work to others comes back with come_back().
class request : public net::exchange {
public:
    request(worker& home, std::size_t kind) : home_(home), kind_(kind) {
        back_.run = [](net::task& job) { static_cast<request*>(job.context)->returned(); };
        back_.context = this;
    }

    void start() final;
    [[nodiscard]] std::span<const byte_view> answer() final { return out_.parts(); }
    void release() final;

    /// Its place in the list of handlers.
    [[nodiscard]] std::size_t kind() const { return kind_; }

protected:
    /// Reads the body and does what it asks for. Bytes that are no such message: malformed().
    virtual void read(wire::reader& in) = 0;
    /// On the request's thread again, after come_back().
    virtual void returned() {}
    /// Answered and sent: let go of what the next request should not find. Memory worth keeping may stay.
    virtual void clear() = 0;

    [[nodiscard]] const wire::request_header& header() const { return header_; }
    [[nodiscard]] std::int16_t version() const { return header_.version; }
    [[nodiscard]] worker& home() { return home_; }
    [[nodiscard]] const services& with() const;

    /// Any thread: calls returned() on the request's own. Not again before it was called.
    void come_back() { link().loop().post(back_); }
    /// Writes a line with the peer and the API.
    void log(std::string_view what) const;
    /// The request cannot be read: says so and closes, as Kafka does.
    void malformed(std::error_code why);

    template <class Response>
    void respond(const Response& response) {
        if (tells_error(response)) count_error();
        wire::encode_response_frame(out_, header_, response);
        finish();
    }
    /// Answers in another version than was asked for.
    template <class Response>
    void respond_as(std::int16_t version, const Response& response) {
        wire::request_header other = header_;
        other.version = version;
        if (tells_error(response)) count_error();
        wire::encode_response_frame(out_, other, response);
        finish();
    }

private:
    void count_error();

    worker& home_;
    const std::size_t kind_;
    wire::request_header header_;
    imago::wire::gather_buffer out_;
    net::task back_;
};

/// A request whose body is a Request and whose answer is a Response.
template <class Request, class Response>
class handler : public request {
public:
    using request::request;

protected:
    /// The body is in asked(). respond() must be called with answer, now or later; asked() stays until then.
    virtual void run() = 0;

    [[nodiscard]] const Request& asked() const { return asked_; }
    [[nodiscard]] Response& reply() { return reply_; }
    void respond_now() { respond(reply_); }
    /// One short note for the whole request: keeps `text` until the answer is written.
    [[nodiscard]] std::string_view keep(std::string text) { return texts_.emplace_back(std::move(text)); }

    void read(wire::reader& in) override {
        if (const auto decoded = decode(in, version(), asked_); !decoded) return malformed(decoded.error());
        run();
    }
    void clear() override {
        asked_ = {};
        reply_ = {};
        texts_.clear();
    }

private:
    Request asked_;
    Response reply_;
    std::deque<std::string> texts_;
};

}  // namespace imago::kafka
