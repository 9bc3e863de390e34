#include "store/producers.h"

#include "store_fixture.h"
#include "support/catch.h"

using namespace imago;
using namespace imago::store;
using namespace imago::store::test;

namespace {

struct producer {
    producer_table table;
    verdict send(std::int16_t epoch, std::int32_t sequence, std::int32_t count, std::int64_t offset) {
        const auto bytes = make_batch("x", count, 1, epoch, sequence);
        const batch_view batch(bytes);
        const verdict answer = table.admit({16}, batch, original);
        if (answer == verdict::accept) table.record({16}, batch, {offset}, -1, 100);
        return answer;
    }
    producer_batch original;
};

}  // namespace

TEST_CASE("sequences go on one after the other, and a gap is refused", "[producers]") {
    producer p;
    CHECK(p.send(0, 0, 10, 0) == verdict::accept);
    CHECK(p.send(0, 10, 5, 10) == verdict::accept);
    CHECK(p.send(0, 16, 1, 15) == verdict::out_of_order);
    CHECK(p.send(0, 14, 1, 15) == verdict::out_of_order);
    CHECK(p.send(0, 15, 1, 15) == verdict::accept);
}

TEST_CASE("each of the last five batches is known again, an older one is out of order", "[producers]") {
    producer p;
    for (int i = 0; i < 6; ++i) REQUIRE(p.send(0, i, 1, i) == verdict::accept);
    for (int i = 1; i < 6; ++i) {
        CHECK(p.send(0, i, 1, 99) == verdict::duplicate);
        CHECK(p.original.base == queue_offset{i});
    }
    CHECK(p.send(0, 0, 1, 99) == verdict::out_of_order);
    CHECK(p.send(0, 3, 2, 99) == verdict::out_of_order);
}

TEST_CASE("sequence numbers start at 0 again behind 2^31-1", "[producers]") {
    producer p;
    CHECK(p.send(0, 2147483646, 2, 0) == verdict::accept);
    CHECK(p.send(0, 0, 1, 2) == verdict::accept);
    producer across;
    CHECK(across.send(0, 2147483646, 4, 0) == verdict::accept);
    CHECK(across.send(0, 2, 1, 4) == verdict::accept);
}

TEST_CASE("a new epoch starts at sequence 0 and shuts out the old one", "[producers]") {
    producer p;
    CHECK(p.send(0, 5, 1, 0) == verdict::accept);
    CHECK(p.send(1, 3, 1, 1) == verdict::out_of_order);
    CHECK(p.send(1, 0, 1, 1) == verdict::accept);
    CHECK(p.send(0, 6, 1, 2) == verdict::old_epoch);
}

TEST_CASE("what recovery did not find is forgotten", "[producers]") {
    producer p;
    for (int i = 0; i < 4; ++i) REQUIRE(p.send(0, i, 1, i) == verdict::accept);
    p.table.drop_above([](queue_id) { return std::optional(queue_offset{2}); });
    CHECK(p.send(0, 1, 1, 9) == verdict::duplicate);
    CHECK(p.send(0, 2, 1, 2) == verdict::accept);
}
