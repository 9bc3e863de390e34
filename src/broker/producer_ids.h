// Ids of idempotent producers, each given out once, also across crashes.
//
// Ids are reserved in blocks: one durable change raises the limit, then the block is handed out from memory.
// What was reserved and not given out before a crash is skipped.
#pragma once

#include "base/result.h"
#include "broker/changes.h"
#include "store/table.h"

#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

namespace imago::broker {

/// The store table: one record, the first id that no block holds. Any thread.
class producer_id_table final : public store::table {
public:
    [[nodiscard]] std::int64_t reserved_below() const;
    [[nodiscard]] std::size_t unreadable() const;
    void apply(byte_view key, byte_view value, bool removed) override;
    void dump(const std::function<void(byte_view key, byte_view value)>& out) const override;
    [[nodiscard]] static store::table_change record(std::int64_t reserved_below);

private:
    mutable std::mutex mutex_;
    std::int64_t reserved_below_ = 0;
    std::string unreadable_key_;
    std::string unreadable_;
};

/// Threads: any. `done` runs on the caller's thread before next() returns while the block lasts, else on the
/// log thread.
class producer_ids {
public:
    using done_function = std::function<void(result<std::int64_t>)>;

    /// After the store was opened with `table`.
    producer_ids(store::store& store, const producer_id_table& table, std::int64_t block = 1000);

    void next(done_function done);

private:
    void reserve();

    store::store& store_;
    const std::int64_t block_;
    std::mutex mutex_;
    std::int64_t next_;
    std::int64_t limit_;
    std::int64_t reserving_ = 0;  ///< the limit that is being made durable; 0 = none
    std::vector<done_function> waiting_;
};

}  // namespace imago::broker
