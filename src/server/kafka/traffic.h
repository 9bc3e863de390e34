// How many requests of each API were answered, and how many of those answers told an error.
#pragma once

#include <atomic>
#include <concepts>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <type_traits>
#include <vector>

namespace imago::kafka {

/// Of one API on one network thread, the only one that counts.
struct api_counter {
    std::atomic<std::uint64_t> requests{0};
    std::atomic<std::uint64_t> errors{0};

    static void raise(std::atomic<std::uint64_t>& counter) {
        counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }
};

/// The counters of all network threads. Outlives the workers; any thread.
class traffic {
public:
    /// The counters of a new thread, one for each of handlers(); they stay when the thread ends.
    [[nodiscard]] api_counter* join();

    struct total {
        std::string_view api;
        std::uint64_t requests = 0;
        std::uint64_t errors = 0;
    };
    /// One for each of handlers(), in their order.
    [[nodiscard]] std::vector<total> totals() const;

private:
    mutable std::mutex mutex_;
    std::vector<std::unique_ptr<api_counter[]>> threads_;
};

/// Whether an answer tells an error, its own or that of one of its topics, partitions, groups and so on.
template <class T>
[[nodiscard]] bool tells_error(const T& answer);

namespace detail {
template <class List>
[[nodiscard]] bool any_tells_error(const List& list) {
    using element = std::remove_cvref_t<decltype(*list.begin())>;
    if constexpr (std::is_class_v<element> && !std::is_convertible_v<element, std::string_view>) {
        for (const element& each : list)
            if (tells_error(each)) return true;
    }
    return false;
}
}  // namespace detail

template <class T>
bool tells_error(const T& answer) {
    if constexpr (requires { { answer.error_code } -> std::convertible_to<int>; }) {
        if (static_cast<int>(answer.error_code) != 0) return true;
    }
#define IMAGO_LOOK_INTO(list)                                     \
    if constexpr (requires { *answer.list.begin(); }) {           \
        if (detail::any_tells_error(answer.list)) return true;    \
    }
    IMAGO_LOOK_INTO(topics)
    IMAGO_LOOK_INTO(responses)
    IMAGO_LOOK_INTO(partitions)
    IMAGO_LOOK_INTO(partition_responses)
    IMAGO_LOOK_INTO(results)
    IMAGO_LOOK_INTO(groups)
    IMAGO_LOOK_INTO(coordinators)
    IMAGO_LOOK_INTO(members)
#undef IMAGO_LOOK_INTO
    return false;
}

}  // namespace imago::kafka
