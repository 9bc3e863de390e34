// A batch as a producer sends it, under every codec. The first byte says how much of the header is put right,
// so that what follows gets past the checksum; the rest is the batch.
#include "wire/kafka/produced_batch.h"

#include "base/batch_builder.h"
#include "base/records.h"
#include "fuzz/allocation_bound.h"
#include "wire/batch_records.h"
#include "wire/record_scanner.h"

#include <cstdlib>
#include <string>
#include <vector>

using namespace imago;
using namespace imago::wire;
using namespace imago::wire::kafka;

namespace {

using bytes = std::vector<std::byte>;

// Bytes that a batch may become, in what is kept for it: snappy's densest element makes 22 of one. Everything
// else comes out in pieces.
constexpr std::size_t memory_per_byte = 24;
constexpr decompress_limits limits{.output_max = 4 << 20, .ratio_max = 64, .floor = 1 << 20};

void require(bool holds) {
    if (!holds) std::abort();
}

void put_right(byte_span batch, int how) {
    store_be<std::int64_t>(batch.data(), 0);
    store_be<std::int32_t>(batch.data() + 8, static_cast<std::int32_t>(batch.size() - batch_length_overhead));
    store_be<std::int8_t>(batch.data() + 16, 2);
    if ((how & 2) != 0) store_be<std::int16_t>(batch.data() + 21, static_cast<std::int16_t>((how >> 3) % 5));
    if ((how & 4) != 0) {
        const auto count = static_cast<std::uint32_t>(batch_view(batch).count());
        store_be<std::uint32_t>(batch.data() + 23, count - 1);
        store_be<std::int64_t>(batch.data() + 43, -1);
    }
    set_batch_crc(batch);
}

std::uint64_t mix(std::uint64_t sum, std::int64_t timestamp, std::int32_t offset, bool has_key) {
    return ((sum * 31 + static_cast<std::uint64_t>(timestamp)) * 31 + static_cast<std::uint64_t>(offset)) *
               2 +
           has_key;
}

/// Reading in place and scanning in pieces must see the same records.
void compare_reader_and_scanner(byte_view payload) {
    record_reader reader(payload);
    record_scanner scanner;
    record_view record;
    bool scanned = true;
    std::uint64_t sum_read = 0, sum_scanned = 0;
    while (reader.next(record)) {
        sum_read = mix(sum_read, record.timestamp_delta, record.offset_delta, record.key.has_value());
        header_reader headers(record);
        std::int32_t seen = 0;
        for (record_header header; headers.next(header);) ++seen;
        require(seen == record.header_count);
    }
    for (std::size_t at = 0; scanned && at < payload.size(); at += 13) {
        const byte_view piece = payload.subspan(at, std::min<std::size_t>(13, payload.size() - at));
        scanned = scanner.take(piece, [&](const scanned_record& one) {
            sum_scanned = mix(sum_scanned, one.timestamp_delta, one.offset_delta, one.has_key);
            return true;
        });
    }
    require((scanned && scanner.at_boundary()) == !reader.damaged());
    if (!reader.damaged()) require(sum_read == sum_scanned);
}

void check_one(byte_view batch) {
    const produce_rules rules{.now = 1'700'000'000'000, .limits = limits};
    const fuzz::allocation_bound bound;
    const produced_batch verdict = check_produced(batch, rules);
    bound.check(batch.size(), memory_per_byte);
    if (verdict.error != kafka_error::none) return;
    // What was accepted can be opened, and holds as many records as it says.
    bytes scratch;
    auto reader = open_records(batch, scratch, limits);
    require(reader.has_value());
    std::int32_t count = 0;
    for (record_view record; reader->next(record);) ++count;
    require(!reader->damaged() && count == verdict.count);
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
    // What the codecs keep for each thread is not part of the bound: let them make it.
    for (const compression codec :
         {compression::gzip, compression::snappy, compression::lz4, compression::zstd}) {
        bytes packed, plain;
        compress(codec, as_bytes("warm"), packed);
        static_cast<void>(decompress(codec, packed, limits, plain));
    }
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const auto* const begin = reinterpret_cast<const std::byte*>(data) + 1;
    bytes batch(begin, begin + size - 1);
    if ((data[0] & 1) != 0 && batch.size() >= batch_header_size) put_right(batch, data[0]);
    check_one(batch);
    if (batch.size() > batch_header_size)
        compare_reader_and_scanner(byte_view(batch).subspan(batch_header_size));
    return 0;
}
