#include "base/records.h"

#include "base/batch_builder.h"
#include "base/checksum.h"
#include "support/catch.h"

#include <string>

using namespace imago;

namespace {
byte_view payload_of(byte_view batch) { return batch.subspan(batch_header_size); }
}  // namespace

TEST_CASE("varints keep every number of their size and refuse longer ones", "[base]") {
    for (const std::int64_t value :
         {std::int64_t{0}, std::int64_t{-1}, std::int64_t{63}, std::int64_t{64}, std::int64_t{-64},
          std::int64_t{-65}, std::int64_t{INT32_MAX}, std::int64_t{INT32_MIN}, INT64_MAX, INT64_MIN}) {
        std::byte bytes[varlong_size_max];
        const std::byte* const end = store_varint(bytes, value);
        REQUIRE(static_cast<std::size_t>(end - bytes) == varint_size(value));
        const std::byte* from = bytes;
        std::int64_t back = 0;
        REQUIRE(load_varlong(from, end, back));
        REQUIRE(back == value);
        REQUIRE(from == end);
        from = bytes;
        std::int32_t small = 0;
        const bool fits = value >= INT32_MIN && value <= INT32_MAX;
        REQUIRE(load_varint(from, end, small) == fits);
        if (fits) REQUIRE(small == value);
        from = bytes;
        REQUIRE_FALSE(load_varlong(from, end - 1, back));
    }
    // The bytes of Kafka's own documentation of zigzag: -1 is 1, 1 is 2.
    std::byte one[1];
    store_varint(one, -1);
    REQUIRE(one[0] == std::byte{1});
}

TEST_CASE("a batch holds the records that were added", "[base]") {
    batch_builder builder;
    const std::string long_value(5000, 'v');
    const record_header headers[] = {{"trace", as_bytes("abc")}, {"none", std::nullopt}};
    REQUIRE(builder.size() == batch_header_size);
    const std::size_t grows = builder.size_of(1000, as_bytes("key"), as_bytes(long_value), headers);
    builder.add(1000, as_bytes("key"), as_bytes(long_value), headers);
    REQUIRE(builder.size() == batch_header_size + grows);
    builder.add(999, std::nullopt, as_bytes(""));
    builder.add(5000, as_bytes(""), std::nullopt);

    const byte_view bytes = builder.finish({.id = 7, .epoch = 2, .base_sequence = 40});
    const batch_view batch(bytes);
    REQUIRE(batch.size() == static_cast<std::int64_t>(bytes.size()));
    REQUIRE(batch.magic() == 2);
    REQUIRE(batch.crc() == crc32c(bytes.subspan(batch_crc_start)));
    REQUIRE(batch.count() == 3);
    REQUIRE(batch.last_offset_delta() == 2);
    REQUIRE(batch.base_timestamp() == 1000);
    REQUIRE(batch.max_timestamp() == 5000);
    REQUIRE(batch.producer_id() == 7);
    REQUIRE(batch.producer_epoch() == 2);
    REQUIRE(batch.base_sequence() == 40);
    REQUIRE(batch.attributes() == 0);

    record_reader reader(payload_of(bytes));
    record_view record;
    REQUIRE(reader.next(record));
    REQUIRE(as_text(*record.key) == "key");
    REQUIRE(as_text(*record.value) == long_value);
    REQUIRE(record.timestamp_delta == 0);
    REQUIRE(record.header_count == 2);
    header_reader names(record);
    record_header header;
    REQUIRE(names.next(header));
    REQUIRE(header.key == "trace");
    REQUIRE(as_text(*header.value) == "abc");
    REQUIRE(names.next(header));
    REQUIRE(header.key == "none");
    REQUIRE_FALSE(header.value);
    REQUIRE_FALSE(names.next(header));
    REQUIRE(reader.next(record));
    REQUIRE(record.timestamp_delta == -1);
    REQUIRE(record.offset_delta == 1);
    REQUIRE_FALSE(record.key);
    REQUIRE(record.value->empty());
    REQUIRE(reader.next(record));
    REQUIRE(record.key->empty());
    REQUIRE_FALSE(record.value);
    REQUIRE_FALSE(reader.next(record));
    REQUIRE_FALSE(reader.damaged());

    builder.clear();
    builder.add(INT64_MIN, std::nullopt, std::nullopt);
    builder.add(INT64_MAX, std::nullopt, std::nullopt);  // the difference wraps, and adding it wraps back
    record_reader extreme(payload_of(builder.finish()));
    REQUIRE(extreme.next(record));
    REQUIRE(extreme.next(record));
    REQUIRE(record.timestamp_delta == -1);

    builder.clear();
    REQUIRE(builder.count() == 0);
    builder.add(1, std::nullopt, std::nullopt);
    REQUIRE(batch_view(builder.finish()).count() == 1);
}

TEST_CASE("records that are cut or damaged are noticed and never read past their end", "[base]") {
    batch_builder builder;
    const record_header headers[] = {{"h", as_bytes("value")}};
    for (int i = 0; i < 3; ++i) builder.add(i, as_bytes("some key"), as_bytes("some value"), headers);
    const byte_view payload = payload_of(builder.finish());
    for (std::size_t size = 0; size < payload.size(); ++size) {
        const std::vector<std::byte> part(payload.begin(),
                                          payload.begin() + static_cast<std::ptrdiff_t>(size));
        record_reader reader(part);
        record_view record;
        int count = 0;
        while (reader.next(record)) ++count;
        REQUIRE(count < 3);
        REQUIRE(reader.damaged() == (size % (payload.size() / 3) != 0));
    }
    for (std::size_t at = 0; at < payload.size(); ++at) {
        for (int value = 0; value < 256; ++value) {
            std::vector<std::byte> damaged(payload.begin(), payload.end());
            damaged[at] = static_cast<std::byte>(value);
            record_reader reader(damaged);
            record_view record;
            record_header header;
            while (reader.next(record)) {
                int seen = 0;
                for (header_reader names(record); names.next(header);) ++seen;
                REQUIRE(seen == record.header_count);
            }
        }
    }
}

TEST_CASE("changing times under the checksum keeps it right", "[base]") {
    batch_builder builder;
    builder.add(10, as_bytes("k"), as_bytes("v"));
    const byte_view made = builder.finish();
    std::vector<std::byte> bytes(made.begin(), made.end());
    set_max_timestamp(bytes, 77);
    REQUIRE(batch_view(bytes).max_timestamp() == 77);
    REQUIRE(batch_view(bytes).crc() == crc32c(byte_view(bytes).subspan(batch_crc_start)));
    set_log_append_time(bytes, 99);
    REQUIRE(batch_view(bytes).log_append_time());
    REQUIRE(batch_view(bytes).max_timestamp() == 99);
    REQUIRE(batch_view(bytes).crc() == crc32c(byte_view(bytes).subspan(batch_crc_start)));
    set_batch_prefix(bytes, queue_offset{1234}, static_cast<std::int32_t>(bytes.size()), leader_epoch{3});
    REQUIRE(batch_view(bytes).crc() == crc32c(byte_view(bytes).subspan(batch_crc_start)));
}
