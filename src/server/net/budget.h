// The bytes that all connections together may hold.
#pragma once

#include <atomic>
#include <cstddef>

namespace imago::net {

/// Counts; any thread. It never refuses: who finds it over() stops reading until bytes are given back.
class budget {
public:
    explicit budget(std::size_t bytes_max) : max_(bytes_max) {}

    void take(std::size_t bytes) { used_.fetch_add(bytes, std::memory_order_relaxed); }
    /// True when this brought it from over to under: those who wait should look again.
    [[nodiscard]] bool give_back(std::size_t bytes) {
        const std::size_t before = used_.fetch_sub(bytes, std::memory_order_relaxed);
        return before >= max_ && before - bytes < max_;
    }
    [[nodiscard]] bool over() const { return used_.load(std::memory_order_relaxed) >= max_; }
    /// One at a time may go on although it is over(): or requests that are half received, each with a claim
    /// on memory, could wait for each other for ever. True for who may; who may says when it no longer needs
    /// to.
    [[nodiscard]] bool borrow() { return !lent_.exchange(true); }
    void repay() { lent_.store(false); }

    [[nodiscard]] std::size_t used() const { return used_.load(std::memory_order_relaxed); }
    [[nodiscard]] std::size_t left() const {
        const std::size_t used = used_.load(std::memory_order_relaxed);
        return used < max_ ? max_ - used : 0;
    }

private:
    const std::size_t max_;
    std::atomic<std::size_t> used_{0};
    std::atomic<bool> lent_{false};
};

}  // namespace imago::net
