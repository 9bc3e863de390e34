// What a measurement found, as a line for people or an object for programs.
#pragma once

#include "client/bench/histogram.h"

#include <cstdint>
#include <optional>
#include <string>

namespace imago::bench {

struct measured {
    std::string what;              ///< "produce", "consume", ...
    std::string setting;           ///< in words
    double seconds = 0;
    std::uint64_t messages = 0;
    std::uint64_t bytes = 0;       ///< of values (produce) or of batches (consume)
    std::optional<double> server_seconds;  ///< processor time of the server meanwhile
    std::optional<std::uint64_t> server_resident;
    const histogram* times = nullptr;
    std::string times_are;         ///< "request", "end to end"
    double wanted_rate = 0;        ///< messages a second asked for; 0 = as many as possible
};

[[nodiscard]] std::string as_line(const measured& what);
/// One JSON object on one line. Times in microseconds.
[[nodiscard]] std::string as_json(const measured& what);

}  // namespace imago::bench
