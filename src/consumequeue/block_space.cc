#include "consumequeue/block_space.h"

#include "base/check.h"

#include <algorithm>
#include <utility>

namespace imago::consumequeue {

void block_space::count_live(block_place place) {
    ++files_[place.file].live;
    named_[place.file].push_back(place.block);
}

void block_space::settle(std::uint32_t number, std::uint32_t blocks) {
    const auto found = named_.find(number);
    if (found == named_.end()) return;
    std::vector<std::uint32_t> named = std::move(found->second);
    named_.erase(found);
    std::sort(named.begin(), named.end());
    file& file = files_.at(number);
    auto next = named.begin();
    for (std::uint32_t block = 0; block < blocks; ++block) {
        if (next != named.end() && *next == block) {
            ++next;
        } else {
            file.dead.push_back(block);
        }
    }
    make_holes(number, file);
}

void block_space::begin_above(std::uint32_t number) {
    next_ = {number, 0};
    begun_ = true;
    named_.clear();
}

block_run block_space::take(std::uint32_t count) {
    IMAGO_ASSERT(begun_);
    if (next_.block == per_file_) next_ = {next_.file + 1, 0};
    const block_run taken{next_, std::min(count, per_file_ - next_.block)};
    next_.block += taken.count;
    files_[taken.first.file].live += taken.count;
    return taken;
}

void block_space::give_back(const block_run& run) {
    const bool last = next_.file == run.first.file && next_.block == run.first.block + run.count;
    if (!last) {
        for (std::uint32_t i = 0; i < run.count; ++i) dead({run.first.file, run.first.block + i});
        return;
    }
    next_ = run.first;
    const auto at = files_.find(run.first.file);
    at->second.live -= run.count;
    if (at->second.live == 0 && run.first.block > 0) give_up(at);
}

block_run block_space::room_for(const block_run& run) {
    file& file = files_.at(run.first.file);
    const std::uint32_t end = run.first.block + run.count;
    if (end <= file.room) return {};
    constexpr std::uint32_t small = 16;
    constexpr std::uint32_t large = 256;
    const std::uint32_t step = file.room == 0 ? small : large;
    const block_run room{{run.first.file, file.room},
                         std::min(per_file_, (end + step - 1) / step * step) - file.room};
    file.room += room.count;
    return room;
}

void block_space::dead(block_place place) {
    const auto at = files_.find(place.file);
    IMAGO_ASSERT(at != files_.end() && at->second.live > 0);
    file& file = at->second;
    file.dead.push_back(place.block);
    if (--file.live == 0) return give_up(at);
    make_holes(place.file, file);
}

void block_space::make_holes(std::uint32_t number, file& of) {
    if (of.dead.size() < std::max<std::size_t>(per_file_ / 4, 1)) return;
    std::sort(of.dead.begin(), of.dead.end());
    for (const std::uint32_t block : of.dead) {
        const bool neighbour = !holes_.empty() && holes_.back().first.file == number &&
                               holes_.back().first.block + holes_.back().count == block;
        if (neighbour) {
            ++holes_.back().count;
        } else {
            holes_.push_back({{number, block}, 1});
        }
    }
    of.dead.clear();
}

void block_space::give_up(std::map<std::uint32_t, file>::iterator at) {
    const std::uint32_t number = at->first;
    if (number == next_.file) next_ = {number + 1, 0};
    empty_.push_back(number);
    files_.erase(at);
}

std::vector<std::uint32_t> block_space::take_empty() { return std::exchange(empty_, {}); }
std::vector<block_run> block_space::take_holes() { return std::exchange(holes_, {}); }

}  // namespace imago::consumequeue
