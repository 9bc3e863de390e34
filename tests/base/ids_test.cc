#include "base/ids.h"

#include "support/catch.h"

using imago::uuid;

TEST_CASE("a uuid survives Kafka's base64 spelling", "[base]") {
    for (int i = 0; i < 1000; ++i) {
        const uuid id = uuid::random();
        const std::string text = id.to_base64();
        CHECK(text.size() == 22);
        CHECK(text[0] != '-');
        CHECK(uuid::from_base64(text) == id);
    }
}

TEST_CASE("text that is no uuid reads as nil", "[base]") {
    CHECK(uuid::from_base64("").is_nil());
    CHECK(uuid::from_base64("too short").is_nil());
    CHECK(uuid::from_base64("!!!!!!!!!!!!!!!!!!!!!!").is_nil());
}
