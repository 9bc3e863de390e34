// Consumers that read all queues, each on its own connections. Batches are counted by their headers: the records inside are
// not looked at, unless their times are wanted.
#pragma once

#include "client/bench/engine.h"
#include "client/bench/histogram.h"
#include "client/bench/requests.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace imago::bench {

struct consume_options {
    std::string host, port, topic;
    std::int32_t queues = 16;
    std::size_t connections = 1;  ///< share the queues among them
    std::size_t fan_out = 1;      ///< so many consumers read everything, each with its connections
    std::vector<std::int64_t> start;  ///< offsets by queue; empty = 0
    fetch_limits limits;
    bool sessions = true;         ///< ask for fetch sessions; a server may have none
    bool marked = false;          ///< the first record of each batch carries its time (produce_options::marked)
};

class consume_load {
public:
    [[nodiscard]] static result<std::unique_ptr<consume_load>> make(engine& where, consume_options how);
    ~consume_load();

    void start();
    void stop() { running_ = false; }
    [[nodiscard]] bool idle() const { return in_flight_ == 0; }
    void measure();

    /// Over all consumers.
    [[nodiscard]] std::uint64_t messages() const { return messages_; }
    [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
    [[nodiscard]] const histogram& times() const { return times_; }  ///< from mark to arrival
    [[nodiscard]] std::int16_t error() const { return error_; }

private:
    struct reader {
        std::unique_ptr<channel> link;
        std::vector<fetch_place> places;
        std::vector<std::uint32_t> index;  // of a queue in places, by queue / connections
        std::vector<std::uint32_t> moved;  // since the last request
        std::size_t first = 0;             // whose turn it is to be first
        std::int32_t session = 0;
        std::int32_t epoch = 0;
    };
    consume_load(engine& where, consume_options how) : engine_(where), how_(std::move(how)) {}
    void ask(reader& by);
    void answered(reader& by, byte_view body);

    engine& engine_;
    const consume_options how_;
    std::vector<std::unique_ptr<reader>> readers_;
    std::vector<fetch_place> scratch_;
    bool running_ = false;
    bool measuring_ = false;
    std::size_t in_flight_ = 0;
    std::uint64_t messages_ = 0;
    std::uint64_t bytes_ = 0;
    std::int16_t error_ = 0;
    histogram times_;
};

}  // namespace imago::bench
