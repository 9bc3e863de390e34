#include "client/batch_reader.h"

#include "imago/errors.h"
#include "wire/batch_records.h"

namespace imago::client {
namespace {

std::optional<std::string_view> text(const std::optional<byte_view>& bytes) {
    if (!bytes) return std::nullopt;
    return as_text(*bytes);
}

}  // namespace

result<std::span<const record>> batch_reader::read(batch_view batch, std::int64_t from, std::size_t limit) {
    records_.clear();
    headers_.clear();
    with_headers_.clear();
    if (batch.codec_bits() > static_cast<std::uint8_t>(compression::zstd))
        return tl::unexpected(make_error_code(kafka_errc::unsupported_compression_type));
    wire::decompress_limits limits;
    limits.output_max = limit;
    const auto corrupt = tl::unexpected(make_error_code(kafka_errc::corrupt_message));
    auto reader = wire::open_records(batch.bytes(), uncompressed_, limits);
    if (!reader) return corrupt;
    std::int32_t count = 0;
    for (record_view each; reader->next(each); ++count) {
        if (each.offset_delta < 0 || each.offset_delta > batch.last_offset_delta()) return corrupt;
        record one;
        one.offset = (batch.base_offset() + each.offset_delta).value;
        if (one.offset < from) continue;
        one.timestamp = wire::time_of(batch, each);
        one.key = text(each.key);
        one.value = text(each.value);
        if (each.header_count > 0) {
            with_headers_.emplace_back(records_.size(), headers_.size());
            header_reader headers(each);
            for (record_header h; headers.next(h);) headers_.push_back({h.key, text(h.value)});
        }
        records_.push_back(one);
    }
    if (reader->damaged() || count != batch.count()) return corrupt;
    // Only now do the headers no longer move.
    for (std::size_t i = 0; i < with_headers_.size(); ++i) {
        const std::size_t first = with_headers_[i].second;
        const std::size_t end = i + 1 < with_headers_.size() ? with_headers_[i + 1].second : headers_.size();
        records_[with_headers_[i].first].headers = {headers_.data() + first, end - first};
    }
    return std::span<const record>(records_);
}

byte_view batch_cursor::next() {
    const byte_view left = std::exchange(left_, {});
    if (left.size() < batch_header_size) return {};
    const std::int64_t size = batch_view(left).size();
    bad_ = size < static_cast<std::int64_t>(batch_header_size);
    if (bad_ || static_cast<std::uint64_t>(size) > left.size()) return {};
    left_ = left.subspan(static_cast<std::size_t>(size));
    return left.first(static_cast<std::size_t>(size));
}

}  // namespace imago::client
