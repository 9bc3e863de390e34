#include "store/waiting_reads.h"

#include <algorithm>

#include "base/check.h"

namespace imago::store {

void waiting_reads::add(log_range& range, urgency how) {
    turns& in = how == urgency::wanted ? wanted_ : ahead_;
    const bool fresh = places_.emplace(key{range.from, &range}, place{&in, in.insert(in.end(), &range)}).second;
    IMAGO_ASSERT(fresh);
}

bool waiting_reads::remove(log_range& range) {
    const auto found = places_.find(key{range.from, &range});
    if (found == places_.end()) return false;
    found->second.in->erase(found->second.at);
    places_.erase(found);
    return true;
}

void waiting_reads::hurry(log_range& range) {
    const auto found = places_.find(key{range.from, &range});
    if (found == places_.end() || found->second.in == &wanted_) return;
    wanted_.splice(wanted_.end(), ahead_, found->second.at);
    found->second.in = &wanted_;
}

const waiting_reads::next_read& waiting_reads::peek() {
    log_range& first = *(wanted_.empty() ? ahead_ : wanted_).front();
    const auto middle = places_.find(key{first.from, &first});
    next_.whole = first;
    next_.ranges.assign(1, &first);
    std::uint64_t useful = first.size;
    // Those before it, then those behind it, until one does not fit.
    const auto fits = [&](const log_range& other) {
        if (other.segment != first.segment) return false;
        const std::uint64_t from = std::min(next_.whole.from.value, other.from.value);
        const std::uint64_t size = std::max(next_.whole.end().value, other.end().value) - from;
        const std::uint64_t gap = other.from > next_.whole.end() ? other.from - next_.whole.end()
                                  : next_.whole.from > other.end() ? next_.whole.from - other.end() : 0;
        // Overlapping ones add no more than they reach out.
        const std::uint64_t added = size - next_.whole.size - gap;
        if (size > together_max || gap > gap_max || size > 2 * (useful + added)) return false;
        next_.whole.from = {from};
        next_.whole.size = size;
        useful += added;
        return true;
    };
    for (auto before = middle; before != places_.begin();) {
        --before;
        if (!fits(*before->first.range)) break;
        next_.ranges.push_back(before->first.range);
    }
    std::reverse(next_.ranges.begin(), next_.ranges.end());
    for (auto behind = std::next(middle); behind != places_.end() && fits(*behind->first.range); ++behind) {
        next_.ranges.push_back(behind->first.range);
    }
    return next_;
}

void waiting_reads::pop() {
    for (log_range* range : next_.ranges) IMAGO_ASSERT(remove(*range));
    next_.whole.segment = nullptr;
}

}  // namespace imago::store
