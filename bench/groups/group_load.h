// What the members of one loaded group share: who has which queue, how far each was read, what was measured.
#pragma once

#include "client/connection.h"
#include "client/event.h"
#include "client/bench/histogram.h"

#include <asio/io_context.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace imago::bench {

using steady = std::chrono::steady_clock;
using queue_set = std::set<std::int32_t>;

struct group_load_options {
    client::endpoint server;
    std::string topic = "group-churn";
    std::string group = "group-churn";
    std::int32_t queues = 1000;
    std::size_t members = 200;
    bool classic = false;
    double rate = 2000;  ///< messages a second over all queues
    double seconds = 10; ///< of quiet, and of coming and going
    std::chrono::milliseconds heartbeat{3000};  ///< of the classic protocol; the other's is the server's to say
};

/// One thread. Members tell it what they take and let go; it counts what is wrong with that.
class group_load {
public:
    group_load(asio::io_context& io, group_load_options how)
        : io_(io), how_(std::move(how)), changed_(io.get_executor()), holders_(static_cast<std::size_t>(how_.queues)),
          next_(static_cast<std::size_t>(how_.queues), 0),
          seen_(static_cast<std::size_t>(how_.queues), steady::now()) {
        connect_.client_id = "group-churn";
    }

    [[nodiscard]] asio::io_context& io() { return io_; }
    [[nodiscard]] const group_load_options& how() const { return how_; }
    [[nodiscard]] const client::client_options& connect_options() const { return connect_; }
    [[nodiscard]] client::event& changed() { return changed_; }
    uuid topic_id{};

    void took(std::int32_t queue) {
        if (holders_[static_cast<std::size_t>(queue)]++ > 0) ++owned_twice;
    }
    void let_go(std::int32_t queue) { --holders_[static_cast<std::size_t>(queue)]; }
    /// A record was consumed. Its value starts with the time of its production.
    void consumed(std::int32_t queue, std::int64_t offset, std::string_view value) {
        auto& next = next_[static_cast<std::size_t>(queue)];
        if (offset < next) {
            ++read_again;
            return;
        }
        if (offset > next) left_out += static_cast<std::uint64_t>(offset - next);
        next = offset + 1;
        ++messages;
        const auto now = steady::now();
        const auto made = steady::time_point(steady::duration(load_be<std::int64_t>(reinterpret_cast<const std::byte*>(value.data()))));
        delay.record(static_cast<std::uint64_t>((now - made).count()));
        auto& seen = seen_[static_cast<std::size_t>(queue)];
        longest_silence = std::max(longest_silence, now - seen);
        seen = now;
    }
    /// The figures of a new phase start at nothing.
    void new_phase() {
        delay = {};
        messages = produced = rebalances = 0;
        longest_silence = {};
        std::fill(seen_.begin(), seen_.end(), steady::now());
    }
    /// With the queues that are silent still.
    [[nodiscard]] steady::duration silence() const {
        steady::duration longest = longest_silence;
        for (const auto& seen : seen_) longest = std::max(longest, steady::now() - seen);
        return longest;
    }
    [[nodiscard]] bool each_held_once() const {
        return std::all_of(holders_.begin(), holders_.end(), [](int holders) { return holders == 1; });
    }

    histogram delay;  ///< from production to consumption
    std::uint64_t messages = 0;
    std::uint64_t produced = 0;
    std::uint64_t rebalances = 0;  ///< assignments that members took
    steady::duration longest_silence{};
    // Over all phases; all of them should be nothing.
    std::uint64_t owned_twice = 0;
    std::uint64_t left_out = 0;
    std::uint64_t read_again = 0;  ///< may happen to members that were thrown out
    std::uint64_t errors = 0;      ///< unexpected answers
    std::string last_error;

private:
    asio::io_context& io_;
    const group_load_options how_;
    client::client_options connect_;
    client::event changed_;
    std::vector<int> holders_;
    std::vector<std::int64_t> next_;
    std::vector<steady::time_point> seen_;
};

}  // namespace imago::bench
