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

namespace {

/// A measurement under way: its writes take turns.
struct turns {
    using clock = std::chrono::steady_clock;
    struct turn {
        io::request write;
        turns* all = nullptr;
        clock::time_point started;
    };

    io::ring& ring;
    std::uint64_t size;
    std::size_t block;
    clock::time_point end;
    std::uint64_t offset = 0;
    std::vector<double> microseconds;
    std::error_code error;

    void start(turn& next) {
        next.write.offset = offset;
        offset += block;
        if (offset + block > size) offset = 0;
        next.started = clock::now();
        ring.submit(next.write);
    }
    void over(turn& done) {
        const auto now = clock::now();
        microseconds.push_back(std::chrono::duration<double, std::micro>(now - done.started).count());
        if (done.write.error) error = done.write.error;
        if (!error && now < end) start(done);
    }
};

}  // namespace

result<disk_limit> disk_limit_file::measure(std::size_t block, std::size_t depth, std::chrono::nanoseconds duration) {
    using clock = std::chrono::steady_clock;
    IMAGO_TRY(auto ring, disk_.make_ring());
    const auto bytes = make_aligned_bytes(block);
    for (std::size_t i = 0; i < block; ++i)
        bytes[i] = static_cast<std::byte>(i * 131 >> 3);  // no device's zeros

    const auto start = clock::now();
    turns all{.ring = *ring, .size = size_, .block = block, .end = start + duration};
    all.microseconds.reserve(1 << 16);
    std::vector<turns::turn> each(depth);
    for (turns::turn& next : each) {
        next.all = &all;
        next.write.what = io::request::kind::write;
        next.write.durable = true;
        next.write.target = file_.get();
        next.write.data = bytes.get();
        next.write.size = block;
        next.write.context = &next;
        next.write.done = [](io::request& request) {
            auto& done = *static_cast<turns::turn*>(request.context);
            done.all->over(done);
        };
        all.start(next);
    }
    while (ring->in_flight() > 0) ring->wait(std::chrono::nanoseconds(-1));
    if (all.error) return fail(all.error);

    disk_limit found;
    found.block = block;
    found.microseconds = std::move(all.microseconds);
    found.seconds = std::chrono::duration<double>(clock::now() - start).count();
    found.writes = found.microseconds.size();
    found.megabytes_per_second = static_cast<double>(found.writes * block) / found.seconds / 1e6;
    std::sort(found.microseconds.begin(), found.microseconds.end());
    return found;
}

}  // namespace imago::bench
