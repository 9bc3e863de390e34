#include "commitlog/frame.h"

#include <cstring>
#include <vector>

#include "base/record_batch.h"
#include "support/catch.h"

using namespace imago;
using namespace imago::commitlog;

namespace {

/// 70 bytes that are a batch as far as the header of a frame looks into it.
std::vector<std::byte> small_batch(queue_offset base) {
    std::vector<std::byte> batch(70, std::byte{0x5a});
    set_batch_prefix(batch, base, 70, {0});
    return batch;
}

frame_header example(byte_view payload) {
    frame_header header;
    header.salt = 0x1122334455667788;
    header.position = {4096};
    header.durable_frontier = {4096};
    header.payload_size = static_cast<std::uint32_t>(payload.size());
    header.advance = 512;
    header.queue = {16};
    header.base = {5};
    header.max_timestamp = 1000;
    header.append_time = 2000;
    header.count = 1;
    header.payload_checksum = payload_checksum(payload);
    return header;
}

std::vector<std::byte> encoded(const frame_header& header) {
    std::vector<std::byte> bytes(frame_header_size);
    encode_header(bytes, header);
    return bytes;
}

}  // namespace

TEST_CASE("the worked example of the format document is what the code writes", "[commitlog]") {
    const auto payload = small_batch({5});
    const auto bytes = encoded(example(payload));
    const unsigned char expected[] = {
        0x49, 0x4d, 0x46, 0x52, 0x01, 0, 0, 0, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11,  //
        0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0,                                   //
        0x46, 0, 0, 0, 0, 0x02, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0,                                //
        0x05, 0, 0, 0, 0, 0, 0, 0, 0xe8, 0x03, 0, 0, 0, 0, 0, 0,                                //
        0xd0, 0x07, 0, 0, 0, 0, 0, 0, 0x01, 0, 0, 0, 0, 0, 0, 0};
    CHECK(std::memcmp(bytes.data(), expected, sizeof expected) == 0);
    CHECK(trailer_offset(70) == 4264 - 4096);
    CHECK(frame_size(70) == 4296 - 4096);

    std::vector<std::byte> trailer(frame_trailer_size);
    encode_trailer(trailer, example(payload));
    const unsigned char tail[] = {0x49, 0x4d, 0x46, 0x54, 0x10, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0,
                                  0x05, 0,    0,    0,    0,    0, 0, 0, 1, 0,    0, 0};
    CHECK(std::memcmp(trailer.data(), tail, sizeof tail) == 0);
}

TEST_CASE("a frame header survives the round trip", "[commitlog]") {
    const auto payload = small_batch({5});
    const auto header = decode_header(encoded(example(payload)));
    REQUIRE(header);
    CHECK(header->salt == 0x1122334455667788);
    CHECK(header->position == log_position{4096});
    CHECK(header->queue == queue_id{16});
    CHECK(header->base == queue_offset{5});
    CHECK(header->count == 1);
    CHECK(header->advance == 512);
    CHECK(payload_matches(*header, payload));
}

TEST_CASE("any flipped bit of a header, trailer or payload is noticed", "[commitlog]") {
    auto payload = small_batch({5});
    const frame_header header = example(payload);
    auto bytes = encoded(header);
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
        bytes[bit / 8] ^= std::byte(1 << (bit % 8));
        CHECK_FALSE(decode_header(bytes));
        bytes[bit / 8] ^= std::byte(1 << (bit % 8));
    }
    for (std::size_t bit = 0; bit < payload.size() * 8; ++bit) {
        payload[bit / 8] ^= std::byte(1 << (bit % 8));
        CHECK_FALSE(payload_matches(header, payload));
        payload[bit / 8] ^= std::byte(1 << (bit % 8));
    }
    std::vector<std::byte> trailer(frame_trailer_size);
    encode_trailer(trailer, header);
    REQUIRE(decode_trailer(trailer, header.salt));
    CHECK_FALSE(decode_trailer(trailer, header.salt + 1));
    for (std::size_t bit = 0; bit < trailer.size() * 8; ++bit) {
        trailer[bit / 8] ^= std::byte(1 << (bit % 8));
        CHECK_FALSE(decode_trailer(trailer, header.salt));
        trailer[bit / 8] ^= std::byte(1 << (bit % 8));
    }
}

TEST_CASE("a frame of a 100-byte message fits one sector", "[commitlog]") {
    // Kafka's batch around one record of 100 bytes without key: 61 + 9 + 100 bytes.
    CHECK(frame_size(61 + 9 + 100) <= 512);
}
