// Where bytes meet a protocol. net drives these interfaces and knows no protocol; a protocol implements them
// and knows no socket; main introduces them to each other. Everything here belongs to one loop and is called
// on its thread, unless it says otherwise.
//
//   protocol   one for each loop; opens a session for each connection
//   session    one for each connection; turns a frame into an exchange
//   exchange   one request and its answer, recycled
#pragma once

#include "base/bytes.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace imago::net {

/// A job for a loop. Owned by whoever posts it, unmoved until run() began; then it may be posted again.
struct task {
    void (*run)(task&) = nullptr;
    void* context = nullptr;
    task* next = nullptr;  ///< the loop's
};

/// A deadline. Owned by whoever starts it; must be stopped or have expired before it goes away.
struct timer {
    void (*expired)(timer&) = nullptr;
    void* context = nullptr;

    std::chrono::steady_clock::time_point deadline{};  ///< the loop's from here on
    std::size_t place = idle;
    static constexpr std::size_t idle = ~std::size_t{0};
    [[nodiscard]] bool pending() const { return place != idle; }
};

/// One thread and what waits on it.
class event_loop {
public:
    virtual ~event_loop() = default;
    /// Any thread; never blocks, never allocates. Tasks run in the order in which they were posted.
    virtual void post(task& job) = 0;
    /// Starts the timer, or moves its deadline.
    virtual void start(timer& timer, std::chrono::steady_clock::time_point deadline) = 0;
    virtual void stop(timer& timer) = 0;
    /// Runs `readable` on this thread each time the descriptor becomes readable. The loop does not own it and
    /// never reads from it.
    virtual void watch(int descriptor, task& readable) = 0;
    virtual void unwatch(int descriptor) = 0;
    /// Runs `job` once all that is ready now was looked at: for what is done better together. The loop's thread.
    virtual void at_end_of_turn(task& job) = 0;
};

class exchange;

/// The connection as the protocol sees it. Lives until its last exchange was finished, also when the peer is
/// long gone.
class connection {
public:
    /// "192.0.2.1:40000"
    [[nodiscard]] virtual std::string_view peer() const = 0;
    [[nodiscard]] virtual event_loop& loop() = 0;
    /// Bytes that an answer may have without hurting others: what is left of the process's budget, shared.
    [[nodiscard]] virtual std::size_t answer_bytes_max() const = 0;

protected:
    ~connection() = default;
    friend class exchange;
    virtual void finished(exchange& exchange) = 0;
};

/// One request on its way through the server, and its answer. The protocol makes and recycles exchanges; net
/// keeps them in the order in which their frames came and sends the answers in that order.
class exchange {
public:
    exchange() = default;
    exchange(const exchange&) = delete;
    exchange& operator=(const exchange&) = delete;
    virtual ~exchange() = default;

    /// Works on frame(). finish() must be called once: from here, or later on the loop's thread.
    virtual void start() = 0;
    /// The peer is gone or the server is stopping: whatever only waits should finish now, with what there is.
    virtual void hurry() {}
    /// The answer, with whatever frames it, as the parts that are to be sent; empty when the request
    /// has none. Asked after finish(); the bytes must stay until release().
    [[nodiscard]] virtual std::span<const byte_view> answer() = 0;
    /// Net is done with it: the answer was sent or the connection is gone. The protocol may use it again.
    virtual void release() = 0;

    /// The request as session::find_frame() found it; stays until release().
    [[nodiscard]] byte_view frame() const { return frame_; }
    [[nodiscard]] connection& link() const { return *link_; }

protected:
    enum class then : std::uint8_t { keep_open, close };
    /// The answer is ready (or there is none). `close` ends the connection once it and those before it were
    /// sent.
    void finish(then after = then::keep_open) {
        close_after_ = after == then::close;
        finished_ = true;
        link_->finished(*this);
    }

private:
    friend class socket_connection;
    connection* link_ = nullptr;
    byte_view frame_;
    std::vector<std::byte> copy_;             // small frames are copied, so as not to pin a large buffer
    class receive_buffer* buffer_ = nullptr;  // large ones hold the buffer they came in
    exchange* next_ = nullptr;
    std::size_t charged_ = 0;
    bool finished_ = false;
    bool close_after_ = false;
};

/// Where the first frame stands in the bytes that have come.
struct frame_place {
    std::size_t skip = 0;      ///< bytes in front of it that are not part of it
    std::int64_t size = 0;     ///< its bytes, also those still to come; not above 0: closes the connection
    std::size_t unknown = 0;   ///< if not 0, size is not known before so many bytes have come
};

class session {
public:
    virtual ~session() = default;
    /// Cuts what came into frames; `have` begins where the last frame ended and is not empty. The default is a length
    /// of four bytes, big-endian, in front of each.
    [[nodiscard]] virtual frame_place find_frame(byte_view have) const {
        if (have.size() < sizeof(std::int32_t)) return {.unknown = sizeof(std::int32_t)};
        return {.skip = sizeof(std::int32_t), .size = load_be<std::int32_t>(have.data())};
    }
    /// A whole frame (as find_frame() found it) came. The exchange to work on it, not started yet; null
    /// closes the connection. The view is only for choosing: the exchange gets its own.
    [[nodiscard]] virtual exchange* accept(byte_view frame) = 0;
};

class protocol {
public:
    virtual ~protocol() = default;
    [[nodiscard]] virtual std::unique_ptr<session> open(connection& link) = 0;
};

}  // namespace imago::net
