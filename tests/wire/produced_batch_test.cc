#include "wire/kafka/produced_batch.h"

#include "base/batch_builder.h"
#include "base/records.h"
#include "support/catch.h"
#include "wire/record_scanner.h"

#include <string>

using namespace imago;
using namespace imago::wire;
using namespace imago::wire::kafka;

namespace {

using bytes = std::vector<std::byte>;

bytes batch_of(int count, compression codec = compression::none, bool keys = true) {
    batch_builder builder;
    const record_header headers[] = {{"h", as_bytes("v")}, {"empty", std::nullopt}};
    for (int i = 0; i < count; ++i) {
        const std::string key = "key" + std::to_string(i);
        builder.add(1000 + i, keys ? std::optional(as_bytes(key)) : std::nullopt,
                    as_bytes(std::string(100, 'v')), headers);
    }
    bytes made;
    compress_batch(builder.finish({.id = 3, .epoch = 0, .base_sequence = 0}), codec, made);
    return made;
}

/// `batch` with T at `place` set to `value`, and the CRC renewed.
template <class T>
bytes with(bytes batch, std::size_t place, T value) {
    store_be<T>(batch.data() + place, value);
    set_batch_crc(batch);
    return batch;
}

constexpr compression codecs[] = {compression::none, compression::gzip, compression::snappy, compression::lz4,
                                  compression::zstd};

}  // namespace

TEST_CASE("a good batch passes under every codec", "[wire]") {
    for (const compression codec : codecs) {
        const produced_batch verdict = check_produced(batch_of(50, codec), {});
        INFO(verdict.text);
        REQUIRE(verdict.error == kafka_error::none);
        REQUIRE(verdict.count == 50);
        REQUIRE(verdict.max_timestamp == 1049);
        REQUIRE(verdict.codec == codec);
    }
}

TEST_CASE("what Kafka refuses is refused with Kafka's error", "[wire]") {
    const bytes good = batch_of(3);
    const auto error = [](const bytes& batch, const produce_rules& rules = {}) {
        return check_produced(batch, rules).error;
    };
    bytes two = good;
    two.insert(two.end(), good.begin(), good.end());
    REQUIRE(error(two) == kafka_error::invalid_record);
    REQUIRE(error({}) == kafka_error::invalid_record);
    REQUIRE(error(bytes(good.begin(), good.end() - 1)) == kafka_error::corrupt_message);
    REQUIRE(error(bytes(good.begin(), good.begin() + 60)) == kafka_error::invalid_record);
    REQUIRE(error(with<std::int8_t>(good, 16, 1)) == kafka_error::invalid_record);    // magic
    REQUIRE(error(with<std::int32_t>(good, 8, 20)) == kafka_error::corrupt_message);  // length
    REQUIRE(error(with<std::int32_t>(good, 8, -1)) == kafka_error::corrupt_message);
    REQUIRE(error(with<std::int64_t>(good, 0, 5)) == kafka_error::invalid_record);   // base offset
    REQUIRE(error(with<std::int32_t>(good, 57, 0)) == kafka_error::invalid_record);  // count
    REQUIRE(error(with<std::int32_t>(good, 57, -1)) == kafka_error::invalid_record);
    REQUIRE(error(with<std::int32_t>(good, 57, 4)) == kafka_error::invalid_record);
    REQUIRE(error(with<std::int32_t>(good, 23, INT32_MAX)) == kafka_error::invalid_record);
    REQUIRE(error(with<std::int32_t>(good, 53, -1)) == kafka_error::invalid_record);    // sequence
    REQUIRE(error(with<std::int16_t>(good, 21, 32)) == kafka_error::invalid_record);    // control
    REQUIRE(error(with<std::int16_t>(good, 21, 8)) == kafka_error::invalid_timestamp);  // append time
    REQUIRE(error(with<std::int16_t>(good, 21, 5)) == kafka_error::unsupported_compression_type);
    REQUIRE(error(batch_of(3, compression::zstd), {.zstd_allowed = false}) ==
            kafka_error::unsupported_compression_type);
    REQUIRE(error(good, {.batch_bytes_max = good.size() - 1}) == kafka_error::message_too_large);
    bytes flipped = good;
    flipped.back() ^= std::byte{1};
    REQUIRE(error(flipped) == kafka_error::corrupt_message);
    REQUIRE(error(with<std::int16_t>(good, 21, 8), {.log_append_time = true}) == kafka_error::none);
}

TEST_CASE("a batch whose header and records disagree is refused under every codec", "[wire]") {
    for (const compression codec : codecs) {
        INFO("codec " << static_cast<int>(codec));
        for (const int says : {2, 4}) {
            bytes batch = batch_of(3, codec);
            store_be<std::int32_t>(batch.data() + 23, says - 1);
            store_be<std::int32_t>(batch.data() + 57, says);
            set_batch_crc(batch);
            REQUIRE(check_produced(batch, {}).error == kafka_error::invalid_record);
        }
        bytes cut = batch_of(3, codec);
        cut.pop_back();
        store_be<std::int32_t>(cut.data() + 8, static_cast<std::int32_t>(cut.size() - 12));
        set_batch_crc(cut);
        REQUIRE(check_produced(cut, {}).error == kafka_error::invalid_record);
    }
}

TEST_CASE("single records that break the topic's rules are named", "[wire]") {
    for (const compression codec : codecs) {
        const produced_batch keyless = check_produced(batch_of(3, codec, false), {.keys_required = true});
        REQUIRE(keyless.error == kafka_error::invalid_record);
        REQUIRE(keyless.faults.size() == 3);
        REQUIRE(keyless.faults[2].index == 2);
        REQUIRE(check_produced(batch_of(3, codec), {.keys_required = true}).error == kafka_error::none);

        const produced_batch late = check_produced(batch_of(3, codec), {.now = 1000, .after_max_ms = 1});
        REQUIRE(late.error == kafka_error::invalid_timestamp);
        REQUIRE(late.faults.size() == 1);
        REQUIRE(late.faults[0].index == 2);
        REQUIRE(check_produced(batch_of(3, codec), {.now = 2000, .before_max_ms = 999}).faults.size() == 1);
        REQUIRE(check_produced(batch_of(3, codec), {.log_append_time = true, .now = 9000, .before_max_ms = 1})
                    .error == kafka_error::none);
        REQUIRE(check_produced(batch_of(500, codec, false), {.keys_required = true}).faults.size() ==
                record_faults_max);
    }
}

TEST_CASE("a bomb is refused as too large, without its memory", "[wire]") {
    batch_builder builder;
    builder.add(1, std::nullopt, as_bytes(std::string(8 << 20, '\0')));
    bytes bomb;
    compress_batch(builder.finish(), compression::zstd, bomb);
    REQUIRE(bomb.size() < 2000);
    const produce_rules rules{.limits = {.output_max = 1 << 20, .ratio_max = 100, .floor = 1 << 20}};
    REQUIRE(check_produced(bomb, rules).error == kafka_error::message_too_large);
    REQUIRE(check_produced(bomb, {}).error == kafka_error::none);
}

TEST_CASE("the scanner sees what the reader sees, wherever the pieces are cut", "[wire]") {
    const bytes batch = batch_of(4);
    const byte_view payload = byte_view(batch).subspan(batch_header_size);
    const auto read = [](byte_view from) {
        record_reader reader(from);
        std::string seen;
        for (record_view record; reader.next(record);) seen += std::to_string(record.timestamp_delta) + ",";
        return seen + (reader.damaged() ? "damaged" : "whole");
    };
    const auto scan = [](byte_view from, std::size_t piece) {
        record_scanner scanner;
        std::string seen;
        bool good = true;
        for (std::size_t at = 0; good && at < from.size(); at += piece) {
            good = scanner.take(from.subspan(at, std::min(piece, from.size() - at)),
                                [&](const scanned_record& record) {
                                    seen += std::to_string(record.timestamp_delta) + ",";
                                    return true;
                                });
        }
        return seen + (good && scanner.at_boundary() ? "whole" : "damaged");
    };
    REQUIRE(read(payload) == "0,1,2,3,whole");
    for (const std::size_t piece : {1u, 2u, 7u, 1000u}) REQUIRE(scan(payload, piece) == read(payload));
    for (std::size_t at = 0; at < 140; ++at) {
        for (int value = 0; value < 256; ++value) {
            bytes damaged(payload.begin(), payload.end());
            damaged[at] = static_cast<std::byte>(value);
            const std::string expected = read(damaged);
            REQUIRE(scan(damaged, 1) == expected);
            REQUIRE(scan(damaged, 50) == expected);
        }
    }
}
