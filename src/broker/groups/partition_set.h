// Partitions as one sorted list: small, and every set operation is one pass.
#pragma once

#include "base/ids.h"

#include <algorithm>
#include <compare>
#include <cstdint>
#include <functional>
#include <iterator>
#include <vector>

namespace imago::broker::groups {

struct topic_partition {
    uuid topic;
    std::int32_t partition = 0;
    auto operator<=>(const topic_partition&) const = default;
};

/// Sorted, each once.
using partition_set = std::vector<topic_partition>;

inline void sort_unique(partition_set& set) {
    std::sort(set.begin(), set.end());
    set.erase(std::unique(set.begin(), set.end()), set.end());
}
[[nodiscard]] inline bool contains(const partition_set& set, const topic_partition& what) {
    return std::binary_search(set.begin(), set.end(), what);
}
/// Every element of `part` is in `whole`.
[[nodiscard]] inline bool includes(const partition_set& whole, const partition_set& part) {
    return std::includes(whole.begin(), whole.end(), part.begin(), part.end());
}
[[nodiscard]] inline partition_set common(const partition_set& a, const partition_set& b) {
    partition_set both;
    std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(both));
    return both;
}
[[nodiscard]] inline partition_set without(const partition_set& a, const partition_set& b) {
    partition_set rest;
    std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(rest));
    return rest;
}
[[nodiscard]] inline partition_set together(const partition_set& a, const partition_set& b) {
    partition_set all;
    std::set_union(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(all));
    return all;
}
[[nodiscard]] inline bool overlap(const partition_set& a, const partition_set& b) {
    for (auto x = a.begin(), y = b.begin(); x != a.end() && y != b.end();) {
        if (*x == *y) return true;
        *x < *y ? static_cast<void>(++x) : static_cast<void>(++y);
    }
    return false;
}

}  // namespace imago::broker::groups

template <>
struct std::hash<imago::broker::groups::topic_partition> {
    std::size_t operator()(const imago::broker::groups::topic_partition& where) const noexcept {
        return std::hash<imago::uuid>{}(where.topic) * 31 + static_cast<std::uint32_t>(where.partition);
    }
};
