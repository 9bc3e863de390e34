#include "wire/record_scanner.h"

#include "base/varint.h"

#include <algorithm>

namespace imago::wire {

byte_view record_scanner::step(byte_view piece) {
    // Keys and values are skipped without a look at them.
    if (state_ == state::key || state_ == state::value || state_ == state::header_key ||
        state_ == state::header_value) {
        const auto size = std::min<std::int64_t>(skip_, static_cast<std::int64_t>(piece.size()));
        skip_ -= size;
        left_ -= size;
        if (skip_ == 0) next(state_);
        return piece.subspan(static_cast<std::size_t>(size));
    }
    const auto byte = static_cast<std::uint8_t>(piece.front());
    if (state_ != state::length && left_-- == 0) {
        state_ = state::damaged;
        return piece;
    }
    piece = piece.subspan(1);
    if (state_ == state::attributes) {
        state_ = state::timestamp;
        return piece;
    }
    const bool is_long = state_ == state::timestamp;
    if (bits_ == (is_long ? 63 : 28) && byte > (is_long ? 0x01 : 0x0f)) {
        state_ = state::damaged;
        return piece;
    }
    raw_ |= std::uint64_t{byte & 0x7fu} << bits_;
    bits_ += 7;
    if (byte >= 0x80) return piece;
    const std::int64_t value = unzigzag(raw_);
    raw_ = 0;
    bits_ = 0;
    number_read(value);
    return piece;
}

void record_scanner::number_read(std::int64_t value) {
    switch (state_) {
        case state::length:
            left_ = value;
            record_ = {};
            state_ = value > 0 ? state::attributes : state::damaged;
            return;
        case state::timestamp:
            record_.timestamp_delta = value;
            state_ = state::offset;
            return;
        case state::offset:
            record_.offset_delta = static_cast<std::int32_t>(value);
            state_ = state::key_length;
            return;
        case state::key_length:
            record_.has_key = value >= 0;
            return skip_then(value, true, state::key, state::value_length);
        case state::value_length:
            return skip_then(value, true, state::value, state::header_count);
        case state::header_count:
            headers_ = static_cast<std::int32_t>(value);
            if (value < 0 || value > left_ / 2) {
                state_ = state::damaged;
                return;
            }
            return headers_or_end();
        case state::header_key_length:
            return skip_then(value, false, state::header_key, state::header_value_length);
        case state::header_value_length:
            --headers_;
            skip_then(value, true, state::header_value, state::header_key_length);
            if (state_ == state::header_key_length) headers_or_end();
            return;
        default:
            state_ = state::damaged;
            return;
    }
}

void record_scanner::skip_then(std::int64_t length, bool nullable, state skipping, state after) {
    if (length > left_ || length < (nullable ? -1 : 0)) {
        state_ = state::damaged;
        return;
    }
    skip_ = length;
    state_ = length > 0 ? skipping : after;
}

void record_scanner::next(state after) {
    switch (after) {
        case state::key:
            state_ = state::value_length;
            return;
        case state::value:
            state_ = state::header_count;
            return;
        case state::header_key:
            state_ = state::header_value_length;
            return;
        default:
            return headers_or_end();
    }
}

void record_scanner::headers_or_end() {
    if (headers_ > 0) {
        state_ = state::header_key_length;
    } else {
        state_ = left_ == 0 ? state::complete : state::damaged;
    }
}

}  // namespace imago::wire
