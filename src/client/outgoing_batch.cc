#include "client/outgoing_batch.h"

#include "wire/compression.h"

namespace imago::client {
namespace {

std::optional<byte_view> view(const std::optional<std::string_view>& text) {
    if (!text) return std::nullopt;
    return as_bytes(*text);
}

}  // namespace

bool outgoing_batch::append(const message& what, timestamp_ms time, std::size_t limit) {
    headers_.clear();
    for (const header& each : what.headers) headers_.push_back({each.name, view(each.value)});
    const std::optional<byte_view> key = view(what.key);
    const std::optional<byte_view> value = view(what.value);
    // Sizes are looked at closely only near the limit: a record is at most so much larger than what it carries.
    constexpr std::size_t overhead_max = 64;
    const std::size_t carried = (key ? key->size() : 0) + (value ? value->size() : 0);
    if (builder_.count() > 0 && (!headers_.empty() || builder_.size() + carried + overhead_max > limit) &&
        builder_.size() + builder_.size_of(time, key, value, headers_) > limit)
        return false;
    builder_.add(time, key, value, headers_);
    payload_bytes_ += carried;
    tags_.push_back(what.tag);
    return true;
}

void outgoing_batch::seal(codec with) {
    if (with == codec::none) return;
    wire::compress_batch(builder_.finish(), static_cast<compression>(with), compressed_);
    if (compressed_.size() >= builder_.size()) compressed_.clear();
}

void outgoing_batch::stamp(producer_identity who, std::int32_t base_sequence) {
    if (compressed_.empty()) {
        batch_producer producer;
        producer.id = who.id;
        producer.epoch = who.epoch;
        producer.base_sequence = base_sequence;
        bytes_ = builder_.finish(producer);
        return;
    }
    std::byte* const to = compressed_.data();
    store_be<std::int64_t>(to + 43, who.id);
    store_be<std::int16_t>(to + 51, who.epoch);
    store_be<std::int32_t>(to + 53, base_sequence);
    set_batch_crc(compressed_);
    bytes_ = compressed_;
}

void outgoing_batch::clear() {
    builder_.clear();
    compressed_.clear();
    bytes_ = {};
    payload_bytes_ = 0;
    tags_.clear();
    charged = 0;
    sequence = -1;
    in_flight = ambiguous = attempted = false;
}

}  // namespace imago::client
