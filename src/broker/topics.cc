#include "broker/topics.h"

#include "broker/record.h"
#include "broker/topic_name.h"

#include <algorithm>
#include <cstring>
#include <mutex>

namespace imago::broker {
namespace {

constexpr std::uint8_t topic_record_version = 1;
constexpr char topic_mark = 't';
constexpr char debris_mark = 'd';
/// More partitions than any request can make: guards the sum of run lengths of a foreign record.
constexpr std::uint64_t partitions_max = 16'000'000;

std::string key_of(char mark, const uuid& id) {
    std::string key(1, mark);
    key.append(reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size());
    return key;
}

void put_runs(record_writer& out, std::span<const queue_run> runs) {
    out.put<std::uint32_t>(static_cast<std::uint32_t>(runs.size()));
    for (const queue_run& run : runs) {
        out.put<std::uint32_t>(run.first.value);
        out.put<std::uint32_t>(run.count);
    }
}

bool get_runs(record_reader& in, std::vector<queue_run>& runs) {
    std::uint64_t sum = 0;
    for (auto left = in.get_count(8); left > 0; --left) {
        const queue_id first{in.get<std::uint32_t>()};
        const auto count = in.get<std::uint32_t>();
        sum += count;
        if (sum > partitions_max || std::uint64_t{first.value} + count > UINT32_MAX) return false;
        runs.push_back({first, count});
    }
    return in.ok();
}

std::shared_ptr<topic> read_topic(const uuid& id, byte_view value) {
    record_reader in(value);
    if (in.get<std::uint8_t>() != topic_record_version) return nullptr;
    auto read = std::make_shared<topic>();
    read->id = id;
    read->name = in.get_text();
    read->created = in.get<std::int64_t>();
    std::vector<queue_run> runs;
    if (!get_runs(in, runs)) return nullptr;
    for (const queue_run& run : runs) {
        for (std::uint32_t i = 0; i < run.count; ++i) read->partitions.push_back({run.first.value + i});
    }
    for (auto left = in.get_count(8); left > 0; --left) {
        const auto name = in.get_text();
        const auto text = in.get_text();
        read->configs.emplace(name, text);
    }
    if (!in.done() || topic_name_problem(read->name) || read->partitions.empty()) return nullptr;
    return read;
}

}  // namespace

std::vector<queue_run> to_runs(std::span<const queue_id> ids) {
    std::vector<queue_run> runs;
    for (queue_id id : ids) {
        if (!runs.empty() && runs.back().first.value + runs.back().count == id.value) {
            ++runs.back().count;
        } else {
            runs.push_back({id, 1});
        }
    }
    return runs;
}

topic_ptr topics::find(std::string_view name) const {
    std::shared_lock lock(mutex_);
    const auto found = by_name_.find(name);
    return found == by_name_.end() ? nullptr : found->second;
}

topic_ptr topics::find(const uuid& id) const {
    std::shared_lock lock(mutex_);
    const auto found = by_id_.find(id);
    return found == by_id_.end() ? nullptr : found->second;
}

std::optional<topics::place> topics::locate_locked(queue_id queue) const {
    auto after = by_queue_.upper_bound(queue.value);
    if (after == by_queue_.begin()) return std::nullopt;
    const auto& [first, run] = *--after;
    if (queue.value - first >= run.count) return std::nullopt;
    const auto owner = by_id_.find(run.topic);
    if (owner == by_id_.end()) return std::nullopt;
    return place{owner->second, run.first_partition + static_cast<std::int32_t>(queue.value - first)};
}

std::optional<topics::place> topics::locate(queue_id queue) const {
    std::shared_lock lock(mutex_);
    return locate_locked(queue);
}

std::vector<topic_ptr> topics::all() const {
    std::vector<topic_ptr> list;
    {
        std::shared_lock lock(mutex_);
        list.reserve(by_name_.size());
        for (const auto& [name, topic] : by_name_) list.push_back(topic);
    }
    std::sort(list.begin(), list.end(),
              [](const topic_ptr& a, const topic_ptr& b) { return a->name < b->name; });
    return list;
}

std::size_t topics::count() const {
    std::shared_lock lock(mutex_);
    return by_name_.size();
}

std::string topics::collision_with(std::string_view name) const {
    std::shared_lock lock(mutex_);
    const auto found = collisions_.find(collision_form(name));
    if (found == collisions_.end()) return {};
    for (const std::string& other : found->second) {
        if (other != name) return other;
    }
    return {};
}

store::retention topics::retention_of(queue_id queue) const {
    const auto where = locate(queue);
    if (!where || !where->owner->settings.expire) return {};
    const topic_settings& settings = where->owner->settings;
    return {std::max<std::int64_t>(settings.retention_ms, -1),
            std::max<std::int64_t>(settings.retention_bytes, -1)};
}

std::string topics::name_of(queue_id queue) const {
    const auto where = locate(queue);
    if (!where) return "queue " + std::to_string(queue.value);
    return where->owner->name + "[" + std::to_string(where->partition) + "]";
}

std::shared_ptr<const topic_defaults> topics::shared_defaults() const {
    std::shared_lock lock(mutex_);
    return defaults_;
}

void topics::set_defaults(topic_defaults defaults) {
    std::unique_lock lock(mutex_);
    defaults_ = std::make_shared<const topic_defaults>(std::move(defaults));
    for (auto& [id, present] : by_id_) {
        auto changed = std::make_shared<topic>(*present);
        changed->settings = make_topic_settings(changed->configs, *defaults_);
        by_name_[changed->name] = changed;
        present = std::move(changed);
    }
}

void topics::put(std::shared_ptr<topic> topic) {
    erase(topic->id);
    // Two ids under one name cannot be while the administration checks names; the younger record wins.
    if (const auto same = by_name_.find(topic->name); same != by_name_.end()) {
        const uuid other = same->second->id;
        erase(other);
    }
    topic->settings = make_topic_settings(topic->configs, *defaults_);
    std::int32_t partition = 0;
    for (const queue_run& run : to_runs(topic->partitions)) {
        by_queue_[run.first.value] = {topic->id, run.count, partition};
        partition += static_cast<std::int32_t>(run.count);
    }
    if (has_collision_chars(topic->name)) collisions_[collision_form(topic->name)].push_back(topic->name);
    by_id_[topic->id] = topic;
    by_name_[topic->name] = std::move(topic);
}

void topics::erase(const uuid& id) {
    const auto found = by_id_.find(id);
    if (found == by_id_.end()) return;
    const topic_ptr gone = found->second;
    for (const queue_run& run : to_runs(gone->partitions)) by_queue_.erase(run.first.value);
    if (const auto group = collisions_.find(collision_form(gone->name)); group != collisions_.end()) {
        std::erase(group->second, gone->name);
        if (group->second.empty()) collisions_.erase(group);
    }
    by_name_.erase(gone->name);
    by_id_.erase(found);
}

void topics::apply(byte_view key, byte_view value, bool removed) {
    // Decoded outside of the lock: a topic of ten thousand partitions must not stop lookups of others for
    // long.
    const char mark = key.size() == 17 ? static_cast<char>(key[0]) : '\0';
    uuid id;
    if (mark != '\0') std::memcpy(id.bytes.data(), key.data() + 1, 16);
    std::shared_ptr<topic> read;
    std::vector<queue_run> runs;
    bool readable = mark == topic_mark || mark == debris_mark;
    if (readable && !removed) {
        if (mark == topic_mark) {
            read = read_topic(id, value);
            readable = read != nullptr;
        } else {
            record_reader in(value);
            readable = in.get<std::uint8_t>() == topic_record_version && get_runs(in, runs) && in.done();
        }
    }

    std::string changed;
    {
        std::unique_lock lock(mutex_);
        if (removed) unreadable_.erase(std::string(as_text(key)));
        if (!readable) {
            if (!removed) unreadable_[std::string(as_text(key))] = as_text(value);
        } else if (mark == topic_mark) {
            if (const auto present = by_id_.find(id); removed && present != by_id_.end()) {
                changed = present->second->name;
            }
            if (removed) {
                erase(id);
            } else {
                changed = read->name;
                put(std::move(read));
            }
        } else if (removed) {
            debris_.erase(id);
        } else {
            debris_[id] = std::move(runs);
        }
    }
    if (on_change && !changed.empty()) on_change(changed);
}

void topics::dump(const std::function<void(byte_view key, byte_view value)>& out) const {
    // Pictures are taken under the lock and written out after it: `out` may be slow.
    std::vector<topic_ptr> list = all();
    std::vector<debris> left = unfinished();
    std::map<std::string, std::string> unreadable;
    {
        std::shared_lock lock(mutex_);
        unreadable = unreadable_;
    }
    const auto give = [&](const store::table_change& change) {
        out(as_bytes(change.key), as_bytes(change.value));
    };
    for (const topic_ptr& topic : list) give(topic_record(*topic));
    for (const debris& one : left) give(debris_record(one));
    for (const auto& [key, value] : unreadable) out(as_bytes(key), as_bytes(value));
}

std::vector<topics::debris> topics::unfinished() const {
    std::shared_lock lock(mutex_);
    std::vector<debris> list;
    for (const auto& [id, runs] : debris_) list.push_back({id, runs});
    return list;
}

std::size_t topics::unreadable() const {
    std::shared_lock lock(mutex_);
    return unreadable_.size();
}

store::table_change topics::topic_record(const topic& topic) {
    record_writer out(topic_record_version);
    out.put_text(topic.name);
    out.put<std::int64_t>(topic.created);
    put_runs(out, to_runs(topic.partitions));
    out.put<std::uint32_t>(static_cast<std::uint32_t>(topic.configs.size()));
    for (const auto& [name, value] : topic.configs) {
        out.put_text(name);
        out.put_text(value);
    }
    return {store::table_id::topics, key_of(topic_mark, topic.id), out.take(), false};
}

store::table_change topics::topic_removal(const uuid& id) {
    return {store::table_id::topics, key_of(topic_mark, id), {}, true};
}

store::table_change topics::debris_record(const debris& debris) {
    record_writer out(topic_record_version);
    put_runs(out, debris.runs);
    return {store::table_id::topics, key_of(debris_mark, debris.id), out.take(), false};
}

store::table_change topics::debris_removal(const uuid& id) {
    return {store::table_id::topics, key_of(debris_mark, id), {}, true};
}

}  // namespace imago::broker
