#include "base/local_socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cstring>

namespace imago {
namespace {

/// The address in the form of IPv6, which has all of IPv4; false if it is neither.
bool as_ipv6(const sockaddr_storage& from, in6_addr& to) {
    if (from.ss_family == AF_INET6) {
        to = reinterpret_cast<const sockaddr_in6&>(from).sin6_addr;
        return true;
    }
    if (from.ss_family != AF_INET) return false;
    to = in6_addr{};
    to.s6_addr[10] = to.s6_addr[11] = 0xff;
    std::memcpy(&to.s6_addr[12], &reinterpret_cast<const sockaddr_in&>(from).sin_addr, 4);
    return true;
}

bool is_local(int socket) {
    sockaddr_storage own{};
    sockaddr_storage peer{};
    socklen_t own_size = sizeof own;
    socklen_t peer_size = sizeof peer;
    if (::getsockname(socket, reinterpret_cast<sockaddr*>(&own), &own_size) != 0) return false;
    if (::getpeername(socket, reinterpret_cast<sockaddr*>(&peer), &peer_size) != 0) return false;
    in6_addr here;
    in6_addr there;
    if (!as_ipv6(own, here) || !as_ipv6(peer, there)) return false;
    const bool loopback = IN6_IS_ADDR_V4MAPPED(&there) && there.s6_addr[12] == 127;
    return loopback || std::memcmp(&here, &there, sizeof here) == 0;
}

}  // namespace

void tune_if_local(int socket) noexcept {
    constexpr char reno[] = "reno";
    if (is_local(socket)) (void)::setsockopt(socket, IPPROTO_TCP, TCP_CONGESTION, reno, sizeof reno - 1);
}

}  // namespace imago
