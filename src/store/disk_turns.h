// Who may use the disk when the log is written to and cold messages are read at the same time.
//
// A device serves what it has in the order in which it came, more or less: a write that producers wait for stands behind
// every read that was started before it, and its flush behind those that were started meanwhile. So readers keep less under
// way while such writes come, and least during one. Large groups are not given way to: with them the disk is the limit,
// those who wait do so for each other, and a reader that gave way would never catch up.
#pragma once

#include <atomic>
#include <cstdint>

namespace imago::store {

/// Says when a small group is being written: from its begin() to the next end(), be it that of a group before it. begin() and
/// end() by whoever writes the log, one at a time; the rest by any thread, which may see a write a little late.
class small_writes {
public:
    /// Groups below this are what somebody waits for.
    static constexpr std::uint64_t bytes_max = 256 * 1024;

    void begin(std::uint64_t bytes) {
        if (bytes < bytes_max && !under_way(turn())) turn_.store(turn_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }
    void end() {
        if (under_way(turn())) turn_.store(turn_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }

    /// Another value with each beginning and each end.
    [[nodiscard]] std::uint64_t turn() const { return turn_.load(std::memory_order_relaxed); }
    [[nodiscard]] static bool under_way(std::uint64_t turn) { return turn % 2 == 1; }

private:
    std::atomic<std::uint64_t> turn_{0};
};

/// How many bytes a reader may have under way at once; one for each reader.
class read_allowance {
public:
    /// Enough to keep a disk busy.
    static constexpr std::uint64_t alone = 512 * 1024;
    /// Little enough for a write that comes not to wait long.
    static constexpr std::uint64_t between_writes = 256 * 1024;
    static constexpr std::uint64_t during_write = 128 * 1024;
    /// Reads of so many bytes without a write in between, and it has become quiet.
    static constexpr std::uint64_t quiet_after = 64 << 20;

    /// May `size` bytes more be started now? One read at a time always may, so that its end is the time to ask again.
    [[nodiscard]] bool may_start(std::uint64_t size, const small_writes& writes) {
        const std::uint64_t turn = writes.turn();
        if (turn != turn_) {
            turn_ = turn;
            since_write_ = 0;
        }
        if (under_way_ == 0) return true;
        if (small_writes::under_way(turn)) return under_way_ + size <= during_write;
        return under_way_ + size <= (since_write_ < quiet_after ? between_writes : alone);
    }
    void started(std::uint64_t size) {
        under_way_ += size;
        since_write_ += size;
    }
    void ended(std::uint64_t size) { under_way_ -= size; }

private:
    std::uint64_t turn_ = 0;
    std::uint64_t since_write_ = quiet_after;
    std::uint64_t under_way_ = 0;
};

}  // namespace imago::store
