#include "wire/compression.h"

#include "base/batch_builder.h"
#include "support/catch.h"
#include "wire/batch_records.h"
#include "wire/error.h"

#include <random>
#include <string>

using namespace imago;
using namespace imago::wire;

namespace {

constexpr compression codecs[] = {compression::none, compression::gzip, compression::snappy, compression::lz4,
                                  compression::zstd};

using bytes = std::vector<std::byte>;

bytes random_text(std::size_t size, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    bytes made(size);
    for (auto& byte : made) byte = static_cast<std::byte>('a' + random() % 7);
    return made;
}

}  // namespace

TEST_CASE("every codec gives back what it was given", "[wire]") {
    for (const compression codec : codecs) {
        for (const std::size_t size : {0u, 1u, 100u, 32768u, 32769u, 65536u, 1000000u}) {
            const bytes plain = random_text(size, size);
            bytes packed, back;
            compress(codec, plain, packed);
            INFO("codec " << static_cast<int>(codec) << ", size " << size);
            REQUIRE(decompress(codec, packed, {}, back));
            REQUIRE(back == plain);
        }
    }
}

TEST_CASE("raw snappy is read as well as Java's framing", "[wire]") {
    // 11 bytes: a literal of 11 letters, as any snappy library writes it.
    const std::string raw = std::string("\x0b\x28", 2) + "hello world";
    bytes back;
    REQUIRE(decompress(compression::snappy, as_bytes(raw), {}, back));
    REQUIRE(as_text(back) == "hello world");

    const std::string framed = std::string("\x82SNAPPY\0\0\0\0\1\0\0\0\1\0\0\0\x0d", 20) + raw;
    back.clear();
    REQUIRE(decompress(compression::snappy, as_bytes(framed), {}, back));
    REQUIRE(as_text(back) == "hello world");
}

TEST_CASE("several gzip members, lz4 frames or zstd frames are one stream", "[wire]") {
    for (const compression codec : {compression::gzip, compression::lz4, compression::zstd}) {
        bytes packed, back;
        compress(codec, as_bytes("one "), packed);
        compress(codec, as_bytes("two"), packed);
        REQUIRE(decompress(codec, packed, {}, back));
        REQUIRE(as_text(back) == "one two");
    }
}

TEST_CASE("compressed data that is cut, damaged or followed by garbage is refused", "[wire]") {
    const bytes plain = random_text(3000, 3);
    for (const compression codec :
         {compression::gzip, compression::snappy, compression::lz4, compression::zstd}) {
        INFO("codec " << static_cast<int>(codec));
        bytes packed, back;
        compress(codec, plain, packed);
        for (std::size_t size = 0; size < packed.size(); ++size) {
            back.clear();
            const bytes part(packed.begin(), packed.begin() + static_cast<std::ptrdiff_t>(size));
            // A xerial stream of no blocks is a legal empty one.
            const bool empty_stream = codec == compression::snappy && size == 16;
            REQUIRE(decompress(codec, part, {}, back).has_value() == empty_stream);
        }
        for (std::size_t at = 0; at < packed.size(); ++at) {
            bytes damaged = packed;
            damaged[at] ^= std::byte{0x55};
            back.clear();
            static_cast<void>(
                decompress(codec, damaged, {}, back));  // no crash; not every flip can be noticed
        }
        packed.push_back(std::byte{0x7f});
        back.clear();
        REQUIRE_FALSE(decompress(codec, packed, {}, back));
    }
}

TEST_CASE("a small input may not grow without end", "[wire]") {
    const bytes zeros(20 << 20);
    const decompress_limits limits{.output_max = 64 << 20, .ratio_max = 4, .floor = 1 << 20};
    for (const compression codec :
         {compression::gzip, compression::lz4, compression::zstd, compression::snappy}) {
        INFO("codec " << static_cast<int>(codec));
        bytes packed;
        compress(codec, zeros, packed);
        std::size_t seen = 0;
        const auto done = decompress(codec, packed, limits, [&](byte_view piece) {
            seen += piece.size();
            return true;
        });
        REQUIRE(done.error() == wire_errc::output_too_large);
        REQUIRE(seen <= limits.for_input(packed.size()));
    }
    // A raw snappy block that claims 4 GiB is refused before any memory is taken.
    const std::string liar("\xff\xff\xff\xff\x0f\0", 6);
    bytes back;
    REQUIRE_FALSE(decompress(compression::snappy, as_bytes(liar), {}, back));
    REQUIRE(back.capacity() == 0);
}

TEST_CASE("the receiver can stop decompression", "[wire]") {
    bytes packed;
    compress(compression::zstd, bytes(1 << 20), packed);
    int pieces = 0;
    const auto done = decompress(compression::zstd, packed, {}, [&](byte_view) { return ++pieces < 2; });
    REQUIRE(done.error() == wire_errc::stopped);
    REQUIRE(pieces == 2);
}

TEST_CASE("the records of a batch are the same under every codec", "[wire]") {
    batch_builder builder;
    for (int i = 0; i < 1000; ++i) builder.add(1000 + i % 700, as_bytes("key"), as_bytes(std::to_string(i)));
    const byte_view plain = builder.finish({.id = 9, .epoch = 1, .base_sequence = 5});
    for (const compression codec : codecs) {
        bytes batch, scratch;
        compress_batch(plain, codec, batch);
        REQUIRE(batch_view(batch).size() == static_cast<std::int64_t>(batch.size()));
        REQUIRE(batch_view(batch).producer_id() == 9);
        auto reader = open_records(batch, scratch);
        REQUIRE(reader);
        record_view record;
        int count = 0;
        while (reader->next(record)) {
            REQUIRE(as_text(*record.value) == std::to_string(count));
            REQUIRE(time_of(batch_view(batch), record) == 1000 + count % 700);
            ++count;
        }
        REQUIRE_FALSE(reader->damaged());
        REQUIRE(count == 1000);
    }
}

TEST_CASE("a record is found by its time", "[wire]") {
    batch_builder builder;
    for (const unix_ms time : {100, 300, 200, 300}) builder.add(time, std::nullopt, as_bytes("v"));
    bytes batch;
    compress_batch(builder.finish(), compression::gzip, batch);
    set_batch_prefix(batch, queue_offset{50}, static_cast<std::int32_t>(batch.size()), leader_epoch{0});
    REQUIRE((*find_time(batch, 150))->offset == queue_offset{51});
    REQUIRE((*find_time(batch, 0))->timestamp == 100);
    REQUIRE_FALSE(*find_time(batch, 301));
    REQUIRE((*find_max_time(batch))->offset == queue_offset{51});
    set_log_append_time(batch, 999);
    REQUIRE((*find_time(batch, 301))->timestamp == 999);
}
