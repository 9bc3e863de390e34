#include <string>
#include <vector>

#include "client/cli/consume_start.h"
#include "client/cli/escapes.h"
#include "client/cli/format.h"
#include "client/cli/partition_list.h"
#include "client/cli/progress.h"
#include "client/cli/splitter.h"
#include "client/cli/terminal.h"
#include "client/connection.h"
#include "support/catch.h"

using namespace imago::client;
using namespace imago::client::cli;

namespace {

std::vector<std::string> split(const std::string& text, const std::string& delimiter, std::size_t block) {
    splitter cutter(delimiter);
    std::vector<std::string> messages;
    std::string_view message;
    for (std::size_t at = 0; at < text.size(); at += block) {
        const std::string piece = text.substr(at, block);  // gone after this turn: no view may outlive it
        cutter.feed(piece);
        while (cutter.next(message)) messages.emplace_back(message);
    }
    if (cutter.finish(message)) messages.emplace_back(message);
    return messages;
}

std::string printed(std::string_view format, const record& what) {
    std::string why, out;
    const auto parsed = record_format::parse(format, why);
    REQUIRE(parsed);
    parsed->append(out, "topic", 3, what);
    return out;
}

}  // namespace

TEST_CASE("a stream is cut into the same messages whatever the blocks", "[client]") {
    using list = std::vector<std::string>;
    for (std::size_t block = 1; block < 30; ++block) {
        CAPTURE(block);
        CHECK(split("one\ntwo\n\nfour", "\n", block) == list{"one", "two", "", "four"});
        CHECK(split("one\ntwo\n", "\n", block) == list{"one", "two"});
        CHECK(split("\n\n", "\n", block) == list{"", ""});
        CHECK(split("a--b---c-", "--", block) == list{"a", "b", "-c-"});
        CHECK(split("x<end>y<<end>z<en", "<end>", block) == list{"x", "y<", "z<en"});
        CHECK(split(std::string("a\0b", 3), std::string(1, '\0'), block) == list{"a", "b"});
        CHECK(split("abab", "ab", block) == list{"", ""});
        CHECK(split("aab", "aab", block) == list{""});
        CHECK(split("aaab", "aab", block) == list{"a"});
        CHECK(split("", "\n", block).empty());
    }
}

TEST_CASE("escapes stand for bytes, and an unknown one is refused", "[client]") {
    CHECK(unescape("a\\n\\t\\r\\0\\\\\\x1f\\xFe") == std::string("a\n\t\r\0\\\x1f\xfe", 8));
    CHECK(unescape("") == "");
    CHECK_FALSE(unescape("\\q"));
    CHECK_FALSE(unescape("\\x1"));
    CHECK_FALSE(unescape("\\xg0"));
    CHECK_FALSE(unescape("end\\"));
}

TEST_CASE("format tokens print what kcat prints", "[client]") {
    const header headers[] = {{"a", "1"}, {"b", std::nullopt}};
    record what;
    what.offset = 42;
    what.timestamp = 1234567890123;
    what.key = "key";
    what.value = "value";
    what.headers = headers;
    CHECK(printed("%t [%p] at %o: key %k (%K) = %s (%S) %T %h %%\\n", what) ==
          "topic [3] at 42: key key (3) = value (5) 1234567890123 a=1,b=NULL %\n");
    CHECK(printed("%R", what) == std::string("\0\0\0\5", 4));
    what.key.reset();
    what.value.reset();
    CHECK(printed("%k|%K|%s|%S|%R", what) == "|-1||-1|\xff\xff\xff\xff");
    std::string why;
    CHECK_FALSE(record_format::parse("%q", why));
    CHECK(why.find("%q") != std::string::npos);
    CHECK_FALSE(record_format::parse("50%", why));
    CHECK_FALSE(record_format::parse("\\z", why));
}

TEST_CASE("a record is one line of JSON, and bytes that are no text are base64", "[client]") {
    record what;
    what.offset = 7;
    what.timestamp = 5;
    what.key = "k\"\\\n\x01";
    what.value = std::string_view("\xff\xfe\x00", 3);
    std::string out;
    append_json(out, "t", 0, what);
    CHECK(out == "{\"topic\":\"t\",\"partition\":0,\"offset\":7,\"timestamp\":5,\"key\":\"k\\\"\\\\\\n\\u0001\","
                 "\"value_base64\":\"//4A\"}\n");
    CHECK(is_utf8("h\xc3\xa4 \xe2\x82\xac \xf0\x9f\x90\x9b"));
    CHECK_FALSE(is_utf8("\xc0\x80"));
    CHECK_FALSE(is_utf8("\xed\xa0\x80"));
    CHECK_FALSE(is_utf8("\xf4\x90\x80\x80"));
    CHECK_FALSE(is_utf8("\xe2\x82"));
}

TEST_CASE("starting points are read as they are typed", "[client]") {
    using kind = start_point::kind;
    CHECK(parse_start("beginning")->what == kind::beginning);
    CHECK(parse_start("end")->what == kind::end);
    CHECK((parse_start("17")->what == kind::offset && parse_start("17")->value == 17));
    CHECK((parse_start("-5")->what == kind::before_end && parse_start("-5")->value == 5));
    CHECK((parse_start("@1700000000000")->what == kind::time && parse_start("@1700000000000")->value == 1700000000000));
    CHECK(parse_start("@2023-11-14T22:13:20Z")->value == 1700000000000);
    CHECK(parse_start("@2023-11-14Z")->value == 1699920000000);
    for (const char* wrong : {"", "x", "1x", "--1", "@", "@yesterday", "@2023-13-45", "@-5"}) {
        CAPTURE(wrong);
        CHECK_FALSE(parse_start(wrong));
    }
}

TEST_CASE("broker addresses are read with and without port, names and IPv6", "[client]") {
    CHECK(endpoint::parse("host:123")->text() == "host:123");
    CHECK(endpoint::parse("host")->text() == "host:9092");
    CHECK(endpoint::parse("[::1]:99")->text() == "[::1]:99");
    CHECK(endpoint::parse("[::1]")->port == 9092);
    for (const char* wrong : {"", ":1", "host:", "host:0", "host:65536", "host:x", "[::1", "[::1]x"}) {
        CAPTURE(wrong);
        CHECK_FALSE(endpoint::parse(wrong));
    }
}

TEST_CASE("the progress line fits its width and tells rate and rest", "[client]") {
    const std::string line = progress_bar::line(50'000'000, 200'000'000, 1'234'567, 2.0, 100);
    CHECK(line.find("25%") != std::string::npos);
    CHECK(line.find("1,234,567 messages") != std::string::npos);
    CHECK(line.find("25.0 MB/s") != std::string::npos);
    CHECK(line.find("6 s left") != std::string::npos);
    for (int width = 0; width < 120; ++width)
        CHECK(progress_bar::line(1'000'000, 3'000'000, 10, 1.5, width).size() <= static_cast<std::size_t>(width));
    CHECK(progress_bar::line(10, 0, 1, 0, 80).find('%') == std::string::npos);
}

TEST_CASE("numbers are grouped and sizes rounded for people", "[client]") {
    CHECK(with_commas(0) == "0");
    CHECK(with_commas(999) == "999");
    CHECK(with_commas(1000) == "1,000");
    CHECK(with_commas(1234567) == "1,234,567");
    CHECK(byte_text(999) == "999 B");
    CHECK(byte_text(1234567) == "1.2 MB");
}

TEST_CASE("a time is milliseconds, or ISO 8601 with a zone or without", "[client]") {
    CHECK(parse_time("1700000000000") == 1700000000000);
    CHECK(parse_time("2023-11-14T22:13:20Z") == 1700000000000);
    CHECK(parse_time("2023-11-14T22:13:20.125Z") == 1700000000125);
    CHECK(parse_time("2023-11-14T22:13:20.1Z") == 1700000000100);
    CHECK(parse_time("2023-11-14T23:13:20+01:00") == 1700000000000);
    CHECK(parse_time("2023-11-14T17:43:20-0430") == 1700000000000);
    CHECK(parse_time("2023-11-14 22:13Z") == 1699999980000);
    CHECK(parse_time("2023-11-14Z") == 1699920000000);
    CHECK(parse_time("2023-11-14"));
    for (const char* wrong : {"", "soon", "2023-11-14T", "2023-11-14T22:13:20.Z", "2023-11-14T22:13.5Z", "2023-13-14",
                              "2023-11-14T22:13:20+1", "2023-11-14T22:13:20+15:00", "-5", "2023-11-14T22:13:20Zx"})
        CHECK_FALSE(parse_time(wrong));
}

TEST_CASE("a topic can be typed with its partitions", "[client]") {
    using list = std::vector<std::int32_t>;
    CHECK(partition_list::parse("events")->topic == "events");
    CHECK(partition_list::parse("events")->partitions.empty());
    CHECK(partition_list::parse("events:3")->partitions == list{3});
    CHECK(partition_list::parse("events:9,0-2,1,5-5")->partitions == list{0, 1, 2, 5, 9});
    for (const char* wrong : {"", ":1", "events:", "events:x", "events:1,", "events:3-1", "events:-1", "events:0-2147483647"})
        CHECK_FALSE(partition_list::parse(wrong));
}

TEST_CASE("a bar that counts things fits its line", "[client]") {
    CHECK(progress_bar::count_line(250, 1000, "partitions", 2, 79) ==
          "[=========                            ]  25%  250 of 1,000 partitions  6 s left");
    for (int width = 0; width < 100; ++width)
        CHECK(progress_bar::count_line(1, 3, "topics", 1, width).size() <= static_cast<std::size_t>(width));
}
