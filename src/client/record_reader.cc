#include "client/record_reader.h"

#include "imago/errors.h"

namespace imago::client {
namespace {

class varint_reader {
public:
    explicit varint_reader(byte_view bytes) : next_(bytes.data()), end_(bytes.data() + bytes.size()) {}

    [[nodiscard]] bool ok() const { return ok_; }
    [[nodiscard]] std::size_t left() const { return static_cast<std::size_t>(end_ - next_); }
    std::int64_t varint() {
        std::uint64_t value = 0;
        for (int shift = 0; shift < 70 && next_ != end_; shift += 7) {
            const auto byte = std::to_integer<std::uint64_t>(*next_++);
            value |= (byte & 0x7f) << shift;
            if (byte < 0x80) return static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1);
        }
        ok_ = false;
        return 0;
    }
    byte_view take(std::int64_t size) {
        if (size < 0 || static_cast<std::uint64_t>(size) > left()) {
            ok_ = false;
            next_ = end_;
            return {};
        }
        const byte_view taken(next_, static_cast<std::size_t>(size));
        next_ += size;
        return taken;
    }
    std::optional<std::string_view> field() {
        const std::int64_t size = varint();
        if (size == -1) return std::nullopt;
        return as_text(take(size));
    }

private:
    const std::byte* next_;
    const std::byte* end_;
    bool ok_ = true;
};

}  // namespace

result<std::span<const record>> record_reader::read(batch_view batch, byte_view records, std::int64_t from) {
    const auto corrupt = tl::unexpected(make_error_code(kafka_errc::corrupt_message));
    records_.clear();
    headers_.clear();
    with_headers_.clear();
    const std::int64_t base = batch.base_offset().value;
    const std::int64_t last = base + batch.last_offset_delta();
    varint_reader in(records);
    for (std::int32_t i = 0; i < batch.count(); ++i) {
        const std::int64_t size = in.varint();
        varint_reader body(in.take(size));
        if (!in.ok()) return corrupt;
        static_cast<void>(body.take(1));  // attributes
        record one;
        const std::int64_t time_delta = body.varint();
        one.offset = base + body.varint();
        one.timestamp = batch.log_append_time() ? batch.max_timestamp() : batch.base_timestamp() + time_delta;
        one.key = body.field();
        one.value = body.field();
        const std::int64_t headers = body.varint();
        if (!body.ok() || headers < 0 || static_cast<std::uint64_t>(headers) > body.left() / 2 || one.offset < base ||
            one.offset > last)
            return corrupt;
        const bool wanted = one.offset >= from;
        if (wanted && headers > 0) with_headers_.emplace_back(records_.size(), headers_.size());
        for (std::int64_t h = 0; h < headers; ++h) {
            header each;
            each.name = body.field().value_or("");
            each.value = body.field();
            if (wanted) headers_.push_back(each);
        }
        if (!body.ok()) return corrupt;
        if (wanted) records_.push_back(one);
    }
    // Only now do the headers no longer move.
    for (std::size_t i = 0; i < with_headers_.size(); ++i) {
        const std::size_t first = with_headers_[i].second;
        const std::size_t end = i + 1 < with_headers_.size() ? with_headers_[i + 1].second : headers_.size();
        records_[with_headers_[i].first].headers = {headers_.data() + first, end - first};
    }
    return std::span<const record>(records_);
}

byte_view batch_cursor::next() {
    if (left_.size() < batch_header_size) {
        left_ = {};
        return {};
    }
    const std::int64_t size = batch_view(left_).size();
    if (size < static_cast<std::int64_t>(batch_header_size)) {
        bad_ = true;
        left_ = {};
        return {};
    }
    if (static_cast<std::uint64_t>(size) > left_.size()) {
        left_ = {};
        return {};
    }
    const byte_view batch = left_.first(static_cast<std::size_t>(size));
    left_ = left_.subspan(batch.size());
    return batch;
}

}  // namespace imago::client
