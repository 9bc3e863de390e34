#include "store/retention.h"

#include <algorithm>
#include <unordered_map>

#include "store/change_codec.h"

namespace imago::store {
namespace {

bool alive(const usage_entry& entry, const std::optional<queue_bounds>& bounds) {
    return bounds && bounds->start < entry.end;
}

unix_ms expiry_of(const usage_entry& entry, const retention& keep) {
    constexpr unix_ms never = INT64_MAX;
    if (keep.ms < 0 || entry.max_timestamp < 0) return never;
    return entry.max_timestamp > never - keep.ms ? never : entry.max_timestamp + keep.ms;
}

}  // namespace

std::vector<queue_trim> retention_policy::trims(const std::vector<std::shared_ptr<const segment_usage>>& sealed,
                                                const segment_usage& current, const retention_view& view, unix_ms now) {
    // A new sealed segment is when sizes are looked at; that queues have to be followed through all segments then is work
    // that the data written since paid for.
    std::unordered_map<std::uint32_t, queue_offset> by_time;
    std::unordered_map<std::uint32_t, std::uint64_t> by_size;  // live bytes left
    const auto look = [&](const segment_usage& segment, bool is_current) {
        const auto known = expiry_.find(segment.base);
        // Sizes are looked at once it is sealed; that it was seen before that says nothing of them.
        const bool is_new = known == expiry_.end() || (!is_current && segment.base == seen_as_current_);
        if (!is_new && !is_current && known->second > now) return;
        unix_ms earliest = never;
        for (const usage_entry& entry : segment.entries) {
            if (entry.queue == change_queue || !alive(entry, view.bounds(entry.queue))) continue;
            const retention keep = view.retention_of(entry.queue);
            const unix_ms expiry = expiry_of(entry, keep);
            if (expiry <= now) {
                queue_offset& start = by_time[entry.queue.value];
                start = std::max(start, entry.end);
            } else {
                earliest = std::min(earliest, expiry);
            }
            if (is_new && !is_current && keep.bytes >= 0) by_size.try_emplace(entry.queue.value, 0);
        }
        expiry_[segment.base] = earliest;
    };
    for (const auto& segment : sealed) look(*segment, false);
    if (!current.entries.empty()) {
        look(current, true);
        if (expiry_[current.base] == never) expiry_.erase(current.base);  // it is new again when it is sealed
        seen_as_current_ = current.base;
    }
    std::erase_if(expiry_, [&](const auto& item) {
        return item.first != current.base &&
               std::none_of(sealed.begin(), sealed.end(), [&](const auto& s) { return s->base == item.first; });
    });
    if (by_time.empty() && by_size.empty()) return {};

    const auto sum = [&](const segment_usage& segment) {
        for (const usage_entry& entry : segment.entries) {
            const auto sized = by_size.find(entry.queue.value);
            if (sized != by_size.end() && alive(entry, view.bounds(entry.queue))) sized->second += entry.bytes;
        }
    };
    if (!by_size.empty()) {
        for (const auto& segment : sealed) sum(*segment);
        sum(current);
    }

    // Order: nothing goes while something older in the same queue has to stay.
    std::unordered_map<std::uint32_t, queue_offset> starts;
    std::unordered_map<std::uint32_t, bool> stays;
    const auto follow = [&](const segment_usage& segment, bool is_current) {
        for (const usage_entry& entry : segment.entries) {
            const std::uint32_t id = entry.queue.value;
            const bool timed = by_time.contains(id);
            const auto sized = by_size.find(id);
            if ((!timed && sized == by_size.end()) || stays[id] || !alive(entry, view.bounds(entry.queue))) continue;
            const retention keep = view.retention_of(entry.queue);
            bool goes = expiry_of(entry, keep) <= now;
            if (!goes && sized != by_size.end() && !is_current) {
                goes = sized->second >= entry.bytes && sized->second - entry.bytes >= static_cast<std::uint64_t>(keep.bytes);
            }
            if (!goes) {
                stays[id] = true;
                continue;
            }
            if (sized != by_size.end()) sized->second -= std::min(sized->second, entry.bytes);
            starts[id] = entry.end;
        }
    };
    for (const auto& segment : sealed) follow(*segment, false);
    follow(current, true);
    std::vector<queue_trim> result;
    result.reserve(starts.size());
    for (const auto& [id, start] : starts) result.push_back({{id}, start});
    return result;
}

std::optional<unix_ms> retention_policy::next_expiry() const {
    unix_ms earliest = never;
    for (const auto& [base, expiry] : expiry_) earliest = std::min(earliest, expiry);
    return earliest == never ? std::nullopt : std::optional(earliest);
}

bool is_dead(const segment_usage& usage, const std::function<std::optional<queue_bounds>(queue_id)>& bounds,
             bool& only_changes) {
    only_changes = false;
    for (const usage_entry& entry : usage.entries) {
        if (!alive(entry, bounds(entry.queue))) continue;
        if (entry.queue != change_queue) {
            only_changes = false;
            return false;
        }
        only_changes = true;
    }
    return !only_changes;
}

}  // namespace imago::store
