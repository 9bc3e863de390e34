// Producers: either as fast as the window lets them, or at times that were fixed beforehand.
#pragma once

#include "client/bench/engine.h"
#include "client/bench/histogram.h"
#include "client/bench/requests.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace imago::bench {

struct produce_options {
    std::string host, port, topic;
    std::int32_t queues = 16;
    std::size_t message = 1024;      ///< bytes of a value
    std::size_t records = 16;        ///< messages in a batch
    std::int32_t batches = 16;       ///< queues in a request
    std::size_t connections = 1;
    std::size_t window = 8;          ///< requests in flight on each connection, without a rate
    double rate = 0;                 ///< messages a second over all connections; 0 = as many as the windows let through
    double zipf = 0;                 ///< exponent; 0 = all queues alike
    bool marked = false;             ///< each request's records carry its scheduled time (for end-to-end)
};

/// With a rate the schedule is open: a request's time is counted from the moment at which it was due, whether or not it
/// could be sent then, so that a server which stalls is charged with all that waited (no coordinated omission).
class produce_load final : public timed {
public:
    [[nodiscard]] static result<std::unique_ptr<produce_load>> make(engine& where, produce_options how);
    ~produce_load() override;

    void start(moment now);
    /// No new requests; those under way are answered still.
    void stop() { running_ = false; }
    [[nodiscard]] bool idle() const { return in_flight_ == 0; }
    /// From now on answers count.
    void measure();

    [[nodiscard]] moment next() const override;
    void act(moment now) override;

    [[nodiscard]] std::uint64_t messages() const { return answered_ * messages_a_request_; }
    [[nodiscard]] const histogram& times() const { return times_; }
    [[nodiscard]] std::int16_t error() const { return error_; }

private:
    struct producer {
        std::unique_ptr<channel> link;
        std::vector<moment> due;         // by correlation id
        std::vector<std::int32_t> free;  // correlation ids
    };
    produce_load(engine& where, produce_options how);
    void send(producer& from, moment due);
    void answered(producer& by, std::int32_t correlation, byte_view body);

    engine& engine_;
    const produce_options how_;
    std::vector<std::unique_ptr<producer>> producers_;
    std::vector<std::vector<std::int32_t>> targets_;
    std::vector<request_frame> frames_;
    std::size_t next_frame_ = 0;
    std::size_t next_producer_ = 0;
    std::uint64_t messages_a_request_ = 0;
    clock_type::duration interval_{};  // between requests, with a rate
    moment due_ = moment::max();
    bool running_ = false;
    bool measuring_ = false;
    std::size_t in_flight_ = 0;
    std::uint64_t answered_ = 0;
    std::int16_t error_ = 0;
    produce_answers answers_;
    histogram times_;
};

}  // namespace imago::bench
