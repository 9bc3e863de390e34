// The one list of record kinds in the table of groups.
#include "broker/groups/classic_record.h"
#include "broker/groups/consumer_records.h"
#include "broker/groups/group_table.h"

#include <array>

namespace imago::broker::groups {
namespace {

struct kind_entry {
    char kind;
    bool (*readable)(const group_record& record);
};

constexpr std::array kinds{
    kind_entry{classic_kind,
               [](const group_record& record) {
                   return record.rest.empty() && read_classic_record(record.value).has_value();
               }},
    kind_entry{consumer_group_kind, &consumer_record_readable},
    kind_entry{consumer_member_kind, &consumer_record_readable},
    kind_entry{consumer_current_kind, &consumer_record_readable},
    kind_entry{consumer_target_kind, &consumer_record_readable},
};

}  // namespace

bool readable(const group_record& record) {
    for (const kind_entry& entry : kinds) {
        if (entry.kind == record.kind) return entry.readable(record);
    }
    return false;
}

}  // namespace imago::broker::groups
