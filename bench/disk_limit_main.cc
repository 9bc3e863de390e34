// Question: how fast can the disk of a folder make sequential writes durable, one in flight or some?
// Method: a zero-filled file, overwritten through our own ring with direct I/O and RWF_DSYNC in blocks of 4
// KiB to 1 MiB; each size for some seconds, the sizes in turn for several rounds, since disks of virtual
// machines are uneven. Printed for each size: MB/s (10^6) of the median round with the spread of the rounds,
// and quantiles over all writes. disk_limit.sh asks fio the same question.

#include "disk_limit.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

using namespace imago;

namespace {

constexpr std::string_view usage =
    "usage: disk_limit FOLDER [--backend uring|posix] [--seconds S] [--rounds N] [--depth N] [--file-mib N] [--json]\n"
    "  --seconds   for each block size and round (1)\n"
    "  --depth     writes in flight (1)\n"
    "  --rounds    (3)\n"
    "  --file-mib  size of the file (256)\n";

struct arguments {
    std::string folder;
    std::string backend;
    double seconds = 1;
    unsigned rounds = 3;
    std::size_t depth = 1;
    std::uint64_t file_mib = 256;
    bool json = false;
};

// A number of at least `least`, else the usage text and the end.
double number(const char* text, double least) {
    char* end = nullptr;
    const double value = text != nullptr ? std::strtod(text, &end) : 0;
    if (text == nullptr || end == text || *end != '\0' || !(value >= least && value <= 1e6)) {
        fmt::print(stderr, "{}", usage);
        std::exit(2);
    }
    return value;
}

arguments parse(char** words) {
    arguments found;
    for (++words; *words != nullptr; ++words) {
        const std::string_view word = *words;
        const auto next = [&]() -> const char* { return words[1] != nullptr ? *++words : nullptr; };
        if (word == "--json") {
            found.json = true;
        } else if (word == "--seconds") {
            found.seconds = number(next(), 0.001);
        } else if (word == "--rounds") {
            found.rounds = static_cast<unsigned>(number(next(), 1));
        } else if (word == "--depth") {
            found.depth = static_cast<std::size_t>(number(next(), 1));
        } else if (word == "--file-mib") {
            found.file_mib = static_cast<std::uint64_t>(number(next(), 1));
        } else if (word == "--backend") {
            const char* name = next();
            found.backend = name != nullptr ? name : "?";
        } else if (!word.starts_with("-") && found.folder.empty()) {
            found.folder = word;
        } else {
            found.folder.clear();
            break;
        }
    }
    if (found.folder.empty() ||
        (found.backend != "" && found.backend != "uring" && found.backend != "posix")) {
        fmt::print(stderr, "{}", usage);
        std::exit(2);
    }
    return found;
}

int failed(std::string_view what, std::error_code error) {
    fmt::print(stderr, "disk_limit: {}: {}\n", what, error.message());
    return 1;
}

}  // namespace

int main(int, char** words) {
    const arguments given = parse(words);
    std::string why_not;
    std::unique_ptr<io::disk> disk;
    if (given.backend == "uring") {
        auto uring = io::make_uring_disk();
        if (!uring) return failed("io_uring", uring.error());
        disk = std::move(*uring);
    } else {
        disk = given.backend == "posix" ? io::make_posix_disk() : io::make_disk(&why_not);
    }
    if (!why_not.empty()) fmt::print(stderr, "disk_limit: no {}; using system calls\n", why_not);

    bench::disk_limit_file file(*disk, given.folder);
    if (auto filled = file.fill(given.file_mib << 20); !filled) return failed(file.path(), filled.error());
    const std::vector<std::size_t> blocks = {4096, 16384, 65536, 262144, 1 << 20};
    std::vector<std::vector<bench::disk_limit>> found(blocks.size());
    const auto duration = std::chrono::nanoseconds(static_cast<std::int64_t>(given.seconds * 1e9));
    for (unsigned round = 0; round < given.rounds; ++round) {
        for (std::size_t i = 0; i < blocks.size(); ++i) {
            auto one = file.measure(blocks[i], given.depth, duration);
            if (!one) return failed(file.path(), one.error());
            found[i].push_back(std::move(*one));
        }
    }

    const char* backend = disk->kind() == io::backend::uring ? "uring" : "posix";
    if (!given.json)
        fmt::print(
            "{} backend, {} I/O, {} MiB file, {} in flight, {} rounds of {} s\n{:>9} {:>10} {:>19} {:>9} {:>9} {:>9}\n",
            backend, file.direct() ? "direct" : "buffered", given.file_mib, given.depth, given.rounds, given.seconds,
            "block", "MB/s", "of rounds", "p50 us", "p99 us", "p99.9 us");
    for (auto& rounds : found) {
        std::sort(rounds.begin(), rounds.end(), [](const auto& a, const auto& b) {
            return a.megabytes_per_second < b.megabytes_per_second;
        });
        const double median = rounds[rounds.size() / 2].megabytes_per_second;
        const double least = rounds.front().megabytes_per_second;
        const double most = rounds.back().megabytes_per_second;
        bench::disk_limit all;
        for (const auto& each : rounds)
            all.microseconds.insert(all.microseconds.end(), each.microseconds.begin(),
                                    each.microseconds.end());
        std::sort(all.microseconds.begin(), all.microseconds.end());
        if (given.json) {
            fmt::print(
                "{{\"backend\":\"{}\",\"direct\":{},\"block\":{},\"mb_s\":{:.1f},\"mb_s_min\":{:.1f},"
                "\"mb_s_max\":{:.1f},\"p50_us\":{:.1f},\"p99_us\":{:.1f},\"p999_us\":{:.1f}}}\n",
                backend, file.direct(), rounds[0].block, median, least, most, all.quantile(0.5),
                all.quantile(0.99), all.quantile(0.999));
        } else {
            fmt::print("{:>5} KiB {:>10.1f} {:>8.1f} .. {:>7.1f} {:>9.1f} {:>9.1f} {:>9.1f}\n",
                       rounds[0].block / 1024, median, least, most, all.quantile(0.5), all.quantile(0.99),
                       all.quantile(0.999));
        }
    }
    return 0;
}
