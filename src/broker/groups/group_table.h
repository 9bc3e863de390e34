// The durable state of all groups: a store table that keeps each group's records as they were written. Machines are
// made from them (after a start, or when an idle group is asked for again) and never read anything else.
//
// Records: kind:u8, group:text, and what the kind adds to the key. See docs/format/tables.md.
//   'c'  a classic group                                                  (classic_record.h)
//   other kinds belong to the consumer protocol                            (record_kinds.cc has the list)
//
// Threads: any; changes come through apply().
#pragma once

#include "base/ids.h"
#include "broker/groups/context.h"
#include "store/table.h"

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace imago::broker::groups {

/// True if this version can read such a record; a kind that is not in the list cannot be read.
[[nodiscard]] bool readable(const group_record& record);

class group_table final : public store::table {
public:
    /// In the order of their kinds and keys.
    [[nodiscard]] std::vector<group_record> records_of(std::string_view group) const;
    [[nodiscard]] bool has(std::string_view group) const;
    /// Sorted.
    [[nodiscard]] std::vector<std::string> groups() const;
    /// Each group's first record, in no order. `tell` must not call the table.
    void each(const std::function<void(const std::string& group, const group_record& first)>& tell) const;
    [[nodiscard]] std::size_t unreadable() const;

    void apply(byte_view key, byte_view value, bool removed) override;
    void dump(const std::function<void(byte_view key, byte_view value)>& out) const override;

    [[nodiscard]] static store::table_change record(char kind, std::string_view group, std::string_view rest,
                                                    std::string value);
    [[nodiscard]] static store::table_change removal(char kind, std::string_view group, std::string_view rest);

private:
    struct text_hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const noexcept {
            return std::hash<std::string_view>{}(text);
        }
    };
    /// Kind and rest of the key to the value.
    using record_map = std::map<std::pair<char, std::string>, std::string>;

    mutable std::shared_mutex mutex_;
    std::unordered_map<std::string, record_map, text_hash, std::equal_to<>> groups_;
    std::map<std::string, std::string> unreadable_;
};

}  // namespace imago::broker::groups
