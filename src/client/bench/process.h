// What /proc tells of another process.
#pragma once

#include <fmt/format.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

namespace imago::bench {

/// User and system time, in seconds (in steps of 10 ms).
inline double processor_time(long pid) {
    std::ifstream file(fmt::format("/proc/{}/stat", pid));
    std::string line;
    std::getline(file, line);
    const auto name_end = line.rfind(')');
    unsigned long user = 0, system = 0;
    if (name_end == std::string::npos ||
        std::sscanf(line.c_str() + name_end + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2) {
        throw std::runtime_error(fmt::format("cannot read the times of process {}", pid));
    }
    return static_cast<double>(user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

/// The sum of a field over the status files of all threads.
inline std::uint64_t of_all_threads(long pid, const char* field) {
    std::uint64_t sum = 0;
    for (const auto& task : std::filesystem::directory_iterator(fmt::format("/proc/{}/task", pid))) {
        std::ifstream file(task.path() / "status");
        for (std::string line; std::getline(file, line);) {
            if (line.compare(0, std::strlen(field), field) == 0) sum += std::stoull(line.substr(line.find(':') + 1));
        }
    }
    return sum;
}

/// How often its threads went to sleep, which is how often they had been woken.
inline std::uint64_t sleeps(long pid) { return of_all_threads(pid, "voluntary_ctxt_switches"); }

/// Bytes in memory.
inline std::int64_t resident(long pid) {
    std::ifstream file(fmt::format("/proc/{}/statm", pid));
    std::int64_t all = 0, in_memory = 0;
    file >> all >> in_memory;
    return in_memory * ::sysconf(_SC_PAGESIZE);
}

}  // namespace imago::bench
