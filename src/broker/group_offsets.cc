#include "broker/group_offsets.h"

#include "broker/record.h"

#include <algorithm>
#include <cstring>
#include <mutex>

namespace imago::broker {
namespace {

constexpr std::uint8_t offset_record_version = 1;
constexpr char offset_mark = 'o';
constexpr char expiry_mark = 'e';
constexpr char topic_mark = 'x';

std::string key_of(char mark, std::string_view group, const group_offsets::position& where) {
    std::string key(1, mark);
    std::byte number[4];
    store_le<std::uint32_t>(number, static_cast<std::uint32_t>(group.size()));
    key.append(as_text(number));
    key.append(group);
    key.append(reinterpret_cast<const char*>(where.topic.bytes.data()), where.topic.bytes.size());
    store_le<std::int32_t>(number, where.partition);
    key.append(as_text(number));
    return key;
}

uuid to_uuid(byte_view bytes) {
    uuid id;
    if (bytes.size() == 16) std::memcpy(id.bytes.data(), bytes.data(), 16);
    return id;
}

}  // namespace

const expiry_hold* group_offsets::hold_of(std::string_view group) const {
    const auto found = holds_.find(group);
    return found == holds_.end() ? nullptr : &found->second;
}

unix_ms group_offsets::expiry_of(const expiry_hold* hold, const position& where,
                                 const committed_offset& offset) const {
    if (hold != nullptr && (hold->every_topic || hold->topics.contains(where.topic))) return never;
    if (offset.expires >= 0) return offset.expires;
    const unix_ms from = hold != nullptr ? std::max(hold->since, offset.committed) : offset.committed;
    return from > never - retention_ms_ ? never : from + retention_ms_;
}

std::optional<committed_offset> group_offsets::find(std::string_view group, const position& where,
                                                    unix_ms now) const {
    std::shared_lock lock(mutex_);
    const auto of_group = groups_.find(group);
    if (of_group == groups_.end()) return std::nullopt;
    const auto found = of_group->second.find(where);
    if (found == of_group->second.end()) return std::nullopt;
    const committed_offset& offset = found->second.offset;
    if (expiry_of(hold_of(group), where, offset) <= now) return std::nullopt;
    return offset;
}

std::vector<std::pair<group_offsets::position, committed_offset>> group_offsets::all_of(
    std::string_view group, unix_ms now) const {
    std::vector<std::pair<position, committed_offset>> list;
    std::shared_lock lock(mutex_);
    const auto of_group = groups_.find(group);
    if (of_group == groups_.end()) return list;
    const expiry_hold* hold = hold_of(group);
    for (const auto& [where, kept] : of_group->second) {
        if (expiry_of(hold, where, kept.offset) > now) list.emplace_back(where, kept.offset);
    }
    return list;
}

std::vector<group_offsets::position> group_offsets::positions_of(std::string_view group) const {
    std::vector<position> list;
    std::shared_lock lock(mutex_);
    const auto of_group = groups_.find(group);
    if (of_group == groups_.end()) return list;
    for (const auto& [where, kept] : of_group->second) list.push_back(where);
    return list;
}

std::vector<std::string> group_offsets::groups() const {
    std::vector<std::string> names;
    {
        std::shared_lock lock(mutex_);
        for (const auto& [name, offsets] : groups_) names.push_back(name);
    }
    std::sort(names.begin(), names.end());
    return names;
}

bool group_offsets::has(std::string_view group) const {
    std::shared_lock lock(mutex_);
    return groups_.contains(group);
}

std::size_t group_offsets::count() const {
    std::shared_lock lock(mutex_);
    return count_;
}

void group_offsets::take_out_expired(unix_ms now, std::size_t most, change_list& changes) {
    std::unique_lock lock(mutex_);
    for (auto at = deadlines_.begin(); at != deadlines_.end() && most > 0;) {
        const auto& [time, group, where] = *at;
        if (time > now) return;
        stored& kept = groups_.find(*group)->second.find(where)->second;
        const unix_ms expires = expiry_of(hold_of(*group), where, kept.offset);
        if (expires <= now) {
            changes.push_back(expiry(*group, where, kept.offset.committed));
            --most;
            ++at;
            continue;
        }
        // It is kept for longer: it goes to where it belongs, so that nobody meets it here again.
        kept.deadline = expires;
        if (expires != never) deadlines_.insert({expires, group, where});
        at = deadlines_.erase(at);
    }
}

void group_offsets::set_hold(std::string_view group, expiry_hold hold) {
    std::unique_lock lock(mutex_);
    const bool none = !hold.every_topic && hold.topics.empty() && hold.since < 0;
    auto present = holds_.find(group);
    if (present == holds_.end()) {
        if (none) return;
        present = holds_.try_emplace(std::string(group)).first;
    }
    if (present->second == hold) return;
    const bool held = present->second.every_topic || !present->second.topics.empty();
    present->second = std::move(hold);
    const auto of_group = groups_.find(group);
    if (held && of_group != groups_.end()) {
        for (auto& [where, kept] : of_group->second) {
            if (kept.deadline != never) continue;
            kept.deadline = expiry_of(&present->second, where, kept.offset);
            if (kept.deadline != never) deadlines_.insert({kept.deadline, &of_group->first, where});
        }
    }
    if (none) holds_.erase(present);
}

std::size_t group_offsets::unreadable() const {
    std::shared_lock lock(mutex_);
    return unreadable_.size();
}

void group_offsets::put(std::string_view group, const position& where, committed_offset offset) {
    auto of_group = groups_.find(group);
    if (of_group == groups_.end()) of_group = groups_.try_emplace(std::string(group)).first;
    const std::string* name = &of_group->first;
    const auto [present, fresh] = of_group->second.try_emplace(where);
    stored& kept = present->second;
    if (fresh) {
        ++count_;
        by_topic_[where.topic].insert(name);
    }
    const unix_ms expires = expiry_of(hold_of(group), where, offset);
    kept.offset = std::move(offset);
    if (expires == kept.deadline) return;
    if (kept.deadline != never) deadlines_.erase({kept.deadline, name, where});
    kept.deadline = expires;
    if (expires != never) deadlines_.insert({expires, name, where});
}

bool group_offsets::erase(group_map::iterator group, const position& where) {
    const auto found = group->second.find(where);
    if (found == group->second.end()) return false;
    if (found->second.deadline != never) deadlines_.erase({found->second.deadline, &group->first, where});
    group->second.erase(found);
    --count_;
    const auto next = group->second.lower_bound({where.topic, INT32_MIN});
    if (next == group->second.end() || next->first.topic != where.topic) {
        const auto users = by_topic_.find(where.topic);
        users->second.erase(&group->first);
        if (users->second.empty()) by_topic_.erase(users);
    }
    if (!group->second.empty()) return false;
    groups_.erase(group);
    return true;
}

void group_offsets::erase_topic(const uuid& topic, std::vector<std::string>& gone) {
    const auto users = by_topic_.find(topic);
    if (users == by_topic_.end()) return;
    const std::vector<const std::string*> names(users->second.begin(), users->second.end());
    for (const std::string* name : names) {
        const auto group = groups_.find(*name);
        const std::string copy = *name;
        std::vector<position> leaving;
        for (auto at = group->second.lower_bound({topic, INT32_MIN});
             at != group->second.end() && at->first.topic == topic; ++at) {
            leaving.push_back(at->first);
        }
        for (const position& where : leaving) {
            if (erase(group, where)) gone.push_back(copy);
        }
    }
}

void group_offsets::apply(byte_view key, byte_view value, bool removed) {
    record_reader in_key(key);
    const char mark = static_cast<char>(in_key.get<std::uint8_t>());
    if (mark == topic_mark && removed && key.size() == 17) {
        std::vector<std::string> gone;
        {
            std::unique_lock lock(mutex_);
            erase_topic(to_uuid(in_key.get_raw(16)), gone);
        }
        if (on_group_gone) {
            for (const std::string& name : gone) on_group_gone(name);
        }
        return;
    }
    const std::string_view group = in_key.get_text();
    position where;
    where.topic = to_uuid(in_key.get_raw(16));
    where.partition = in_key.get<std::int32_t>();
    if (mark == expiry_mark && removed) {
        const auto committed = in_key.get<std::int64_t>();
        if (!in_key.done()) return;
        bool last = false;
        {
            std::unique_lock lock(mutex_);
            const auto present = groups_.find(group);
            if (present == groups_.end()) return;
            const auto kept = present->second.find(where);
            if (kept == present->second.end() || kept->second.offset.committed != committed) return;
            last = erase(present, where);
        }
        if (last && on_group_gone) on_group_gone(std::string(group));
        return;
    }
    bool readable = mark == offset_mark && in_key.done() && where.partition >= 0;
    committed_offset offset;
    if (readable && !removed) {
        record_reader in(value);
        readable = in.get<std::uint8_t>() == offset_record_version;
        offset.offset.value = in.get<std::int64_t>();
        offset.leader_epoch = in.get<std::int32_t>();
        offset.committed = in.get<std::int64_t>();
        offset.expires = in.get<std::int64_t>();
        offset.metadata = in.get_text();
        readable = readable && in.done() && offset.offset.value >= 0;
    }
    bool last = false;
    {
        std::unique_lock lock(mutex_);
        if (!unreadable_.empty()) unreadable_.erase(std::string(as_text(key)));
        if (!readable) {
            if (!removed) unreadable_[std::string(as_text(key))] = as_text(value);
        } else if (!removed) {
            put(group, where, std::move(offset));
        } else if (const auto present = groups_.find(group); present != groups_.end()) {
            last = erase(present, where);
        }
    }
    if (last && on_group_gone) on_group_gone(std::string(group));
}

void group_offsets::dump(const std::function<void(byte_view key, byte_view value)>& out) const {
    // Group by group, so that commits wait for one group's picture at most.
    for (const std::string& name : groups()) {
        std::vector<store::table_change> records;
        {
            std::shared_lock lock(mutex_);
            const auto group = groups_.find(name);
            if (group == groups_.end()) continue;
            for (const auto& [where, kept] : group->second) {
                records.push_back(record(name, where, kept.offset));
            }
        }
        for (const auto& one : records) out(as_bytes(one.key), as_bytes(one.value));
    }
    std::map<std::string, std::string> unreadable;
    {
        std::shared_lock lock(mutex_);
        unreadable = unreadable_;
    }
    for (const auto& [key, value] : unreadable) out(as_bytes(key), as_bytes(value));
}

store::table_change group_offsets::record(std::string_view group, const position& where,
                                          const committed_offset& offset) {
    record_writer out(offset_record_version);
    out.put<std::int64_t>(offset.offset.value);
    out.put<std::int32_t>(offset.leader_epoch);
    out.put<std::int64_t>(offset.committed);
    out.put<std::int64_t>(offset.expires);
    out.put_text(offset.metadata);
    return {store::table_id::group_offsets, key_of(offset_mark, group, where), out.take(), false};
}

store::table_change group_offsets::removal(std::string_view group, const position& where) {
    return {store::table_id::group_offsets, key_of(offset_mark, group, where), {}, true};
}

store::table_change group_offsets::expiry(std::string_view group, const position& where, unix_ms committed) {
    std::string key = key_of(expiry_mark, group, where);
    std::byte number[8];
    store_le<std::int64_t>(number, committed);
    key.append(as_text(number));
    return {store::table_id::group_offsets, std::move(key), {}, true};
}

store::table_change group_offsets::topic_removal(const uuid& topic) {
    std::string key(1, topic_mark);
    key.append(reinterpret_cast<const char*>(topic.bytes.data()), topic.bytes.size());
    return {store::table_id::group_offsets, std::move(key), {}, true};
}

}  // namespace imago::broker
