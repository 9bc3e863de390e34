// Stands in for the store's own functions until the store is part of the build.
#include "base/checksum.h"
#include "base/record_batch.h"
#include "store/store.h"

namespace imago::store {
namespace {

table_change queue_change(queue_id id, char what, std::int64_t argument) {
    std::byte key[4];
    std::byte value[8];
    store_le<std::uint32_t>(key, id.value);
    store_le<std::int64_t>(value, argument);
    return {table_id::queues, std::string(as_text(key)), what + std::string(as_text(value)), what == 'r'};
}

class category final : public std::error_category {
public:
    [[nodiscard]] const char* name() const noexcept override { return "store"; }
    [[nodiscard]] std::string message(int value) const override {
        return "store error " + std::to_string(value);
    }
};

}  // namespace

table_change store::queue_created(queue_id id) { return queue_change(id, 'c', 0); }
table_change store::queue_removed(queue_id id) { return queue_change(id, 'r', 0); }
table_change store::queue_trimmed(queue_id id, queue_offset start) {
    return queue_change(id, 't', start.value);
}

std::uint64_t payload_hash(byte_view batch) { return xxh3(batch.subspan(batch_prefix_size)); }

std::error_code make_error_code(store_errc error) {
    static const category instance;
    return {static_cast<int>(error), instance};
}

}  // namespace imago::store
