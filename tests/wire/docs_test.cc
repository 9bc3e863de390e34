// The documentation says what the notation says.
#include "support/catch.h"

#include <fstream>
#include <sstream>

namespace {
std::string content(const char* file) {
    std::ifstream in(file, std::ios::binary);
    REQUIRE(in);
    std::ostringstream all;
    all << in.rdbuf();
    return all.str();
}
}  // namespace

TEST_CASE("docs/protocol/kafka.md is what the notation makes; build the target protocol-docs to renew it",
          "[wire]") {
    REQUIRE(content(IMAGO_DOCS_MADE) == content(IMAGO_DOCS_COMMITTED));
}
