// One client: frames in, answers out, in order and within limits.
#pragma once

#include "server/net/budget.h"
#include "server/net/loop.h"
#include "server/net/options.h"
#include "server/net/session.h"

#include <memory>
#include <string>

namespace imago::net {

class socket_connection;

/// What a connection needs of its surroundings; one for each loop.
class connection_host {
public:
    virtual loop& the_loop() = 0;
    virtual const net_options& options() const = 0;
    virtual budget& bytes() = 0;
    /// Bytes were given back and others, of any loop, may wait for them.
    virtual void bytes_free() = 0;
    /// Calls look_again() when bytes_free() was called, by any loop.
    virtual void wants_bytes(socket_connection& connection) = 0;
    /// For the statistics.
    virtual void received(std::size_t bytes) = 0;
    virtual void sent(std::size_t bytes) = 0;
    /// Nothing refers to the connection any more: destroy it.
    virtual void gone(socket_connection& connection) = 0;

protected:
    ~connection_host() = default;
};

/// Lives on one loop. No operation of the system ever has one of our buffers in its hands: the socket is
/// asked whether it is ready, then read or written at once. So a buffer needs to outlive nothing but the
/// exchange that looks into it.
///
/// Reading goes on while the connection is within its limits; the answers that are ready are sent together
/// when the turn of the loop ends. After the socket was closed it lives until its last exchange has finished.
class socket_connection final : public connection {
public:
    /// Takes the descriptor of a connected socket.
    socket_connection(connection_host& host, int descriptor, std::string peer);
    ~socket_connection();

    void open(protocol& protocol);
    /// Takes no further frame, hurries what waits, closes when all is answered.
    void drain();
    /// Ends the connection now; what is in flight finishes unheard.
    void close();
    /// Bytes of the budget may be free again.
    void look_again();

    [[nodiscard]] std::string_view peer() const override { return peer_; }
    [[nodiscard]] event_loop& loop() override { return host_.the_loop(); }
    [[nodiscard]] std::size_t answer_bytes_max() const override;
    // For the host's lists:
    socket_connection* next = nullptr;
    socket_connection* previous = nullptr;
    bool listed_as_wanting = false;

private:
    void finished(exchange& exchange) override;

    void wait_readable();
    void ready(bool readable, bool writable);
    void readable();
    bool receive(std::size_t& room);
    void take_input();
    void charge_input();
    void linger();
    void take_frames();
    void begin(byte_view frame);
    void make_room(std::size_t frame_size);
    [[nodiscard]] bool over_limits();

    void flush();
    bool send_ready();
    void wait_writable();
    void release_sent(std::size_t sent);
    void release_front();
    void drop_input();
    void flush_at_end_of_turn();
    void hurry_all();
    void charge(exchange& exchange, std::size_t bytes);
    void give_back(std::size_t bytes);

    [[nodiscard]] std::chrono::milliseconds patience() const;
    void set_timer();
    void time_passed();
    void wait_as_wanted();
    void maybe_gone();

    connection_host& host_;
    watched socket_;
    std::string peer_;
    std::unique_ptr<session> session_;

    receive_buffer* in_ = nullptr;  // holds [begin_, end_): what came and is not yet a frame
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    std::size_t in_charged_ = 0;
    std::size_t unfinished_ = 0;  // bytes of the frame at begin_, if that much is known of it
    std::size_t previous_ = 0;    // of the frame before

    exchange* first_ = nullptr;  // in order of arrival
    exchange* last_ = nullptr;
    std::size_t in_flight_ = 0;
    std::size_t charged_ = 0;
    std::size_t part_ = 0;         // of the first exchange's answer: the next part to send
    std::size_t part_offset_ = 0;  // and the bytes of it that went already

    task flush_task_;
    timer timer_;
    loop::clock::time_point last_active_;  // last byte that came or went
    bool flush_due_ = false;
    bool waits_readable_ = false;
    bool waits_writable_ = false;
    bool busy_ = false;  // in ready(): what is waited for is told to the loop at its end
    bool taking_ = false;
    bool borrowed_ = false;
    bool starved_ = false;  // an unfinished frame needs memory and the budget has none
    bool draining_ = false;
    bool lingering_ = false;
    bool close_when_sent_ = false;  // an exchange asked for it: nothing after it is read or sent
    bool closed_ = false;
};

}  // namespace imago::net
