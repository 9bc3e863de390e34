// The two checksums: CRC-32C for Kafka's record batches (RFC 3720), XXH3 for what we write ourselves.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace imago {

/// CRC-32C (Castagnoli) of `bytes`; crc32c("123456789") == 0xE3069283.
[[nodiscard]] std::uint32_t crc32c(byte_view bytes) noexcept;

/// XXH3-64 of `bytes` with an optional seed.
[[nodiscard]] std::uint64_t xxh3(byte_view bytes, std::uint64_t seed = 0) noexcept;

}  // namespace imago
