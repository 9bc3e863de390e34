#include "server/config/units.h"

#include "support/catch.h"

using namespace imago::config;

TEST_CASE("sizes are read with and without a unit", "[config]") {
    CHECK(parse_size("0") == 0);
    CHECK(parse_size("1048588") == 1'048'588);
    CHECK(parse_size("256MiB") == 256LL << 20);
    CHECK(parse_size(" 1 GiB ") == 1LL << 30);
    CHECK(parse_size("2MB") == 2'000'000);
    CHECK_FALSE(parse_size(""));
    CHECK_FALSE(parse_size("MiB"));
    CHECK_FALSE(parse_size("12M"));
    CHECK_FALSE(parse_size("1.5GiB"));
    CHECK_FALSE(parse_size("9000000000TiB"));
    CHECK_FALSE(parse_size("99999999999999999999"));
    CHECK(parse_size("-1") == -1);  // the range of the key refuses it
}

TEST_CASE("durations need a unit", "[config]") {
    CHECK(parse_duration("500ms") == 500);
    CHECK(parse_duration("10s") == 10'000);
    CHECK(parse_duration("5m") == 300'000);
    CHECK(parse_duration("7d") == 604'800'000);
    CHECK(parse_duration("0") == 0);
    CHECK_FALSE(parse_duration("10"));
    CHECK_FALSE(parse_duration("10 sec"));
    CHECK_FALSE(parse_duration("999999999999999d"));
}

TEST_CASE("what is written reads back as the same number", "[config]") {
    for (const std::int64_t number :
         {0LL, 1LL, 1'023LL, 1'024LL, 1'048'588LL, 256LL << 20, 3LL << 40, 1'000'000LL}) {
        CHECK(parse_size(format_size(number)) == number);
        CHECK(parse_duration(format_duration(number)) == number);
    }
    CHECK(format_size(256LL << 20) == "256MiB");
    CHECK(format_duration(604'800'000) == "7d");
    CHECK(format_duration(90'000) == "90s");
}

TEST_CASE("addresses are a host and a port", "[config]") {
    CHECK(parse_address("localhost:9092")->host == "localhost");
    CHECK(parse_address("localhost:9092")->port == 9092);
    CHECK(parse_address("[::1]:0")->host == "::1");
    CHECK(parse_address(":9092")->host.empty());
    for (const char* wrong : {"", "localhost", "localhost:", "localhost:x", "localhost:70000", "::1:9092",
                              "[::1:9092", "a b:1", "http://x:1", "h:-1", "h:1 2"}) {
        INFO(wrong);
        CHECK_FALSE(parse_address(wrong));
    }
    CHECK(is_wildcard(*parse_address("0.0.0.0:1")));
    CHECK(is_wildcard(*parse_address("[::]:1")));
    CHECK(is_wildcard(*parse_address(":1")));
    CHECK_FALSE(is_wildcard(*parse_address("10.0.0.1:1")));
}
