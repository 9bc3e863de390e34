#include "broker/groups/group_table.h"

#include "broker/record.h"

#include <algorithm>
#include <mutex>

namespace imago::broker::groups {
namespace {

std::string key_of(char kind, std::string_view group, std::string_view rest) {
    std::string key(1, kind);
    std::byte size[4];
    store_le<std::uint32_t>(size, static_cast<std::uint32_t>(group.size()));
    key.append(as_text(size));
    key.append(group);
    key.append(rest);
    return key;
}

}  // namespace

std::vector<group_record> group_table::records_of(std::string_view group) const {
    std::vector<group_record> list;
    std::shared_lock lock(mutex_);
    const auto found = groups_.find(group);
    if (found == groups_.end()) return list;
    list.reserve(found->second.size());
    for (const auto& [key, value] : found->second) list.push_back({key.first, key.second, value});
    return list;
}

bool group_table::has(std::string_view group) const {
    std::shared_lock lock(mutex_);
    return groups_.contains(group);
}

std::vector<std::string> group_table::groups() const {
    std::vector<std::string> names;
    {
        std::shared_lock lock(mutex_);
        names.reserve(groups_.size());
        for (const auto& [name, records] : groups_) names.push_back(name);
    }
    std::sort(names.begin(), names.end());
    return names;
}

void group_table::each(
    const std::function<void(const std::string& group, const group_record& first)>& tell) const {
    std::shared_lock lock(mutex_);
    for (const auto& [name, records] : groups_) {
        const auto& [key, value] = *records.begin();
        tell(name, {key.first, key.second, value});
    }
}

std::size_t group_table::unreadable() const {
    std::shared_lock lock(mutex_);
    return unreadable_.size();
}

void group_table::apply(byte_view key, byte_view value, bool removed) {
    record_reader in(key);
    const char kind = static_cast<char>(in.get<std::uint8_t>());
    const std::string_view group = in.get_text();
    const bool whole = in.ok();
    group_record record;
    record.kind = kind;
    if (whole) record.rest = as_text(key.subspan(5 + group.size()));
    if (!removed) record.value = as_text(value);
    const bool good = whole && (removed || readable(record));

    std::unique_lock lock(mutex_);
    if (!unreadable_.empty()) unreadable_.erase(std::string(as_text(key)));
    if (!good) {
        if (!removed) unreadable_[std::string(as_text(key))] = as_text(value);
        return;
    }
    auto found = groups_.find(group);
    if (removed) {
        if (found == groups_.end()) return;
        found->second.erase({kind, record.rest});
        if (found->second.empty()) groups_.erase(found);
        return;
    }
    if (found == groups_.end()) found = groups_.try_emplace(std::string(group)).first;
    found->second.insert_or_assign({kind, std::move(record.rest)}, std::move(record.value));
}

void group_table::dump(const std::function<void(byte_view key, byte_view value)>& out) const {
    // Group by group, so that changes wait for one group's picture at most.
    for (const std::string& name : groups()) {
        for (const group_record& record : records_of(name)) {
            out(as_bytes(key_of(record.kind, name, record.rest)), as_bytes(record.value));
        }
    }
    std::map<std::string, std::string> unreadable;
    {
        std::shared_lock lock(mutex_);
        unreadable = unreadable_;
    }
    for (const auto& [key, value] : unreadable) out(as_bytes(key), as_bytes(value));
}

store::table_change group_table::record(char kind, std::string_view group, std::string_view rest,
                                        std::string value) {
    return {store::table_id::groups, key_of(kind, group, rest), std::move(value), false};
}

store::table_change group_table::removal(char kind, std::string_view group, std::string_view rest) {
    return {store::table_id::groups, key_of(kind, group, rest), {}, true};
}

}  // namespace imago::broker::groups
