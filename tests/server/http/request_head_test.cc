#include "server/http/request_head.h"
#include "support/catch.h"

#include <random>
#include <string>

using namespace imago::http;

namespace {
int refused(std::string_view text) { return read_head(text).refused; }
}  // namespace

TEST_CASE("a head ends with its empty line, whatever comes after", "[http]") {
    const std::string head = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    for (std::size_t size = 0; size < head.size(); ++size) CHECK(head_size(head.substr(0, size)) == 0);
    CHECK(head_size(head) == head.size());
    CHECK(head_size(head + "GET /2") == head.size());
    CHECK(head_size("GET / HTTP/1.0\n\n") == 16);
    CHECK(head_size("GET / HTTP/1.0\n\r\nx") == 17);
}

TEST_CASE("a request is read with its path and whether the client stays", "[http]") {
    const request_head head = read_head("GET /metrics?x=1#y HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n");
    CHECK(head.refused == 0);
    CHECK(head.method == "GET");
    CHECK(head.path == "/metrics");
    CHECK(head.keep_alive);
    CHECK_FALSE(read_head("GET / HTTP/1.0\r\n\r\n").keep_alive);
    CHECK_FALSE(read_head("GET / HTTP/1.1\r\nCONNECTION: foo , Close\r\n\r\n").keep_alive);
    CHECK(read_head("HEAD / HTTP/1.1\r\nContent-Length: 0\r\n\r\n").refused == 0);
}

TEST_CASE("what is not a plain GET or HEAD is refused with the status that fits", "[http]") {
    CHECK(refused("POST / HTTP/1.1\r\n\r\n") == 405);
    CHECK(refused("GET / HTTP/2.0\r\n\r\n") == 505);
    CHECK(refused("GET / HTTP/1.1\r\nContent-Length: 3\r\n\r\n") == 413);
    CHECK(refused("GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n") == 400);
    CHECK(refused("GET /" + std::string(2000, 'x') + " HTTP/1.1\r\n\r\n") == 414);
    CHECK(refused("GET / HTTP/1.1\r\n" + std::string(9000, 'x')) == 431);
    std::string many = "GET / HTTP/1.1\r\n";
    for (int i = 0; i < 65; ++i) many += "a: b\r\n";
    CHECK(refused(many + "\r\n") == 431);
    for (const char* wrong : {"", "\r\n\r\n", "GET\r\n\r\n", "GET /\r\n\r\n", "GET  HTTP/1.1\r\n\r\n", "GET http://x/ HTTP/1.1\r\n\r\n",
                              "G@T / HTTP/1.1\r\n\r\n", "GET /\x01 HTTP/1.1\r\n\r\n", "GET / HTP/1.1\r\n\r\n", "GET / HTTP/11\r\n\r\n",
                              "GET / HTTP/1.1\r\nno colon\r\n\r\n", "GET / HTTP/1.1\r\n: x\r\n\r\n", "GET / HTTP/1.1\r\na b: x\r\n\r\n",
                              "GET / HTTP/1.1\r\n folded: x\r\n\r\n", "GET / HTTP/1.1\r\na: x\ry\r\n\r\n"}) {
        CAPTURE(wrong);
        CHECK(refused(wrong) == 400);
    }
}

TEST_CASE("any bytes are read without harm", "[http]") {
    std::minstd_rand random(7);
    const std::string good = "GET /metrics HTTP/1.1\r\nHost: localhost:9464\r\nConnection: close\r\nAccept: text/plain\r\n\r\n";
    for (int round = 0; round < 20'000; ++round) {
        std::string text = good;
        for (int i = 0; i < 3; ++i) text[random() % text.size()] = static_cast<char>(random());
        text.resize(random() % (text.size() + 1));
        const request_head head = read_head(text);
        CHECK((head.refused == 0 || head.refused >= 400));
        CHECK(head_size(text) <= text.size());
    }
}
