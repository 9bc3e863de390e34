#include "server/http/request_head.h"
#include "server/http/service.h"
#include "server/net/server.h"
#include "support/catch.h"
#include "../peer.h"

#include <string>

using namespace imago;
using imago::test::peer;

namespace {

struct http_server {
    http_server() {
        net::net_options options;
        options.port = "0";
        options.threads = 1;
        options.frame_bytes_max = http::head_bytes_max + 1;
        options.frame_timeout = std::chrono::milliseconds(300);
        const http::responder respond = [](std::string_view path) {
            http::answer made;
            made.body = std::string(path);
            if (path == "/big") made.body.assign(3 << 20, 'b');
            if (path == "/none") made.status = 404;
            return made;
        };
        auto listening = net::server::listen(options, [respond](net::event_loop&) {
            return result<std::unique_ptr<net::protocol>>(http::make_service(respond));
        });
        REQUIRE(listening);
        net = std::move(*listening);
        net->accept();
    }
    std::unique_ptr<net::server> net;
};

/// All that comes until the server closes.
std::string everything(peer& from) {
    std::string text;
    char byte;
    while (from.exactly(&byte, 1)) text += byte;
    return text;
}

std::string asked(std::uint16_t port, std::string_view bytes) {
    peer client(port);
    REQUIRE(client.send(bytes));
    return everything(client);
}

}  // namespace

TEST_CASE("GET is answered with a body, HEAD with the same head alone", "[http]") {
    http_server server;
    const std::string got = asked(server.net->port(), "GET /metrics HTTP/1.1\r\nConnection: close\r\n\r\n");
    CHECK(got.find("HTTP/1.1 200 OK\r\n") == 0);
    CHECK(got.find("Content-Length: 8\r\n") != std::string::npos);
    CHECK(got.substr(got.find("\r\n\r\n")) == "\r\n\r\n/metrics");
    const std::string head = asked(server.net->port(), "HEAD /metrics HTTP/1.1\r\nConnection: close\r\n\r\n");
    CHECK(head == got.substr(0, got.find("\r\n\r\n") + 4));
    CHECK(asked(server.net->port(), "GET /none HTTP/1.0\r\n\r\n").find("HTTP/1.1 404 ") == 0);
}

TEST_CASE("several requests on one connection are answered in order, also byte by byte", "[http]") {
    http_server server;
    const std::string three = "GET /1 HTTP/1.1\r\n\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\nGET /3 HTTP/1.0\r\n\r\n";
    const auto bodies_in_order = [](const std::string& got) {
        const auto one = got.find("\r\n\r\n/1"), two = got.find("\r\n\r\n/2"), last = got.find("\r\n\r\n/3");
        return one < two && two < last && last != std::string::npos;
    };
    CHECK(bodies_in_order(asked(server.net->port(), three)));
    peer slow(server.net->port());
    for (const char byte : three) REQUIRE(slow.send({&byte, 1}));
    CHECK(bodies_in_order(everything(slow)));
}

TEST_CASE("what is refused is told and closes the connection, and nothing after it is read", "[http]") {
    http_server server;
    const std::string post = asked(server.net->port(), "POST / HTTP/1.1\r\nContent-Length: 20\r\n\r\nGET /2 HTTP/1.1\r\n\r\n");
    CHECK(post.find("HTTP/1.1 405 ") == 0);
    CHECK(post.find("Allow: GET, HEAD\r\n") != std::string::npos);
    CHECK(post.find("/2") == std::string::npos);
    CHECK(asked(server.net->port(), "GET / HTTP/1.1\r\nx: " + std::string(20'000, 'y')).find("HTTP/1.1 431 ") == 0);
    CHECK(asked(server.net->port(), std::string(9000, '\n')).find("HTTP/1.1 400 ") == 0);
    CHECK(asked(server.net->port(), std::string("\x16\x03\x01\n\n", 5)).find("HTTP/1.1 400 ") == 0);
}

TEST_CASE("a head that does not go on closes the connection", "[http]") {
    http_server server;
    CHECK(asked(server.net->port(), "GET / HTTP/1.1\r\nHost:").empty());
}

TEST_CASE("a large answer arrives whole", "[http]") {
    http_server server;
    const std::string got = asked(server.net->port(), "GET /big HTTP/1.1\r\nConnection: close\r\n\r\n");
    CHECK(got.size() == got.find("\r\n\r\n") + 4 + (3 << 20));
}
