#include "store/inbox.h"

#include "support/catch.h"

namespace {
struct item {
    int value = 0;
    item* next = nullptr;
};
}  // namespace

TEST_CASE("an inbox gives what was pushed in its order, and tells whether there is so much", "[store]") {
    imago::store::inbox<item> inbox;
    CHECK(inbox.empty());
    CHECK(inbox.holds(0));
    CHECK_FALSE(inbox.holds(1));
    item items[5] = {{0}, {1}, {2}, {3}, {4}};
    inbox.push(items[0]);
    for (int i = 1; i < 3; ++i) items[i].next = &items[i + 1];
    inbox.push_all(items[1]);
    inbox.push(items[4]);
    CHECK(inbox.holds(5));
    CHECK_FALSE(inbox.holds(6));
    int next = 0;
    for (const item* each = inbox.take(); each != nullptr; each = each->next) CHECK(each->value == next++);
    CHECK(next == 5);
    CHECK(inbox.empty());
    CHECK_FALSE(inbox.holds(1));
}
