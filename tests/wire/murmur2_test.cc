#include "wire/murmur2.h"

#include "support/catch.h"

using namespace imago;
using namespace imago::wire;

TEST_CASE("murmur2 hashes as the Java client does", "[wire]") {
    // The vectors that Kafka's own tests use.
    REQUIRE(murmur2(as_bytes("21")) == -973932308);
    REQUIRE(murmur2(as_bytes("foobar")) == -790332482);
    REQUIRE(murmur2(as_bytes("a-little-bit-long-string")) == -985981536);
    REQUIRE(murmur2(as_bytes("a-little-bit-longer-string")) == -1486304829);
    REQUIRE(murmur2(as_bytes("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8")) == -58897971);
    REQUIRE(murmur2(as_bytes("abc")) == 479470107);
}

TEST_CASE("a key always goes to the same queue", "[wire]") {
    REQUIRE(queue_for_key(as_bytes("foobar"), 10) == (-790332482 & 0x7fffffff) % 10);
    for (int queues = 1; queues < 20; ++queues) REQUIRE(queue_for_key(as_bytes("21"), queues) < queues);
}
