// The one stored form: Kafka's record batch v2 (magic 2). This header knows its layout and nothing of any
// protocol around it. All integers are big-endian; the CRC-32C covers byte 21 to the end, so the base offset and
// the leader epoch can be set without hashing again.
//
//   0 base_offset i64 | 8 length i32 (of what follows) | 12 leader_epoch i32 | 16 magic i8 | 17 crc u32
//   21 attributes i16 | 23 last_offset_delta i32 | 27 base_timestamp i64 | 35 max_timestamp i64
//   43 producer_id i64 | 51 producer_epoch i16 | 53 base_sequence i32 | 57 count i32 | 61 records
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/ids.h"

namespace imago {

enum class compression : std::uint8_t { none = 0, gzip = 1, snappy = 2, lz4 = 3, zstd = 4 };

/// Bytes of a batch before its first record.
inline constexpr std::size_t batch_header_size = 61;
/// Leading bytes (base offset, length, leader epoch) that the server sets: not under the batch's CRC.
inline constexpr std::size_t batch_prefix_size = 16;
/// Bytes up to and including the length field; a batch is this plus `length` long.
inline constexpr std::size_t batch_length_overhead = 12;
inline constexpr std::size_t batch_crc_start = 21;

/// Reads the header of a batch in place. The bytes must hold at least batch_header_size and outlive the view.
class batch_view {
public:
    explicit batch_view(byte_view bytes) : bytes_(bytes) {}

    [[nodiscard]] byte_view bytes() const { return bytes_; }
    [[nodiscard]] queue_offset base_offset() const { return {load_be<std::int64_t>(at(0))}; }
    /// Size of the whole batch as its length field has it; may differ from bytes().size() in bad input.
    [[nodiscard]] std::int64_t size() const {
        return std::int64_t{load_be<std::int32_t>(at(8))} + std::int64_t{batch_length_overhead};
    }
    [[nodiscard]] std::int8_t magic() const { return load_be<std::int8_t>(at(16)); }
    [[nodiscard]] std::uint32_t crc() const { return load_be<std::uint32_t>(at(17)); }
    [[nodiscard]] std::int16_t attributes() const { return load_be<std::int16_t>(at(21)); }
    /// Codec bits as they are; 5..7 are no codec.
    [[nodiscard]] std::uint8_t codec_bits() const { return static_cast<std::uint8_t>(attributes() & 7); }
    [[nodiscard]] bool log_append_time() const { return (attributes() & 8) != 0; }
    [[nodiscard]] bool transactional() const { return (attributes() & 16) != 0; }
    [[nodiscard]] bool control() const { return (attributes() & 32) != 0; }
    [[nodiscard]] std::int32_t last_offset_delta() const { return load_be<std::int32_t>(at(23)); }
    [[nodiscard]] unix_ms base_timestamp() const { return load_be<std::int64_t>(at(27)); }
    [[nodiscard]] unix_ms max_timestamp() const { return load_be<std::int64_t>(at(35)); }
    /// -1 = not an idempotent producer.
    [[nodiscard]] std::int64_t producer_id() const { return load_be<std::int64_t>(at(43)); }
    [[nodiscard]] std::int16_t producer_epoch() const { return load_be<std::int16_t>(at(51)); }
    [[nodiscard]] std::int32_t base_sequence() const { return load_be<std::int32_t>(at(53)); }
    [[nodiscard]] std::int32_t count() const { return load_be<std::int32_t>(at(57)); }

private:
    [[nodiscard]] const std::byte* at(std::size_t offset) const { return bytes_.data() + offset; }
    byte_view bytes_;
};

/// Sets what the server owns in a batch. `bytes` must hold at least batch_prefix_size.
inline void set_batch_prefix(byte_span bytes, queue_offset base, std::int32_t size, leader_epoch epoch) {
    store_be<std::int64_t>(bytes.data(), base.value);
    store_be<std::int32_t>(bytes.data() + 8, size - std::int32_t{batch_length_overhead});
    store_be<std::int32_t>(bytes.data() + 12, epoch.value);
}

}  // namespace imago
