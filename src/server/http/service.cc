#include "server/http/service.h"

#include "server/http/request_head.h"

#include <array>

namespace imago::http {

namespace {

std::string_view reason(int status) {
    switch (status) {
        case 200: return "OK";
        case 400: return "Bad Request";
        case 404: return "Not Found";
        case 405: return "Method Not Allowed";
        case 413: return "Content Too Large";
        case 414: return "URI Too Long";
        case 431: return "Request Header Fields Too Large";
        case 503: return "Service Unavailable";
        case 505: return "HTTP Version Not Supported";
        default: return "Error";
    }
}

/// Made for one request and gone after it: these are rare.
class http_exchange final : public net::exchange {
public:
    explicit http_exchange(const responder& respond) : respond_(respond) {}

    void start() override {
        const request_head head = read_head(as_text(frame()));
        http::answer made;
        if (head.refused != 0) {
            made.status = head.refused;
            made.body = std::string(reason(head.refused)) + "\n";
        } else {
            made = respond_(head.path);
        }
        head_ = "HTTP/1.1 " + std::to_string(made.status) + " " + std::string(reason(made.status)) +
                "\r\nContent-Type: " + std::string(made.type) + "\r\nContent-Length: " + std::to_string(made.body.size()) +
                "\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n";
        if (made.status == 405) head_ += "Allow: GET, HEAD\r\n";
        if (!head.keep_alive) head_ += "Connection: close\r\n";
        head_ += "\r\n";
        body_ = std::move(made.body);
        parts_ = {as_bytes(head_), as_bytes(body_)};
        used_ = head.method == "HEAD" || body_.empty() ? 1 : 2;
        finish(head.keep_alive ? then::keep_open : then::close);
    }
    std::span<const byte_view> answer() override { return {parts_.data(), used_}; }
    void release() override { delete this; }

private:
    const responder& respond_;
    std::string head_;
    std::string body_;
    std::array<byte_view, 2> parts_{};
    std::size_t used_ = 0;
};

class http_session final : public net::session {
public:
    explicit http_session(const responder& respond) : respond_(respond) {}
    net::frame_place find_frame(byte_view have) const override {
        // Empty lines in front of a request are to be forgiven; more than a few are not.
        std::size_t skip = 0;
        while (skip < have.size() && skip < 4 && (have[skip] == std::byte{'\r'} || have[skip] == std::byte{'\n'})) ++skip;
        const std::string_view text = as_text(have.subspan(skip)).substr(0, head_bytes_max + 1);
        if (const std::size_t size = head_size(text)) return {.skip = skip, .size = static_cast<std::int64_t>(size)};
        // A head that is too long is a frame too: it is refused in words.
        if (text.size() > head_bytes_max) return {.skip = skip, .size = static_cast<std::int64_t>(text.size())};
        return {.unknown = skip + head_bytes_max + 1};
    }
    net::exchange* accept(byte_view) override { return new http_exchange(respond_); }

private:
    const responder& respond_;
};

class http_service final : public net::protocol {
public:
    explicit http_service(responder respond) : respond_(std::move(respond)) {}
    std::unique_ptr<net::session> open(net::connection&) override { return std::make_unique<http_session>(respond_); }

private:
    const responder respond_;
};

}  // namespace

std::unique_ptr<net::protocol> make_service(responder respond) {
    return std::make_unique<http_service>(std::move(respond));
}

}  // namespace imago::http
