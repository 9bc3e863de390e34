// TOPIC[:PARTITIONS], as it is typed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace imago::client::cli {

/// A topic and some of its partitions.
struct partition_list {
    std::string topic;
    std::vector<std::int32_t> partitions;  ///< sorted, each once; empty = all

    /// From "events", "events:3" or "events:0,2,5-9"; none if it is neither. At most 1,000,000 partitions.
    [[nodiscard]] static std::optional<partition_list> parse(std::string_view typed);
};

/// For CLI11's check(): empty if `typed` can be parsed, else what is wrong.
[[nodiscard]] std::string partition_list_problem(const std::string& typed);

}  // namespace imago::client::cli
