// The records inside an uncompressed batch v2, read in place.
//
//   length varint (of what follows) | attributes i8 | timestamp delta varlong | offset delta varint
//   key: length varint, -1 = null, bytes | value: the same
//   headers: count varint, each: key length varint, key, value length varint, -1 = null, value
#pragma once

#include "base/bytes.h"
#include "base/ids.h"
#include "base/varint.h"

#include <cstdint>
#include <optional>
#include <string_view>

namespace imago {

struct record_header {
    std::string_view key;
    std::optional<byte_view> value;
};

/// One record; views into the payload.
struct record_view {
    std::int64_t timestamp_delta = 0;  // to the batch's base timestamp
    std::int32_t offset_delta = 0;     // to the batch's base offset
    std::optional<byte_view> key;
    std::optional<byte_view> value;
    std::int32_t header_count = 0;
    byte_view headers;  // for header_reader
};

/// Reads the headers of a record_view.
class header_reader {
public:
    explicit header_reader(const record_view& record)
        : next_(record.headers.data()), end_(next_ + record.headers.size()), left_(record.header_count) {}

    /// False at the end. A record_view comes from record_reader, which has looked at its headers already.
    [[nodiscard]] bool next(record_header& into);

private:
    const std::byte* next_;
    const std::byte* end_;
    std::int32_t left_;
};

/// Reads records one after the other out of an uncompressed payload, which must outlive it and its
/// record_views. Every length is checked against what is left, so any bytes may be given. Never allocates.
class record_reader {
public:
    explicit record_reader(byte_view payload) : next_(payload.data()), end_(next_ + payload.size()) {}

    /// The next record; false at the end and when the bytes are not a record.
    [[nodiscard]] bool next(record_view& into);
    /// Whether reading ended before the end of the payload because of bad bytes.
    [[nodiscard]] bool damaged() const { return damaged_; }

private:
    const std::byte* next_;
    const std::byte* end_;
    bool damaged_ = false;
};

}  // namespace imago
