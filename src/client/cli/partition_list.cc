#include "client/cli/partition_list.h"

#include <algorithm>
#include <charconv>

namespace imago::client::cli {
namespace {

constexpr std::int32_t partitions_max = 1'000'000;

std::optional<std::int32_t> number(std::string_view text) {
    std::int32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value < 0) return std::nullopt;
    return value;
}

}  // namespace

std::optional<partition_list> partition_list::parse(std::string_view typed) {
    partition_list list;
    const std::size_t colon = typed.rfind(':');
    list.topic = typed.substr(0, colon);
    if (list.topic.empty()) return std::nullopt;
    if (colon == std::string_view::npos) return list;
    std::string_view rest = typed.substr(colon + 1);
    for (;;) {
        const std::size_t comma = rest.find(',');
        const std::string_view part = rest.substr(0, comma);
        const std::size_t dash = part.find('-');
        const auto first = number(part.substr(0, dash));
        const auto last = dash == std::string_view::npos ? first : number(part.substr(dash + 1));
        if (!first || !last || *last < *first || *last - *first >= partitions_max) return std::nullopt;
        for (std::int32_t each = *first; each < *last; ++each) list.partitions.push_back(each);
        list.partitions.push_back(*last);
        if (list.partitions.size() > partitions_max) return std::nullopt;
        if (comma == std::string_view::npos) break;
        rest.remove_prefix(comma + 1);
    }
    std::sort(list.partitions.begin(), list.partitions.end());
    list.partitions.erase(std::unique(list.partitions.begin(), list.partitions.end()), list.partitions.end());
    return list;
}

std::string partition_list_problem(const std::string& typed) {
    return partition_list::parse(typed) ? "" : "'" + typed + "' is not TOPIC or TOPIC:PARTITIONS, as events:0,2,5-9";
}

}  // namespace imago::client::cli
