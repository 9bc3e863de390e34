#include "wire/batch_records.h"

#include "wire/error.h"

namespace imago::wire {

result<record_reader> open_records(byte_view batch, std::vector<std::byte>& scratch,
                                   const decompress_limits& limits) {
    compression codec{};
    if (batch.size() < batch_header_size || !codec_of(batch_view(batch), codec))
        return fail(wire_errc::bad_value);
    const byte_view payload = batch.subspan(batch_header_size);
    if (codec == compression::none) return record_reader(payload);
    scratch.clear();
    IMAGO_CHECK(decompress(codec, payload, limits, scratch));
    return record_reader(scratch);
}

namespace {

/// Goes over the records until look(place) is true.
template <class F>
result<> for_each_place(byte_view batch, F&& look) {
    std::vector<std::byte> scratch;
    IMAGO_TRY(record_reader reader, open_records(batch, scratch));
    const batch_view header(batch);
    for (record_view record; reader.next(record);) {
        if (look(record_place{header.base_offset() + record.offset_delta, time_of(header, record)}))
            return {};
    }
    if (reader.damaged()) return fail(wire_errc::bad_value);
    return {};
}

}  // namespace

result<std::optional<record_place>> find_time(byte_view batch, unix_ms time) {
    std::optional<record_place> found;
    IMAGO_CHECK(for_each_place(batch, [&](const record_place& place) {
        if (place.timestamp >= time) found = place;
        return found.has_value();
    }));
    return found;
}

result<std::optional<record_place>> find_max_time(byte_view batch) {
    std::optional<record_place> found;
    IMAGO_CHECK(for_each_place(batch, [&](const record_place& place) {
        if (!found || place.timestamp > found->timestamp) found = place;
        return false;
    }));
    return found;
}

}  // namespace imago::wire
