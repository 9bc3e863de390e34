#include "client/batch_builder.h"

#include <algorithm>

#include "base/checksum.h"

namespace imago::client {
namespace {

constexpr std::uint64_t zigzag(std::int64_t value) {
    return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}
std::size_t varint_size(std::int64_t value) {
    const auto bits = static_cast<std::size_t>(64 - __builtin_clzll(zigzag(value) | 1));
    return (bits + 6) / 7;
}
std::byte* put_varint(std::byte* to, std::int64_t value) {
    std::uint64_t left = zigzag(value);
    for (; left >= 0x80; left >>= 7) *to++ = static_cast<std::byte>(left | 0x80);
    *to++ = static_cast<std::byte>(left);
    return to;
}
std::size_t field_size(const std::optional<std::string_view>& field) {
    if (!field) return 1;
    return varint_size(static_cast<std::int64_t>(field->size())) + field->size();
}
std::byte* put_field(std::byte* to, const std::optional<std::string_view>& field) {
    if (!field) return put_varint(to, -1);
    to = put_varint(to, static_cast<std::int64_t>(field->size()));
    if (!field->empty()) std::memcpy(to, field->data(), field->size());
    return to + field->size();
}

}  // namespace

void scratch_bytes::reserve(std::size_t size, std::size_t keep) {
    if (size <= capacity_) return;
    const std::size_t grown = std::max({size, capacity_ * 2, std::size_t{4096}});
    std::unique_ptr<std::byte[]> bytes(new std::byte[grown]);
    if (keep > 0) std::memcpy(bytes.get(), bytes_.get(), keep);
    bytes_ = std::move(bytes);
    capacity_ = grown;
}

bool batch_builder::append(const message& what, timestamp_ms time, std::size_t limit) {
    const timestamp_ms time_delta = count_ == 0 ? 0 : time - base_timestamp_;
    std::size_t body = 1 + varint_size(time_delta) + varint_size(count_) + field_size(what.key) +
                       field_size(what.value) + varint_size(static_cast<std::int64_t>(what.headers.size()));
    for (const header& each : what.headers) body += field_size(each.name) + field_size(each.value);
    const std::size_t whole = varint_size(static_cast<std::int64_t>(body)) + body;
    if (count_ > 0 && size_ + whole > limit) return false;
    bytes_.reserve(size_ + whole, count_ > 0 ? size_ : 0);

    if (count_ == 0) base_timestamp_ = max_timestamp_ = time;
    max_timestamp_ = std::max(max_timestamp_, time);
    std::byte* to = put_varint(bytes_.data() + size_, static_cast<std::int64_t>(body));
    *to++ = std::byte{0};  // attributes: none are defined
    to = put_varint(to, time_delta);
    to = put_varint(to, count_);
    to = put_field(to, what.key);
    to = put_field(to, what.value);
    to = put_varint(to, static_cast<std::int64_t>(what.headers.size()));
    for (const header& each : what.headers) to = put_field(put_field(to, each.name), each.value);

    size_ += whole;
    payload_bytes_ += (what.key ? what.key->size() : 0) + (what.value ? what.value->size() : 0);
    ++count_;
    tags_.push_back(what.tag);
    return true;
}

byte_span batch_builder::finish(std::byte* batch, std::size_t size, compression codec) const {
    store_be<std::int64_t>(batch, 0);  // the server gives the offset
    store_be<std::int32_t>(batch + 8, static_cast<std::int32_t>(size - batch_length_overhead));
    store_be<std::int32_t>(batch + 12, -1);
    batch[16] = std::byte{2};
    store_be<std::int16_t>(batch + 21, static_cast<std::int16_t>(codec));
    store_be<std::int32_t>(batch + 23, count_ - 1);
    store_be<std::int64_t>(batch + 27, base_timestamp_);
    store_be<std::int64_t>(batch + 35, max_timestamp_);
    store_be<std::int32_t>(batch + 57, count_);
    return {batch, size};
}

void batch_builder::clear() {
    size_ = batch_header_size;
    payload_bytes_ = 0;
    count_ = 0;
    base_timestamp_ = max_timestamp_ = -1;
    tags_.clear();
}

void stamp(byte_span batch, producer_identity who, std::int32_t base_sequence) {
    store_be<std::int64_t>(batch.data() + 43, who.id);
    store_be<std::int16_t>(batch.data() + 51, who.epoch);
    store_be<std::int32_t>(batch.data() + 53, base_sequence);
    store_be<std::uint32_t>(batch.data() + 17, crc32c(batch.subspan(batch_crc_start)));
}

}  // namespace imago::client
