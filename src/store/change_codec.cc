#include "store/change_codec.h"

#include "base/check.h"
#include "base/checksum.h"
#include "base/record_batch.h"
#include "store/errors.h"

namespace imago::store {
namespace {

void put_varint(std::vector<std::byte>& out, std::int64_t value) {
    auto zigzag = (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
    while (zigzag >= 0x80) {
        out.push_back(static_cast<std::byte>(zigzag | 0x80));
        zigzag >>= 7;
    }
    out.push_back(static_cast<std::byte>(zigzag));
}

bool take_varint(byte_view& from, std::int64_t& value) {
    std::uint64_t zigzag = 0;
    for (unsigned shift = 0; shift < 64 && !from.empty(); shift += 7) {
        const auto byte = static_cast<std::uint64_t>(from.front());
        from = from.subspan(1);
        zigzag |= (byte & 0x7f) << shift;
        if ((byte & 0x80) == 0) {
            value = static_cast<std::int64_t>(zigzag >> 1) ^ -static_cast<std::int64_t>(zigzag & 1);
            return true;
        }
    }
    return false;
}

/// A length (-1 = null) and that many bytes.
bool take_bytes(byte_view& from, byte_view& bytes, bool& null) {
    std::int64_t size = 0;
    if (!take_varint(from, size) || size < -1 || size > static_cast<std::int64_t>(from.size())) return false;
    null = size < 0;
    bytes = null ? byte_view{} : from.first(static_cast<std::size_t>(size));
    from = from.subspan(bytes.size());
    return true;
}

std::size_t varint_size(std::int64_t value) {
    auto zigzag = (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
    std::size_t size = 1;
    while (zigzag >>= 7) ++size;
    return size;
}

}  // namespace

void encode_changes(const std::vector<table_change>& changes, unix_ms time, std::vector<std::byte>& out) {
    IMAGO_ASSERT(!changes.empty());
    const std::size_t start = out.size();
    out.resize(start + batch_header_size);
    for (std::size_t i = 0; i < changes.size(); ++i) {
        const table_change& change = changes[i];
        const auto delta = static_cast<std::int64_t>(i);
        const auto key_size = static_cast<std::int64_t>(change.key.size() + 1);
        const std::int64_t value_size = change.removed ? -1 : static_cast<std::int64_t>(change.value.size());
        const std::size_t size = 1 + 1 + varint_size(delta) + varint_size(key_size) + static_cast<std::size_t>(key_size) +
                                 varint_size(value_size) + (change.removed ? 0 : change.value.size()) + 1;
        put_varint(out, static_cast<std::int64_t>(size));
        out.push_back(std::byte{0});  // attributes
        out.push_back(std::byte{0});  // timestamp delta
        put_varint(out, delta);
        put_varint(out, key_size);
        out.push_back(static_cast<std::byte>(change.table));
        const byte_view key = as_bytes(change.key);
        out.insert(out.end(), key.begin(), key.end());
        put_varint(out, value_size);
        if (!change.removed) {
            const byte_view value = as_bytes(change.value);
            out.insert(out.end(), value.begin(), value.end());
        }
        out.push_back(std::byte{0});  // headers
    }
    std::byte* at = out.data() + start;
    const std::size_t size = out.size() - start;
    const auto count = static_cast<std::int32_t>(changes.size());
    set_batch_prefix({at, size}, {0}, static_cast<std::int32_t>(size), {0});
    store_be<std::int8_t>(at + 16, 2);
    store_be<std::int16_t>(at + 21, 0);
    store_be<std::int32_t>(at + 23, count - 1);
    store_be<std::int64_t>(at + 27, time);
    store_be<std::int64_t>(at + 35, time);
    store_be<std::int64_t>(at + 43, -1);
    store_be<std::int16_t>(at + 51, -1);
    store_be<std::int32_t>(at + 53, -1);
    store_be<std::int32_t>(at + 57, count);
    store_be<std::uint32_t>(at + 17, crc32c({at + batch_crc_start, size - batch_crc_start}));
}

result<> decode_changes(byte_view bytes, const std::function<void(const decoded_change&)>& visit) {
    const auto bad = [] { return fail(store_errc::bad_format); };
    if (bytes.size() < batch_header_size) return bad();
    const batch_view batch(bytes);
    if (batch.magic() != 2 || batch.codec_bits() != 0 || batch.count() <= 0) return bad();
    byte_view left = bytes.subspan(batch_header_size);
    for (std::int32_t i = 0; i < batch.count(); ++i) {
        std::int64_t size = 0;
        if (!take_varint(left, size) || size < 1 || size > static_cast<std::int64_t>(left.size())) return bad();
        byte_view record = left.first(static_cast<std::size_t>(size)).subspan(1);
        left = left.subspan(static_cast<std::size_t>(size));
        std::int64_t ignored = 0;
        byte_view key;
        byte_view value;
        bool no_key = false;
        bool no_value = false;
        if (!take_varint(record, ignored) || !take_varint(record, ignored) || !take_bytes(record, key, no_key) ||
            !take_bytes(record, value, no_value) || key.empty()) {
            return bad();
        }
        visit({static_cast<table_id>(key.front()), key.subspan(1), value, no_value});
    }
    return {};
}

}  // namespace imago::store
