#include "client/bench/report.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace imago::bench {

namespace {
constexpr std::pair<const char*, double> quantiles[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}};

double microseconds(std::uint64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1e3; }
}  // namespace

std::string as_line(const measured& what) {
    const double rate = static_cast<double>(what.messages) / what.seconds;
    std::string line = fmt::format("{:<10} {:<58}", what.what, what.setting);
    if (what.messages > 0) {
        line += fmt::format(" {:9.1f} MB/s {:10.0f} msg/s", static_cast<double>(what.bytes) / what.seconds / 1e6, rate);
    }
    if (what.times != nullptr && what.times->count() > 0) {
        line += fmt::format("  {}", what.times_are);
        for (const auto& [name, share] : quantiles) line += fmt::format(" {} {:.0f}", name, microseconds(what.times->quantile(share)));
        line += fmt::format(" max {:.0f} us", microseconds(what.times->max()));
    }
    if (what.server_seconds && what.messages > 0) {
        line += fmt::format("  server {:.2f} cpu s/M", *what.server_seconds / static_cast<double>(what.messages) * 1e6);
    }
    // A load that asks for more than it gets measures its own queue.
    if (what.wanted_rate > 0 && rate < 0.98 * what.wanted_rate) line += fmt::format("  NOT the {:.0f} asked for", what.wanted_rate);
    return line;
}

std::string as_json(const measured& what) {
    nlohmann::ordered_json object;
    object["what"] = what.what;
    object["setting"] = what.setting;
    object["seconds"] = what.seconds;
    object["messages"] = what.messages;
    object["bytes"] = what.bytes;
    object["messages_per_second"] = static_cast<double>(what.messages) / what.seconds;
    object["megabytes_per_second"] = static_cast<double>(what.bytes) / what.seconds / 1e6;
    if (what.wanted_rate > 0) object["wanted_messages_per_second"] = what.wanted_rate;
    if (what.server_seconds) {
        object["server_cpu_seconds"] = *what.server_seconds;
        if (what.messages > 0) {
            object["server_cpu_seconds_per_million"] = *what.server_seconds / static_cast<double>(what.messages) * 1e6;
        }
    }
    if (what.server_resident) object["server_resident_bytes"] = *what.server_resident;
    if (what.times != nullptr && what.times->count() > 0) {
        auto& times = object["times_us"];
        times["of"] = what.times_are;
        times["count"] = what.times->count();
        for (const auto& [name, share] : quantiles) times[name] = microseconds(what.times->quantile(share));
        times["max"] = microseconds(what.times->max());
    }
    return object.dump();
}

}  // namespace imago::bench
