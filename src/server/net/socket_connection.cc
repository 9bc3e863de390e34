#include "server/net/socket_connection.h"

#include "base/check.h"

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace imago::net {

namespace {
/// One read: enough for many small requests, or for the first part of a large one.
constexpr std::size_t read_size = 128 * 1024;
/// Frames up to this size are copied out of the buffer they came in.
constexpr std::size_t copied_frame_max = 4 * 1024;
/// The memory for an unfinished frame is at most this multiple of what came of it.
constexpr std::size_t growth = 16;
/// The same for who sent a frame of that size before.
constexpr std::size_t trusted_growth = 128;
constexpr std::size_t partial_bytes_min = 4 * 1024;
constexpr std::size_t parts_max = 512;
/// How long a connection that we ended waits for the peer to read our last answers and end its side.
constexpr std::chrono::seconds linger_time{2};

ssize_t send_parts(int socket, iovec* parts, std::size_t count) {
    constexpr int how = MSG_DONTWAIT | MSG_NOSIGNAL;
    // The one short answer of a peer that waits: without the list it is cheaper for the kernel.
    if (count == 1) return ::send(socket, parts->iov_base, parts->iov_len, how);
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = count;
    return ::sendmsg(socket, &message, how);
}
}  // namespace

socket_connection::socket_connection(connection_host& host, int descriptor, std::string peer)
    : host_(host), peer_(std::move(peer)), last_active_(loop::clock::now()) {
    socket_.descriptor = descriptor;
    socket_.ready = [](watched& socket, bool readable, bool writable) {
        static_cast<socket_connection*>(socket.context)->ready(readable, writable);
    };
    socket_.context = this;
    flush_task_.run = [](task& job) {
        auto* self = static_cast<socket_connection*>(job.context);
        self->flush_due_ = false;
        self->flush();
    };
    flush_task_.context = this;
    timer_.expired = [](timer& timer) { static_cast<socket_connection*>(timer.context)->time_passed(); };
    timer_.context = this;
}

socket_connection::~socket_connection() {
    IMAGO_ASSERT(first_ == nullptr && closed_ && !flush_due_);
    host_.the_loop().stop(timer_);
}

void socket_connection::open(protocol& protocol) {
    session_ = protocol.open(*this);
    set_timer();
    wait_readable();
}

std::size_t socket_connection::answer_bytes_max() const {
    return std::min(host_.options().connection_bytes_max, host_.bytes().left() / 4);
}

// ---- reading ----

bool socket_connection::over_limits() {
    const net_options& options = host_.options();
    // Who has nothing in flight may always go on, or a full budget could never be emptied.
    if (in_flight_ == 0) return false;
    if (in_flight_ >= options.pipelined_max || charged_ >= options.connection_bytes_max) return true;
    if (!host_.bytes().over()) return false;
    host_.wants_bytes(*this);
    return host_.bytes().over();  // looked at again: they may have been given back just before we asked
}

void socket_connection::wait_readable() {
    if (waits_readable_ || closed_ || close_when_sent_) return;
    if (!lingering_ && (draining_ || starved_ || over_limits())) return;
    waits_readable_ = true;
    wait_as_wanted();
}

/// Tells the loop, but not for each step of what one readiness led to: mostly it waits for the same again.
void socket_connection::wait_as_wanted() {
    if (!busy_ && !closed_) host_.the_loop().want(socket_, waits_readable_, waits_writable_);
}

void socket_connection::ready(bool is_readable, bool is_writable) {
    busy_ = true;
    if (is_writable) {
        waits_writable_ = false;
        if (!flush_due_) flush();
    }
    if (is_readable && !closed_ && waits_readable_) {
        waits_readable_ = false;
        readable();
    }
    busy_ = false;
    wait_as_wanted();
}

void socket_connection::readable() {
    if (lingering_) return linger();
    // Twice at most, so that one busy peer does not keep the loop from others.
    for (int round = 0;
         round < 2 && !closed_ && !draining_ && !close_when_sent_ && !starved_ && !over_limits(); ++round) {
        std::size_t room = 0;
        if (!receive(room) || room > 0) break;
    }
    wait_readable();
}

/// Reads once and takes the frames. False when there was nothing or the connection ended; `room` is what was
/// left of the buffer: 0 means that there may be more.
bool socket_connection::receive(std::size_t& room) {
    if (in_ == nullptr) take_input();
    std::size_t space = in_->capacity() - end_;
    // A large frame is read to its end and no further: what follows would have to be moved to memory of its own.
    if (const std::size_t large = begin_ == end_ ? previous_ : unfinished_; large > read_size) {
        space = std::min(space, large - (end_ - begin_));
    }
    const ssize_t got = ::recv(socket_.descriptor, in_->data() + end_, space, MSG_DONTWAIT);
    if (got <= 0) {
        if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
            close();
        } else if (begin_ == end_) {
            drop_input();
        }
        return false;
    }
    last_active_ = host_.the_loop().now();
    host_.received(static_cast<std::size_t>(got));
    end_ += static_cast<std::size_t>(got);
    room = space - static_cast<std::size_t>(got);
    take_frames();
    return !closed_;
}

/// Memory for what comes next. Who sends large frames mostly goes on so: the next one then finds room for all of itself.
void socket_connection::take_input() {
    std::size_t wanted = read_size;
    int waiting = 0;
    if (previous_ > read_size && !host_.bytes().over() && ::ioctl(socket_.descriptor, FIONREAD, &waiting) == 0) {
        wanted = std::clamp(static_cast<std::size_t>(waiting) * trusted_growth, read_size, previous_);
    }
    in_ = host_.the_loop().buffers().take(wanted);
    begin_ = end_ = 0;
    if (wanted > read_size) charge_input();
}

void socket_connection::charge_input() {
    const std::size_t before = std::exchange(in_charged_, in_->capacity());
    charged_ += in_charged_;
    host_.bytes().take(in_charged_);
    if (before > 0) give_back(before);
}

void socket_connection::linger() {
    std::byte waste[4096];
    ssize_t got;
    while ((got = ::recv(socket_.descriptor, waste, sizeof waste, MSG_DONTWAIT)) > 0) {
    }
    if (got == 0 || (errno != EAGAIN && errno != EINTR)) return close();
    wait_readable();
}

void socket_connection::take_frames() {
    if (taking_ || in_ == nullptr) return;
    taking_ = true;
    unfinished_ = 0;
    while (!closed_ && !close_when_sent_ && !draining_ && !over_limits()) {
        const std::size_t have = end_ - begin_;
        if (have == 0) break;
        const frame_place place = session_->find_frame({in_->data() + begin_, have});
        if (place.unknown > 0) {
            unfinished_ = place.unknown;
            break;
        }
        if (place.size <= 0 || static_cast<std::size_t>(place.size) > host_.options().frame_bytes_max) {
            if (host_.options().log) {
                host_.options().log(peer_ + ": closing: a frame of " + std::to_string(place.size) +
                                    " bytes is not allowed");
            }
            close();
            break;
        }
        unfinished_ = place.skip + static_cast<std::size_t>(place.size);
        if (have < unfinished_) break;
        const byte_view frame(in_->data() + begin_ + place.skip, static_cast<std::size_t>(place.size));
        begin_ += unfinished_;
        previous_ = std::exchange(unfinished_, 0);
        begin(frame);
    }
    taking_ = false;
    if (closed_) return;
    if (begin_ == end_) {
        // Nothing is left over: an idle connection holds no memory.
        drop_input();
    } else if (unfinished_ > 0) {
        make_room(unfinished_);
    }
}

/// Sees to it that an unfinished frame of `frame_size` bytes can go on to arrive. Memory follows what has
/// come, not what was announced.
void socket_connection::make_room(std::size_t frame_size) {
    const std::size_t have = end_ - begin_;
    const std::size_t wanted = std::min(frame_size, std::max(partial_bytes_min, have * growth));
    const bool own = in_charged_ > 0;  // not just the buffer of a first read
    // What begins behind other frames and cannot end there moves now, while there is little to move.
    const bool never_fits = begin_ > 0 && frame_size > in_->capacity() - begin_;
    if (!own || never_fits || end_ == in_->capacity()) {
        if (wanted > read_size && !borrowed_ && host_.bytes().over()) {
            host_.wants_bytes(*this);
            if (host_.bytes().over()) {
                borrowed_ = host_.bytes().borrow();
                starved_ = !borrowed_;
            }
        }
        if (!starved_) {
            buffer_pool& pool = host_.the_loop().buffers();
            receive_buffer* larger = pool.take(wanted);
            std::memcpy(larger->data(), in_->data() + begin_, have);
            pool.release(std::exchange(in_, larger));
            begin_ = 0;
            end_ = have;
            charge_input();
        }
    }
    const auto deadline = loop::clock::now() + host_.options().frame_timeout;
    if (timer_.deadline > deadline) host_.the_loop().start(timer_, deadline);
}

/// Gives the buffer back that we read into; exchanges may still hold it.
void socket_connection::drop_input() {
    if (in_ == nullptr) return;
    host_.the_loop().buffers().release(std::exchange(in_, nullptr));
    begin_ = end_ = 0;
    if (in_charged_ > 0) give_back(std::exchange(in_charged_, 0));
    if (std::exchange(borrowed_, false)) {
        host_.bytes().repay();
        host_.bytes_free();
    }
}

void socket_connection::begin(byte_view frame) {
    exchange* fresh = session_->accept(frame);
    if (fresh == nullptr) {
        // What came before is still answered.
        close_when_sent_ = true;
        if (in_flight_ == 0) close();
        return;
    }
    fresh->link_ = this;
    fresh->next_ = nullptr;
    fresh->finished_ = false;
    fresh->close_after_ = false;
    fresh->charged_ = 0;
    if (frame.size() <= copied_frame_max) {
        fresh->copy_.assign(frame.begin(), frame.end());
        fresh->frame_ = fresh->copy_;
        charge(*fresh, frame.size());
    } else {
        in_->hold();
        fresh->buffer_ = in_;
        fresh->frame_ = frame;
        charge(*fresh, std::max(frame.size(), in_->capacity() / 4));
    }
    if (last_ != nullptr) {
        last_->next_ = fresh;
    } else {
        first_ = fresh;
    }
    last_ = fresh;
    ++in_flight_;
    fresh->start();
}

void socket_connection::charge(exchange& exchange, std::size_t bytes) {
    exchange.charged_ += bytes;
    charged_ += bytes;
    host_.bytes().take(bytes);
}

void socket_connection::give_back(std::size_t bytes) {
    charged_ -= bytes;
    if (host_.bytes().give_back(bytes)) host_.bytes_free();
}

void socket_connection::look_again() {
    if (closed_ || lingering_ || waits_readable_) return;
    starved_ = false;
    take_frames();
    wait_readable();
}

// ---- answering ----

void socket_connection::finished(exchange& exchange) {
    if (!closed_) {
        std::size_t bytes = 0;
        for (const byte_view part : exchange.answer()) bytes += part.size();
        charge(exchange, bytes);
    }
    flush_at_end_of_turn();
}

void socket_connection::flush_at_end_of_turn() {
    if (flush_due_) return;
    flush_due_ = true;
    host_.the_loop().at_end_of_turn(flush_task_);
}

void socket_connection::flush() {
    if (closed_) {
        while (first_ != nullptr && first_->finished_) release_front();
        // Others behind one that still works are finished too, but order costs nothing now.
        return maybe_gone();
    }
    if (!waits_writable_) {
        while (send_ready()) {
        }
    }
    if (closed_) return maybe_gone();
    if ((draining_ || close_when_sent_) && first_ == nullptr) {
        // All is answered. End our side; wait a little for the peer to end its own, or it may lose what it
        // has not read.
        if (!lingering_) {
            lingering_ = true;
            close_when_sent_ = false;
            (void)::shutdown(socket_.descriptor, SHUT_WR);
            host_.the_loop().start(timer_, loop::clock::now() + linger_time);
            wait_readable();
        }
        return;
    }
    if (!waits_readable_ && !over_limits()) {
        take_frames();  // those that came while we were over a limit
        wait_readable();
        if (closed_) maybe_gone();
    }
}

/// Sends what is ready, once. True if there may be more to send at once.
bool socket_connection::send_ready() {
    iovec parts[parts_max];
    std::size_t used = 0;
    std::size_t bytes = 0;
    std::size_t from = part_;
    std::size_t skip = part_offset_;
    for (exchange* each = first_; each != nullptr && each->finished_ && used < parts_max;
         each = each->next_) {
        for (const byte_view part : each->answer().subspan(from)) {
            if (used == parts_max) break;
            parts[used++] = {const_cast<std::byte*>(part.data()) + skip, part.size() - skip};
            bytes += part.size() - skip;
            skip = 0;
        }
        from = 0;
        if (each->close_after_) break;
    }
    std::size_t sent = 0;
    if (used > 0) {
        const ssize_t result = send_parts(socket_.descriptor, parts, used);
        if (result < 0) {
            if (errno == EAGAIN || errno == EINTR) {
                wait_writable();
            } else {
                close();
            }
            return false;
        }
        last_active_ = host_.the_loop().now();
        sent = static_cast<std::size_t>(result);
        host_.sent(sent);
    }
    release_sent(sent);
    if (sent < bytes) wait_writable();
    return sent == bytes && !closed_ && first_ != nullptr && first_->finished_;
}

/// `sent` more bytes went: releases the exchanges whose answers are sent wholly.
void socket_connection::release_sent(std::size_t sent) {
    while (first_ != nullptr && first_->finished_) {
        const auto parts = first_->answer();
        while (part_ < parts.size() && sent >= parts[part_].size() - part_offset_) {
            sent -= parts[part_].size() - part_offset_;
            part_offset_ = 0;
            ++part_;
        }
        if (part_ < parts.size()) {
            part_offset_ += sent;
            return;
        }
        part_ = 0;
        const bool last = first_->close_after_;
        release_front();
        if (last) {
            close_when_sent_ = true;
            if (first_ != nullptr) close();  // what was asked after it is not answered
            return;
        }
    }
}

void socket_connection::release_front() {
    exchange* done = first_;
    first_ = done->next_;
    if (first_ == nullptr) last_ = nullptr;
    --in_flight_;
    give_back(std::exchange(done->charged_, 0));
    if (done->buffer_ != nullptr) host_.the_loop().buffers().release(std::exchange(done->buffer_, nullptr));
    done->frame_ = {};
    done->release();
}

void socket_connection::wait_writable() {
    if (waits_writable_ || closed_) return;
    waits_writable_ = true;
    const auto deadline = loop::clock::now() + host_.options().send_timeout;
    if (timer_.deadline > deadline) host_.the_loop().start(timer_, deadline);
    wait_as_wanted();
}

// ---- the end ----

void socket_connection::hurry_all() {
    for (exchange *each = first_, *after = nullptr; each != nullptr; each = after) {
        after = each->next_;
        if (!each->finished_) each->hurry();
    }
}

void socket_connection::drain() {
    if (draining_ || closed_) return;
    draining_ = true;
    hurry_all();
    flush_at_end_of_turn();
}

void socket_connection::close() {
    if (closed_) return;
    closed_ = true;
    waits_readable_ = waits_writable_ = false;
    host_.the_loop().remove(socket_);
    ::close(socket_.descriptor);
    hurry_all();
    // The rest at the end of the turn, not under the feet of whoever called us.
    flush_at_end_of_turn();
}

void socket_connection::maybe_gone() {
    if (!closed_ || first_ != nullptr || flush_due_ || taking_ || busy_) return;
    drop_input();
    host_.gone(*this);
}

/// How long the connection may stay quiet in the state it is in.
std::chrono::milliseconds socket_connection::patience() const {
    const net_options& options = host_.options();
    if (waits_writable_) return options.send_timeout;
    if (in_ != nullptr && in_flight_ == 0) return options.frame_timeout;
    return options.idle_timeout;
}

void socket_connection::set_timer() { host_.the_loop().start(timer_, last_active_ + patience()); }

void socket_connection::time_passed() {
    if (closed_) return;
    if (lingering_) return close();
    if (loop::clock::now() < last_active_ + patience()) return set_timer();
    if (!waits_writable_ && in_flight_ > 0) {
        last_active_ = host_.the_loop().now();  // it waits for us
        return set_timer();
    }
    if (host_.options().log && (waits_writable_ || in_ != nullptr)) {
        host_.options().log(peer_ + (waits_writable_ ? ": closing: it does not take its answers"
                                                     : ": closing: a request that began did not go on"));
    }
    close();
}

}  // namespace imago::net
