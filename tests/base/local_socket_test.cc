#include "base/local_socket.h"

#include "support/catch.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

namespace {

/// A TCP connection over the loopback address of a family: both ends.
struct connected {
    explicit connected(int family) {
        sockaddr_storage place{};
        socklen_t size = sizeof place;
        place.ss_family = static_cast<sa_family_t>(family);
        if (family == AF_INET) reinterpret_cast<sockaddr_in&>(place).sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);  // 127.0.0.2
        if (family == AF_INET6) reinterpret_cast<sockaddr_in6&>(place).sin6_addr = in6addr_loopback;
        auto* const address = reinterpret_cast<sockaddr*>(&place);
        const int listener = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        made = ::bind(listener, address, family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6)) == 0 &&
               ::listen(listener, 1) == 0 && ::getsockname(listener, address, &size) == 0;
        ends[0] = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        made = made && ::connect(ends[0], address, size) == 0;
        if (made) ends[1] = ::accept(listener, nullptr, nullptr);
        ::close(listener);
    }
    ~connected() {
        for (const int end : ends) ::close(end);
    }
    int ends[2] = {-1, -1};
    bool made = false;
};

std::string congestion_control(int socket) {
    char name[16] = {};
    socklen_t size = sizeof name;
    REQUIRE(::getsockopt(socket, IPPROTO_TCP, TCP_CONGESTION, name, &size) == 0);
    return name;
}

}  // namespace

TEST_CASE("both ends of a connection within the machine can be set to what does not pace", "[base]") {
    for (const int family : {AF_INET, AF_INET6}) {
        const connected pair(family);
        if (!pair.made && family == AF_INET6) continue;  // a machine without IPv6
        REQUIRE(pair.made);
        for (const int end : pair.ends) {
            // Something else before, where the kernel has it, or nothing would be seen.
            (void)::setsockopt(end, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5);
            imago::tune_if_local(end);
            CHECK(congestion_control(end) == "reno");
        }
    }
}

TEST_CASE("a socket that has no peer, or is not TCP, is left alone", "[base]") {
    const int alone = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const std::string before = congestion_control(alone);
    imago::tune_if_local(alone);
    CHECK(congestion_control(alone) == before);
    ::close(alone);
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    imago::tune_if_local(ends[0]);
    CHECK(::write(ends[0], "x", 1) == 1);
    for (const int end : ends) ::close(end);
    imago::tune_if_local(-1);
}
