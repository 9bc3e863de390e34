#include "store/change_codec.h"

#include "base/batch_builder.h"
#include "base/check.h"
#include "base/records.h"
#include "store/errors.h"

namespace imago::store {

void encode_changes(const std::vector<table_change>& changes, unix_ms time, std::vector<std::byte>& out) {
    IMAGO_ASSERT(!changes.empty());
    batch_builder builder;
    std::string key;
    for (const table_change& change : changes) {
        key.assign(1, static_cast<char>(change.table));
        key += change.key;
        builder.add(time, as_bytes(key), change.removed ? std::nullopt : std::optional(as_bytes(change.value)));
    }
    const byte_view batch = builder.finish();
    out.insert(out.end(), batch.begin(), batch.end());
}

result<> decode_changes(byte_view bytes, const std::function<void(const decoded_change&)>& visit) {
    const auto bad = [] { return fail(store_errc::bad_format); };
    if (bytes.size() < batch_header_size) return bad();
    const batch_view batch(bytes);
    if (batch.magic() != 2 || batch.codec_bits() != 0 || batch.count() <= 0) return bad();
    record_reader records(bytes.subspan(batch_header_size));
    record_view record;
    for (std::int32_t i = 0; i < batch.count(); ++i) {
        if (!records.next(record) || !record.key || record.key->empty()) return bad();
        visit({static_cast<table_id>(record.key->front()), record.key->subspan(1), record.value.value_or(byte_view{}),
               !record.value});
    }
    return {};
}

}  // namespace imago::store
