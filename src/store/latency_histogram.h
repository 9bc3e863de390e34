// How long something took, counted by size: cheap enough for every write of the log.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstdint>

namespace imago::store {

/// A copy of the counts at one moment.
struct latency_counts {
    /// Two buckets for each power of two from 16 us up to 3 s, and one for what took longer.
    static constexpr std::size_t buckets = 37;
    std::array<std::uint64_t, buckets> count{};  ///< of each bucket alone
    std::uint64_t sum_us = 0;

    /// The largest time that falls into a bucket, in us; none (INT64_MAX) for the last.
    [[nodiscard]] static constexpr std::int64_t bound_us(std::size_t bucket) {
        if (bucket + 1 >= buckets) return INT64_MAX;
        const std::int64_t power = std::int64_t{16} << (bucket / 2);
        return bucket % 2 == 0 ? power : power + power / 2;
    }
    [[nodiscard]] static constexpr std::size_t bucket_of(std::uint64_t us) {
        if (us <= 16) return 0;
        const auto octave = static_cast<std::size_t>(std::bit_width(us - 1)) - 5;  // of (16 * 2^octave, 32 * 2^octave]
        const std::uint64_t half = std::uint64_t{24} << octave;
        const std::size_t bucket = octave * 2 + (us <= half ? 1 : 2);
        return bucket < buckets ? bucket : buckets - 1;
    }
};

/// One thread adds; any thread copies. The copy is not of one instant, but each count only grows.
class latency_histogram {
public:
    void add(std::chrono::steady_clock::duration took) {
        const auto us = static_cast<std::uint64_t>(
            std::max<std::int64_t>(std::chrono::duration_cast<std::chrono::microseconds>(took).count(), 0));
        raise(count_[latency_counts::bucket_of(us)], 1);
        raise(sum_us_, us);
    }
    [[nodiscard]] latency_counts copy() const {
        latency_counts counts;
        for (std::size_t i = 0; i < count_.size(); ++i) counts.count[i] = count_[i].load(std::memory_order_relaxed);
        counts.sum_us = sum_us_.load(std::memory_order_relaxed);
        return counts;
    }

private:
    static void raise(std::atomic<std::uint64_t>& counter, std::uint64_t by) {
        counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
    }
    std::array<std::atomic<std::uint64_t>, latency_counts::buckets> count_{};
    std::atomic<std::uint64_t> sum_us_{0};
};

}  // namespace imago::store
