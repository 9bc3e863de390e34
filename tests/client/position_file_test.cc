#include "client/position_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "imago/errors.h"
#include "support/catch.h"

using namespace imago::client;

namespace {

struct folder {
    folder() {
        char name[] = "/tmp/imago_positions_XXXXXX";
        REQUIRE(::mkdtemp(name) != nullptr);
        path = name;
        file = path + "/position";
    }
    ~folder() {
        ::unlink(file.c_str());
        ::unlink((file + ".new").c_str());
        ::rmdir(path.c_str());
    }
    [[nodiscard]] std::string read() const {
        std::ifstream in(file, std::ios::binary);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    void write(const std::string& text) const { std::ofstream(file, std::ios::binary) << text; }
    std::string path;
    std::string file;
};

const position_map some = {{{"orders", 0}, 1841}, {{"orders", 1}, 0}, {{"users", 12}, 9'000'000'000}};

}  // namespace

TEST_CASE("positions come back as they were saved, and none from no file", "[client]") {
    const folder at;
    CHECK(load_positions(at.file).value().empty());
    REQUIRE(save_positions(at.file, some));
    CHECK(load_positions(at.file).value() == some);
    REQUIRE(save_positions(at.file, {}));
    CHECK(load_positions(at.file).value().empty());
}

TEST_CASE("a file of positions with any byte changed, or cut anywhere, is damaged", "[client]") {
    const folder at;
    REQUIRE(save_positions(at.file, some));
    const std::string whole = at.read();
    for (std::size_t i = 0; i < whole.size(); ++i) {
        std::string changed = whole;
        changed[i] = static_cast<char>(changed[i] ^ 1);
        at.write(changed);
        CHECK(load_positions(at.file).error() == client_errc::damaged_positions);
        at.write(whole.substr(0, i));
        CHECK(load_positions(at.file).error() == client_errc::damaged_positions);
    }
    at.write(whole + "\n");
    CHECK(load_positions(at.file).error() == client_errc::damaged_positions);
}

TEST_CASE("a crash while saving leaves the old positions", "[client]") {
    const folder at;
    REQUIRE(save_positions(at.file, some));
    std::ofstream(at.file + ".new") << "imago posit";  // as far as it came
    CHECK(load_positions(at.file).value() == some);
    REQUIRE(save_positions(at.file, {{{"orders", 0}, 1842}}));
    CHECK(load_positions(at.file).value().size() == 1);
}

TEST_CASE("a place where nothing can be saved is an error", "[client]") {
    CHECK(!save_positions("/nowhere/at/all/position", some));
    const folder at;
    REQUIRE(::mkdir(at.file.c_str(), 0755) == 0);
    CHECK(!save_positions(at.file, some));
    CHECK(!load_positions(at.file));
    ::rmdir(at.file.c_str());
}
