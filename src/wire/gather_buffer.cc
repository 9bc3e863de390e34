#include "wire/gather_buffer.h"

#include <algorithm>
#include <utility>

namespace imago::wire {
namespace {
constexpr std::size_t chunk_min = 1024;
constexpr std::size_t chunk_max = 256 * 1024;
}  // namespace

void gather_buffer::close_part() {
    if (next_ != part_begin_) parts_.emplace_back(part_begin_, next_);
    part_begin_ = next_;
}

void gather_buffer::grow(std::size_t size) {
    close_part();
    const std::size_t doubled = chunks_.empty() ? chunk_min : std::min(chunk_max, chunks_.back().size * 2);
    const std::size_t wanted = std::max(size, doubled);
    chunks_.push_back({std::unique_ptr<std::byte[]>(new std::byte[wanted]), wanted});
    part_begin_ = next_ = chunks_.back().bytes.get();
    end_ = next_ + wanted;
}

void gather_buffer::attach(const byte_slice& slice) {
    if (slice.bytes.size() <= copy_max) return append(slice.bytes);
    close_part();
    parts_.push_back(slice.bytes);
    size_ += slice.bytes.size();
    // Neighbouring slices mostly come from one slab: one reference is enough.
    if (owners_.empty() || owners_.back() != slice.owner) owners_.push_back(slice.owner);
}

void gather_buffer::splice(gather_buffer&& other) {
    close_part();
    other.close_part();
    // Our open chunk must stay the last one, because the next own bytes go there.
    const auto before_last = chunks_.empty() ? chunks_.end() : chunks_.end() - 1;
    chunks_.insert(before_last, std::make_move_iterator(other.chunks_.begin()),
                   std::make_move_iterator(other.chunks_.end()));
    parts_.insert(parts_.end(), other.parts_.begin(), other.parts_.end());
    owners_.insert(owners_.end(), std::make_move_iterator(other.owners_.begin()),
                   std::make_move_iterator(other.owners_.end()));
    size_ += other.size_;
    other = gather_buffer();
}

std::span<const byte_view> gather_buffer::parts() {
    close_part();
    return parts_;
}

std::vector<std::byte> gather_buffer::flatten() {
    std::vector<std::byte> all;
    all.reserve(size_);
    for (byte_view part : parts()) all.insert(all.end(), part.begin(), part.end());
    return all;
}

void gather_buffer::clear() {
    parts_.clear();
    owners_.clear();
    size_ = 0;
    if (chunks_.empty()) return;
    auto largest = std::max_element(chunks_.begin(), chunks_.end(),
                                    [](const chunk& a, const chunk& b) { return a.size < b.size; });
    std::swap(*largest, chunks_.front());
    chunks_.resize(1);
    part_begin_ = next_ = chunks_.front().bytes.get();
    end_ = next_ + chunks_.front().size;
}

}  // namespace imago::wire
