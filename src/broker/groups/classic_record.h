// The durable record of a classic group.
#pragma once

#include "base/ids.h"
#include "broker/groups/requests.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace imago::broker::groups {

inline constexpr char classic_kind = 'c';

struct classic_record {
    struct member {
        std::string id;
        instance_id instance;
        client_identity client;
        std::int32_t session_timeout_ms = 0;
        std::int32_t rebalance_timeout_ms = 0;
        std::vector<std::pair<std::string, std::string>> protocols;
        std::string assignment;
    };
    std::int32_t generation = 0;
    std::string protocol_type;
    std::optional<std::string> protocol;
    std::optional<std::string> leader;
    unix_ms since = -1;  ///< when it became empty; -1 with members
    std::vector<member> members;
};

[[nodiscard]] std::string write_classic_record(const classic_record& record);
[[nodiscard]] std::optional<classic_record> read_classic_record(std::string_view value);

}  // namespace imago::broker::groups
