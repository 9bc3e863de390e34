// The listening socket, the network threads and their connections.
#pragma once

#include "base/result.h"
#include "server/net/options.h"
#include "server/net/session.h"

#include <chrono>
#include <functional>
#include <memory>
#include <string>

namespace imago::net {

/// Counters since start; any thread.
struct net_statistics {
    std::size_t connections = 0;  ///< open now
    std::size_t accepted = 0;
    std::size_t refused = 0;     ///< over a limit of connections
    std::size_t bytes_held = 0;  ///< of requests and answers in flight, all connections
    std::size_t bytes_held_max = 0;  ///< from which on reading stops
    std::uint64_t bytes_received = 0;
    std::uint64_t bytes_sent = 0;
};

/// Makes the protocol of a loop, on that loop's thread. It is destroyed there too, after its last connection.
using protocol_maker = std::function<result<std::unique_ptr<protocol>>(event_loop&)>;

/// Serves from accept() until drain(). All is called by one owner, not by the loops.
class server {
public:
    /// Binds and listens, makes the threads and their protocols. A port that is in use, or a protocol that
    /// cannot be made, is the error.
    [[nodiscard]] static result<std::unique_ptr<server>> listen(net_options options, protocol_maker make);
    /// Takes connections from now on; those that came since listen() wait for it. Once.
    void accept();
    /// drain() without patience.
    ~server();

    /// Stops accepting, takes no further request, answers those in flight, closes; after `patience` whatever
    /// is left is cut off. The threads have ended when it returns. True if nothing had to be cut off.
    bool drain(std::chrono::milliseconds patience);

    /// "127.0.0.1:9092", with the port that was really taken.
    [[nodiscard]] const std::string& address() const;
    [[nodiscard]] std::uint16_t port() const;
    [[nodiscard]] net_statistics statistics() const;

private:
    struct state;
    explicit server(std::unique_ptr<state> made);
    std::unique_ptr<state> state_;
};

}  // namespace imago::net
