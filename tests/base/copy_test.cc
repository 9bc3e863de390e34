#include "base/copy.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "support/catch.h"

using namespace imago;

TEST_CASE("copying past the caches copies every byte and not one more, at every alignment and size") {
    constexpr std::size_t longest = 9000;
    std::vector<std::byte> source(longest + 64);
    for (std::size_t i = 0; i < source.size(); ++i) source[i] = static_cast<std::byte>(i * 7 + i / 256 + 1);
    constexpr std::byte untouched{0xee};
    bool same = true;
    for (std::size_t to = 0; to < 65; to += 3) {
        for (const std::size_t from : {0, 1, 16, 61}) {
            for (const std::size_t size : {0, 1, 63, 64, 8191, 8192, 8193, 8255, 8256, 9000}) {
                std::vector<std::byte> target(longest + 128, untouched);
                copy_past_caches(target.data() + to, source.data() + from, size);
                copies_done();
                const auto begin = target.begin() + static_cast<std::ptrdiff_t>(to);
                const auto end = begin + static_cast<std::ptrdiff_t>(size);
                same = same && std::equal(begin, end, source.begin() + static_cast<std::ptrdiff_t>(from)) &&
                       std::all_of(target.begin(), begin, [](std::byte b) { return b == untouched; }) &&
                       std::all_of(end, target.end(), [](std::byte b) { return b == untouched; });
            }
        }
    }
    CHECK(same);
}
