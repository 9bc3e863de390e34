#include "client/bench/channel.h"

#include "base/local_socket.h"

#include <netdb.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

namespace imago::bench {

namespace {
constexpr std::size_t parts_max = 64;
constexpr std::int32_t answer_bytes_max = 1 << 30;
constexpr std::size_t small_frame_max = 4096;

std::error_code last_error() { return {errno, std::system_category()}; }
}  // namespace

result<std::unique_ptr<channel>> channel::open(const std::string& host, const std::string& port) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (::getaddrinfo(host.c_str(), port.c_str(), &hints, &found) != 0) {
        return tl::unexpected(std::make_error_code(std::errc::address_not_available));
    }
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> keep(found, ::freeaddrinfo);
    const int socket = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (socket < 0) return tl::unexpected(last_error());
    std::unique_ptr<channel> made(new channel(socket));
    if (::connect(socket, found->ai_addr, found->ai_addrlen) != 0) return tl::unexpected(last_error());
    const int one = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    tune_if_local(socket);
    return made;
}

channel::~channel() { ::close(socket_); }

void channel::send(const request_frame& frame, std::int32_t correlation) {
    const std::size_t size = frame.bytes.size();
    if (!outgoing_.empty() || size > small_frame_max) return queue(frame, correlation);
    // The common case of a small request on an idle connection: one plain send, nothing kept.
    std::array<std::byte, small_frame_max> bytes;
    std::copy_n(frame.bytes.begin(), size, bytes.begin());
    store_be<std::int32_t>(bytes.data() + 8, correlation);
    const ssize_t sent = ::send(socket_, bytes.data(), size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent == static_cast<ssize_t>(size)) return;
    // The rest, or what is wrong with the connection, shows when it is written as any other.
    sent_ = static_cast<std::size_t>(std::max<ssize_t>(sent, 0));
    queue(frame, correlation);
}

void channel::queue(const request_frame& frame, std::int32_t correlation) {
    going& added = outgoing_.emplace_back();
    std::copy_n(frame.bytes.begin(), added.head.size(), added.head.begin());
    store_be<std::int32_t>(added.head.data() + 8, correlation);
    added.rest = frame.rest();
    if (outgoing_.size() == 1) write_some();
}

void channel::send_copy(request_frame frame, std::int32_t correlation) {
    going& added = outgoing_.emplace_back();
    added.own = std::move(frame.bytes);
    std::copy_n(added.own.begin(), added.head.size(), added.head.begin());
    store_be<std::int32_t>(added.head.data() + 8, correlation);
    added.rest = byte_view(added.own).subspan(added.head.size());
    if (outgoing_.size() == 1) write_some();
}

void channel::ready() {
    if (!error_.empty()) return;
    if (!outgoing_.empty()) write_some();
    read_some();
}

void channel::write_some() {
    while (!outgoing_.empty() && error_.empty()) {
        iovec parts[parts_max];
        std::size_t count = 0;
        std::size_t skip = sent_;
        const auto add = [&](byte_view bytes) {
            const std::size_t left_out = std::min(skip, bytes.size());
            skip -= left_out;
            if (left_out == bytes.size()) return;
            parts[count++] = {const_cast<std::byte*>(bytes.data()) + left_out, bytes.size() - left_out};
        };
        for (const going& each : outgoing_) {
            if (count + 2 > parts_max) break;
            add(each.head);
            add(each.rest);
        }
        msghdr message{};
        message.msg_iov = parts;
        message.msg_iovlen = count;
        const ssize_t sent = ::sendmsg(socket_, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0) {
            if (errno == EAGAIN) return need_attention();
            if (errno != EINTR) fail("send");
            continue;
        }
        sent_ += static_cast<std::size_t>(sent);
        while (!outgoing_.empty() && sent_ >= outgoing_.front().head.size() + outgoing_.front().rest.size()) {
            sent_ -= outgoing_.front().head.size() + outgoing_.front().rest.size();
            outgoing_.pop_front();
        }
    }
}

void channel::read_some() {
    while (error_.empty()) {
        const ssize_t got =
            ::recv(socket_, incoming_.data() + filled_, incoming_.size() - filled_, MSG_DONTWAIT);
        if (got < 0) {
            if (errno == EAGAIN) return;
            if (errno != EINTR) fail("receive");
            continue;
        }
        if (got == 0) {
            error_ = "the server closed the connection";
            return need_attention();
        }
        const bool whole_buffer = static_cast<std::size_t>(got) == incoming_.size() - filled_;
        filled_ += static_cast<std::size_t>(got);
        std::size_t at = 0;
        std::size_t wanted = 0;
        while (filled_ - at >= 8) {
            const auto size = load_be<std::int32_t>(incoming_.data() + at);
            if (size < 4 || size > answer_bytes_max) {
                error_ = fmt::format("an answer of {} bytes", size);
                return need_attention();
            }
            const std::size_t end = at + 4 + static_cast<std::size_t>(size);
            if (filled_ < end) {
                wanted = end - at;
                break;
            }
            const auto correlation = load_be<std::int32_t>(incoming_.data() + at + 4);
            answered_(correlation, byte_view(incoming_).subspan(at + 8, end - at - 8));
            at = end;
        }
        if (at > 0) {
            std::memmove(incoming_.data(), incoming_.data() + at, filled_ - at);
            filled_ -= at;
        }
        if (wanted > incoming_.size()) incoming_.resize(wanted + wanted / 4);
        if (!whole_buffer) return;
    }
}

void channel::fail(const char* what) {
    error_ = fmt::format("{}: {}", what, std::strerror(errno));
    need_attention();
}

}  // namespace imago::bench
