#include "base/batch_builder.h"

#include "base/check.h"
#include "base/checksum.h"

#include <algorithm>

namespace imago {
namespace {

std::size_t size_with_length(const std::optional<byte_view>& bytes) {
    if (!bytes) return 1;
    return varint_size(static_cast<std::int64_t>(bytes->size())) + bytes->size();
}

std::byte* store_with_length(std::byte* to, const std::optional<byte_view>& bytes) {
    if (!bytes) return store_varint(to, -1);
    to = store_varint(to, static_cast<std::int64_t>(bytes->size()));
    if (!bytes->empty()) std::memcpy(to, bytes->data(), bytes->size());
    return to + bytes->size();
}

/// Any two times are allowed: a difference that wraps is undone by the addition of who reads it.
std::int64_t difference(unix_ms later, unix_ms earlier) {
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(later) - static_cast<std::uint64_t>(earlier));
}

/// The size of a record without its own length.
std::size_t body_size(std::int64_t timestamp_delta, std::int32_t offset_delta,
                      const std::optional<byte_view>& key, const std::optional<byte_view>& value,
                      std::span<const record_header> headers) {
    std::size_t size = 1 + varint_size(timestamp_delta) + varint_size(offset_delta) + size_with_length(key) +
                       size_with_length(value) + varint_size(static_cast<std::int64_t>(headers.size()));
    for (const record_header& header : headers)
        size += size_with_length(as_bytes(header.key)) + size_with_length(header.value);
    return size;
}

}  // namespace

void batch_builder::clear() {
    bytes_.resize(batch_header_size);
    count_ = 0;
    base_timestamp_ = max_timestamp_ = 0;
}

std::size_t batch_builder::size_of(unix_ms timestamp, std::optional<byte_view> key,
                                   std::optional<byte_view> value,
                                   std::span<const record_header> headers) const {
    const std::int64_t delta = count_ == 0 ? 0 : difference(timestamp, base_timestamp_);
    const std::size_t size = body_size(delta, count_, key, value, headers);
    return varint_size(static_cast<std::int64_t>(size)) + size;
}

void batch_builder::add(unix_ms timestamp, std::optional<byte_view> key, std::optional<byte_view> value,
                        std::span<const record_header> headers) {
    if (count_ == 0) base_timestamp_ = max_timestamp_ = timestamp;
    max_timestamp_ = std::max(max_timestamp_, timestamp);
    const std::int64_t delta = difference(timestamp, base_timestamp_);
    const std::size_t size = body_size(delta, count_, key, value, headers);
    const std::size_t before = bytes_.size();
    bytes_.resize(before + varint_size(static_cast<std::int64_t>(size)) + size);
    IMAGO_ASSERT(bytes_.size() <= INT32_MAX);
    std::byte* to = store_varint(bytes_.data() + before, static_cast<std::int64_t>(size));
    *to++ = std::byte{0};
    to = store_varint(to, delta);
    to = store_varint(to, count_);
    to = store_with_length(to, key);
    to = store_with_length(to, value);
    to = store_varint(to, static_cast<std::int64_t>(headers.size()));
    for (const record_header& header : headers) {
        to = store_with_length(to, as_bytes(header.key));
        to = store_with_length(to, header.value);
    }
    ++count_;
}

byte_view batch_builder::finish(const batch_producer& producer) {
    IMAGO_ASSERT(count_ > 0);
    std::byte* const to = bytes_.data();
    const int attributes = (producer.transactional ? 16 : 0) | (producer.control ? 32 : 0);
    set_batch_prefix(bytes_, queue_offset{0}, static_cast<std::int32_t>(bytes_.size()), leader_epoch{-1});
    store_be<std::int8_t>(to + 16, 2);
    store_be<std::int16_t>(to + 21, static_cast<std::int16_t>(attributes));
    store_be<std::int32_t>(to + 23, count_ - 1);
    store_be<std::int64_t>(to + 27, base_timestamp_);
    store_be<std::int64_t>(to + 35, max_timestamp_);
    store_be<std::int64_t>(to + 43, producer.id);
    store_be<std::int16_t>(to + 51, producer.epoch);
    store_be<std::int32_t>(to + 53, producer.base_sequence);
    store_be<std::int32_t>(to + 57, count_);
    set_batch_crc(bytes_);
    return bytes_;
}

void set_batch_crc(byte_span batch) {
    store_be<std::uint32_t>(batch.data() + 17, crc32c(batch.subspan(batch_crc_start)));
}

void set_max_timestamp(byte_span batch, unix_ms max_timestamp) {
    if (batch_view(batch).max_timestamp() == max_timestamp) return;
    store_be<std::int64_t>(batch.data() + 35, max_timestamp);
    set_batch_crc(batch);
}

void set_log_append_time(byte_span batch, unix_ms now) {
    store_be<std::int16_t>(batch.data() + 21, static_cast<std::int16_t>(batch_view(batch).attributes() | 8));
    store_be<std::int64_t>(batch.data() + 35, now);
    set_batch_crc(batch);
}

}  // namespace imago
