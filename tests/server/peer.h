// A client of plain system calls.
#pragma once

#include "base/bytes.h"
#include "support/catch.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <string_view>
#include <thread>

namespace imago::test {

struct peer {
    explicit peer(std::uint16_t port) : descriptor(::socket(AF_INET, SOCK_STREAM, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        REQUIRE(::connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
        timeval patience{10, 0};
        ::setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    }
    ~peer() { ::close(descriptor); }
    peer(const peer&) = delete;

    bool send(std::string_view bytes) {
        while (!bytes.empty()) {
            const ssize_t sent = ::send(descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent <= 0) return false;
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
        return true;
    }
    static std::string framed(std::string_view body) {
        std::string frame(4, '\0');
        store_be<std::int32_t>(reinterpret_cast<std::byte*>(frame.data()),
                               static_cast<std::int32_t>(body.size()));
        return frame.append(body);
    }
    bool exactly(char* into, std::size_t size) {
        while (size > 0) {
            const ssize_t got = ::recv(descriptor, into, size, 0);
            if (got <= 0) return false;
            into += got;
            size -= static_cast<std::size_t>(got);
        }
        return true;
    }
    /// The next frame, or "(closed)".
    std::string receive() {
        char length[4];
        if (!exactly(length, 4)) return "(closed)";
        std::string body(load_be<std::uint32_t>(reinterpret_cast<std::byte*>(length)), '\0');
        return exactly(body.data(), body.size()) ? body : "(closed)";
    }
    int descriptor;
};

template <class F>
bool soon(F&& condition, std::chrono::milliseconds within = std::chrono::seconds(5)) {
    const auto end = std::chrono::steady_clock::now() + within;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
}

}  // namespace imago::test
