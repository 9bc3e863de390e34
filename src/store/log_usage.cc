#include "store/log_usage.h"

#include <algorithm>
#include <utility>

namespace imago::store {

void log_usage::add(log_position segment_base, const usage_entry& entry) {
    if (segments_.empty() || segments_.back()->base < segment_base) {
        segments_.push_back(std::make_shared<segment_usage>());
        segments_.back()->base = segment_base;
        number_ += 1;
    } else if (segments_.back()->base > segment_base) {
        for (auto& segment : segments_) {
            if (segment->base == segment_base) merge(*segment, entry);
        }
        return;
    }
    if (entry.queue.value >= slots_.size()) slots_.resize(std::max<std::size_t>(entry.queue.value + 1, slots_.size() * 2));
    slot& slot = slots_[entry.queue.value];
    auto& entries = segments_.back()->entries;
    if (slot.segment != number_) {
        slot = {number_, static_cast<std::uint32_t>(entries.size())};
        entries.push_back(entry);
        new_queues_ = true;
        return;
    }
    usage_entry& known = entries[slot.index];
    if (entry.end <= known.end) return;  // replay of what a checkpoint already counted
    known.end = entry.end;
    known.max_timestamp = std::max(known.max_timestamp, entry.max_timestamp);
    known.bytes += entry.bytes;
}

void log_usage::merge(segment_usage& into, const usage_entry& entry) {
    for (usage_entry& known : into.entries) {
        if (known.queue != entry.queue) continue;
        if (entry.end <= known.end) return;  // replay of what a checkpoint already counted
        known.end = entry.end;
        known.max_timestamp = std::max(known.max_timestamp, entry.max_timestamp);
        known.bytes += entry.bytes;
        return;
    }
    into.entries.push_back(entry);
}

bool log_usage::take_new_queues() {
    const std::lock_guard lock(mutex_);
    return std::exchange(new_queues_, false);
}

std::vector<std::shared_ptr<const segment_usage>> log_usage::sealed() const {
    const std::lock_guard lock(mutex_);
    if (segments_.empty()) return {};
    return {segments_.begin(), segments_.end() - 1};
}

segment_usage log_usage::current() const {
    const std::lock_guard lock(mutex_);
    return segments_.empty() ? segment_usage{} : *segments_.back();
}

void log_usage::drop(log_position base) {
    const std::lock_guard lock(mutex_);
    std::erase_if(segments_, [&](const auto& segment) { return segment->base == base; });
}

void log_usage::restore(segment_usage&& usage) {
    const std::lock_guard lock(mutex_);
    number_ += 1;
    for (std::uint32_t i = 0; i < usage.entries.size(); ++i) {
        const queue_id queue = usage.entries[i].queue;
        if (queue.value >= slots_.size()) slots_.resize(std::max<std::size_t>(queue.value + 1, slots_.size() * 2));
        slots_[queue.value] = {number_, i};
    }
    segments_.push_back(std::make_shared<segment_usage>(std::move(usage)));
}

}  // namespace imago::store
