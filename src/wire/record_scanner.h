// Walks over records that arrive in pieces, as they come out of a decompressor, without ever holding one.
#pragma once

#include "base/bytes.h"

#include <cstdint>

namespace imago::wire {

/// What the scanner tells of each record.
struct scanned_record {
    std::int64_t timestamp_delta = 0;
    std::int32_t offset_delta = 0;
    bool has_key = false;
};

/// A state machine over the bytes of records; it keeps a few numbers, whatever the size of a record. The
/// rules are those of record_reader.
class record_scanner {
public:
    /// Takes the next piece and calls record(scanned_record) -> bool for each record that ends in it; false
    /// stops. False when the bytes are not records, or when it was stopped.
    template <class F>
    [[nodiscard]] bool take(byte_view piece, F&& record) {
        while (!piece.empty()) {
            piece = step(piece);
            if (state_ == state::damaged) return false;
            if (state_ == state::complete) {
                state_ = state::length;
                if (!record(static_cast<const scanned_record&>(record_))) return false;
            }
        }
        return true;
    }
    /// Whether the bytes so far end at the end of a record.
    [[nodiscard]] bool at_boundary() const { return state_ == state::length && bits_ == 0; }

private:
    enum class state : std::uint8_t {
        length,
        attributes,
        timestamp,
        offset,
        key_length,
        key,
        value_length,
        value,
        header_count,
        header_key_length,
        header_key,
        header_value_length,
        header_value,
        complete,
        damaged
    };

    byte_view step(byte_view piece);
    void number_read(std::int64_t value);
    void next(state after);
    void skip_then(std::int64_t length, bool nullable, state skipping, state after);
    void headers_or_end();

    state state_ = state::length;
    scanned_record record_;
    std::int64_t left_ = 0;     // bytes of the record that are not read yet
    std::int64_t skip_ = 0;     // bytes of a key or value that are not read yet
    std::int32_t headers_ = 0;  // headers that are not read yet
    std::uint64_t raw_ = 0;     // a varint that is not complete yet
    int bits_ = 0;
};

}  // namespace imago::wire
