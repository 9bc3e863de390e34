#include "wire/gather_buffer.h"

#include "support/catch.h"

#include <random>

using namespace imago;
using namespace imago::wire;

TEST_CASE("what goes into a gather buffer comes out in order", "[wire]") {
    std::mt19937 random(5);
    gather_buffer buffer;
    for (int round = 0; round < 50; ++round) {
        std::string expected;
        for (int step = 0; step < 40; ++step) {
            const std::string text(random() % 3000, static_cast<char>('a' + random() % 26));
            switch (random() % 3) {
                case 0:
                    buffer.append(as_bytes(text));
                    break;
                case 1: {
                    auto owned = std::make_shared<std::string>(text);
                    buffer.attach({as_bytes(*owned), owned});
                    break;
                }
                case 2: {
                    gather_buffer inner;
                    inner.append(as_bytes(text));
                    auto owned = std::make_shared<std::string>(text);
                    inner.attach({as_bytes(*owned), owned});
                    expected += text;
                    buffer.splice(std::move(inner));
                    break;
                }
            }
            expected += text;
        }
        const auto all = buffer.flatten();
        REQUIRE(buffer.size() == expected.size());
        REQUIRE(as_text(all) == expected);
        for (byte_view part : buffer.parts()) REQUIRE_FALSE(part.empty());
        buffer.clear();
        REQUIRE(buffer.size() == 0);
        REQUIRE(buffer.parts().empty());
    }
}

TEST_CASE("a place in a gather buffer stays where it is", "[wire]") {
    gather_buffer buffer;
    std::byte* place = buffer.extend(4);
    for (int i = 0; i < 1000; ++i) buffer.append(as_bytes(std::string(997, 'z')));
    store_be<std::int32_t>(place, 42);
    REQUIRE(load_be<std::int32_t>(buffer.flatten().data()) == 42);
}
