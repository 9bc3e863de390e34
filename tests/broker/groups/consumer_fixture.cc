#include "consumer_fixture.h"

#include "broker/groups/classic_group.h"

namespace imago::test::consumer_model {

void group_world::crash() {
    pending.clear();
    const auto records = table.records_of("g");
    group = nullptr;
    if (records.empty()) {
        group = groups::consumer_group::make("g", with);
    } else if (records.front().kind == groups::consumer_group_kind) {
        group = groups::consumer_group::load("g", with, records, now);
    } else {
        group = groups::classic_group::load("g", with, records, now);
    }
    REQUIRE(group);
}

}  // namespace imago::test::consumer_model
