// The limits that net keeps, all of them on by default.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace imago::net {

struct net_options {
    std::string host = "127.0.0.1";
    std::string port = "9092";  ///< "0" takes a free one
    unsigned threads = 0;       ///< 0 = one for each core

    std::size_t frame_bytes_max = 100ULL << 20;  ///< a longer frame closes the connection
    std::size_t connection_bytes_max =
        64ULL << 20;  ///< requests and answers of one connection before its reading stops
    std::size_t total_bytes_max = 512ULL << 20;  ///< the same for all connections together
    std::size_t pipelined_max = 512;  ///< requests of one connection in flight before its reading stops
    std::size_t connections_max = 10'000;
    std::size_t connections_per_address_max = 10'000;

    std::chrono::milliseconds idle_timeout{600'000};  ///< nothing asked, nothing in flight
    std::chrono::milliseconds frame_timeout{30'000};  ///< a frame that began, and no byte more
    std::chrono::milliseconds send_timeout{30'000};   ///< an answer of which the peer took no byte

    std::function<void(std::string_view)> log;  ///< one line for the operator; any thread
};

}  // namespace imago::net
