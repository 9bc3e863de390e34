#include "base/records.h"

namespace imago {
namespace {

/// Bytes with a length before them; null where allowed.
bool load_bytes(const std::byte*& from, const std::byte* end, std::optional<byte_view>& into) {
    std::int32_t length = 0;
    if (!load_varint(from, end, length) || length < -1 || length > end - from) return false;
    if (length < 0) {
        into.reset();
        return true;
    }
    into = byte_view(from, static_cast<std::size_t>(length));
    from += length;
    return true;
}

bool load_header(const std::byte*& from, const std::byte* end, record_header& into) {
    std::optional<byte_view> key;
    if (!load_bytes(from, end, key) || !key) return false;
    into.key = as_text(*key);
    return load_bytes(from, end, into.value);
}

/// The body of one record, which fills [from, end) exactly.
bool load_record(const std::byte* from, const std::byte* end, record_view& into) {
    if (from == end) return false;
    ++from;  // attributes: none are defined
    if (!load_varlong(from, end, into.timestamp_delta) || !load_varint(from, end, into.offset_delta))
        return false;
    if (!load_bytes(from, end, into.key) || !load_bytes(from, end, into.value)) return false;
    if (!load_varint(from, end, into.header_count)) return false;
    if (into.header_count < 0 || into.header_count > (end - from) / 2) return false;
    into.headers = {from, end};
    record_header header;
    for (std::int32_t left = into.header_count; left > 0; --left) {
        if (!load_header(from, end, header)) return false;
    }
    return from == end;
}

}  // namespace

bool header_reader::next(record_header& into) {
    if (left_ == 0) return false;
    --left_;
    return load_header(next_, end_, into);
}

bool record_reader::next(record_view& into) {
    if (next_ == end_) return false;
    std::int32_t length = 0;
    if (load_varint(next_, end_, length) && length >= 0 && length <= end_ - next_) {
        const std::byte* const begin = next_;
        next_ += length;
        if (load_record(begin, next_, into)) return true;
    }
    damaged_ = true;
    next_ = end_;
    return false;
}

}  // namespace imago
