// How fast can this folder's disk make sequential writes durable? The limit that a log on it is measured against.
#pragma once

#include "base/result.h"
#include "io/disk.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace imago::bench {

struct disk_limit {
    std::size_t block = 0;
    std::uint64_t writes = 0;
    double seconds = 0;
    double megabytes_per_second = 0;   ///< 10^6 bytes
    std::vector<double> microseconds;  ///< of each write, sorted

    /// The time that `share` (0 to 1) of the writes did not exceed.
    [[nodiscard]] double quantile(double share) const;
};

/// A zero-filled file to measure on, removed at the end. Overwriting written blocks changes no metadata, so a
/// durable write is the data and one flush, as in a recycled segment of the log.
class disk_limit_file {
public:
    disk_limit_file(io::disk& disk, const std::string& folder);
    ~disk_limit_file();
    disk_limit_file(const disk_limit_file&) = delete;
    disk_limit_file& operator=(const disk_limit_file&) = delete;

    [[nodiscard]] result<> fill(std::uint64_t size);
    /// Writes `block` bytes after `block` bytes, direct and durable, `depth` in flight, for `duration`; from the
    /// start again at the end of the file.
    [[nodiscard]] result<disk_limit> measure(std::size_t block, std::size_t depth, std::chrono::nanoseconds duration);
    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] bool direct() const { return file_ && file_->direct(); }

private:
    io::disk& disk_;
    std::string path_;
    std::unique_ptr<io::file> file_;
    std::uint64_t size_ = 0;
};

}  // namespace imago::bench
