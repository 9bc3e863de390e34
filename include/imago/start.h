// Where reading begins when no position is known.
#pragma once

#include <chrono>
#include <cstdint>

#include "imago/message.h"

namespace imago::client {

/// A place in a partition that is looked up when it is needed.
class start_from {
public:
    enum class kind : std::uint8_t { beginning, end, time, ago, none };

    /// The first record that is kept.
    [[nodiscard]] static constexpr start_from beginning() { return {kind::beginning, 0}; }
    /// Only what comes from now on.
    [[nodiscard]] static constexpr start_from end() { return {kind::end, 0}; }
    /// The first record at that time or later; the end if there is none.
    [[nodiscard]] static constexpr start_from time(timestamp_ms at) { return {kind::time, at}; }
    /// The first record not older than that, counted from the moment of the look-up.
    [[nodiscard]] static constexpr start_from ago(std::chrono::milliseconds age) { return {kind::ago, age.count()}; }
    /// Nowhere: a partition without a position is an error, no_position.
    [[nodiscard]] static constexpr start_from none() { return {kind::none, 0}; }

    [[nodiscard]] constexpr kind what() const { return what_; }
    /// Milliseconds: since 1970 for time, before now for ago.
    [[nodiscard]] constexpr std::int64_t value() const { return value_; }

private:
    constexpr start_from(kind what, std::int64_t value) : what_(what), value_(value) {}
    kind what_;
    std::int64_t value_;
};

}  // namespace imago::client
