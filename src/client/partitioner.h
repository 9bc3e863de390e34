// Which partition a message goes to.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "imago/options.h"
#include "wire/murmur2.h"

namespace imago::client {

/// Chooses partitions for one topic. One thread.
class partitioner {
public:
    partitioner(partitioning kind, std::uint32_t seed) : kind_(kind), random_(seed | 1u) {}

    /// `partitions` > 0.
    [[nodiscard]] std::int32_t choose(const std::optional<std::string_view>& key, std::int32_t partitions) noexcept {
        if (key && kind_ != partitioning::round_robin) return wire::queue_for_key(as_bytes(*key), partitions);
        if (kind_ == partitioning::keyed_sticky) {
            if (sticky_ < 0 || sticky_ >= partitions) sticky_ = draw(partitions);
            return sticky_;
        }
        next_ = next_ + 1 >= partitions ? 0 : next_ + 1;
        return next_;
    }
    /// The batch of the sticky partition is full or was sent: keyless messages go elsewhere from now on.
    void batch_done(std::int32_t partition, std::int32_t partitions) noexcept {
        if (partition != sticky_ || partitions < 2) return;
        const std::int32_t other = draw(partitions - 1);
        sticky_ = other >= partition ? other + 1 : other;
    }

private:
    std::int32_t draw(std::int32_t below) noexcept {
        random_ ^= random_ << 13;  // xorshift32: spread is all that is asked of it
        random_ ^= random_ >> 17;
        random_ ^= random_ << 5;
        return static_cast<std::int32_t>(random_ % static_cast<std::uint32_t>(below));
    }

    partitioning kind_;
    std::uint32_t random_;
    std::int32_t sticky_ = -1;
    std::int32_t next_ = -1;
};

}  // namespace imago::client
