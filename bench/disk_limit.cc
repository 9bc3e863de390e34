#include "disk_limit.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace imago::bench {

double disk_limit::quantile(double share) const {
    if (microseconds.empty()) return 0;
    const auto index = static_cast<std::size_t>(share * static_cast<double>(microseconds.size()));
    return microseconds[std::min(index, microseconds.size() - 1)];
}

disk_limit_file::disk_limit_file(io::disk& disk, const std::string& folder)
    : disk_(disk), path_(folder + "/disk-limit-" + std::to_string(::getpid()) + ".tmp") {}

disk_limit_file::~disk_limit_file() { (void)disk_.remove(path_); }

result<> disk_limit_file::fill(std::uint64_t size) {
    io::open_mode mode;
    mode.write = mode.create = mode.direct = true;
    IMAGO_TRY(file_, disk_.open(path_, mode));
    constexpr std::size_t piece = 1 << 20;
    const auto zeros = make_aligned_bytes(piece);
    std::fill_n(zeros.get(), piece, std::byte{0});
    for (size_ = 0; size_ < size; size_ += piece)
        IMAGO_CHECK(disk_.write_at(*file_, size_, {zeros.get(), piece}));
    return disk_.sync(*file_);
}

result<disk_limit> disk_limit_file::measure(std::size_t block, std::chrono::nanoseconds duration) {
    using clock = std::chrono::steady_clock;
    IMAGO_TRY(auto ring, disk_.make_ring());
    const auto bytes = make_aligned_bytes(block);
    for (std::size_t i = 0; i < block; ++i)
        bytes[i] = static_cast<std::byte>(i * 131 >> 3);  // no device's zeros

    io::request write;
    write.what = io::request::kind::write;
    write.durable = true;
    write.target = file_.get();
    write.data = bytes.get();
    write.size = block;
    write.done = [](io::request&) {};

    disk_limit found;
    found.block = block;
    found.microseconds.reserve(1 << 16);
    const auto start = clock::now();
    for (auto before = start; before - start < duration;) {
        ring->submit(write);
        while (ring->in_flight() > 0) ring->wait(std::chrono::nanoseconds(-1));
        if (write.error) return fail(write.error);
        const auto after = clock::now();
        found.microseconds.push_back(std::chrono::duration<double, std::micro>(after - before).count());
        before = after;
        write.offset += block;
        if (write.offset + block > size_) write.offset = 0;
    }
    found.seconds = std::chrono::duration<double>(clock::now() - start).count();
    found.writes = found.microseconds.size();
    found.megabytes_per_second = static_cast<double>(found.writes * block) / found.seconds / 1e6;
    std::sort(found.microseconds.begin(), found.microseconds.end());
    return found;
}

}  // namespace imago::bench
