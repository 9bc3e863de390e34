#include "io/sim_file.h"

#include "base/check.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace imago::io {
namespace {

bool all_zero(byte_view bytes) {
    if (bytes.empty() || bytes[0] != std::byte{0}) return bytes.empty();
    return std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
}

// Forgets the earlier content of each sector whose newest write, up to `up_to`, a sync made durable.
void settle(sim_page& page, std::uint64_t up_to) {
    if (page.earlier.empty()) return;
    std::array<std::size_t, sim_page_size / sector_size>
        settled{};  // entries of each sector to forget: 1 + index
    for (std::size_t i = 0; i < page.earlier.size(); ++i) {
        const auto& entry = page.earlier[i];
        if (entry.sequence <= up_to && !entry.lost) settled[entry.sector] = i + 1;
    }
    std::size_t index = 0;
    std::erase_if(page.earlier, [&](const auto& entry) { return index++ < settled[entry.sector]; });
}

// Each write to each sector survived or not, in any order: going back from the newest, the first one that
// survived is what the sector holds.
void lose_writes(sim_page& page, double survival, sim_random& random) {
    std::array<bool, sim_page_size / sector_size> decided{};
    for (auto entry = page.earlier.rbegin(); entry != page.earlier.rend(); ++entry) {
        if (decided[entry->sector]) continue;
        if (random.chance(survival)) {
            decided[entry->sector] = true;
        } else {
            std::memcpy(page.bytes.data() + entry->sector * sector_size, entry->bytes.data(), sector_size);
        }
    }
    page.earlier.clear();
}

}  // namespace

// ---- Pages
// ---------------------------------------------------------------------------------------------------------

sim_page* sim_pages::zeros() {
    static sim_page page{};
    return &page;
}

sim_page* sim_pages::take() {
    if (free_.empty()) {
        all_.push_back(std::make_unique<sim_page>());
        return all_.back().get();
    }
    sim_page* page = free_.back();
    free_.pop_back();
    return page;
}

void sim_pages::give_back(sim_page* page) {
    page->earlier.clear();
    page->listed = false;
    free_.push_back(page);
}

// ---- Content
// -------------------------------------------------------------------------------------------------------

sim_content::~sim_content() {
    forget_changes(UINT64_MAX);
    for (std::size_t i = 0; i < table_.size(); ++i) set_page(i, nullptr);
}

void sim_content::release(sim_page* page) {
    if (page != nullptr && page != sim_pages::zeros()) pages_.give_back(page);
}

// Replaces a page and keeps the account of space; the old page goes back.
void sim_content::set_page(std::size_t index, sim_page* page) {
    if (index >= table_.size()) {
        if (page == nullptr) return;
        table_.resize(index + 1, nullptr);
    }
    sim_page*& place = table_[index];
    const std::uint64_t before = place != nullptr ? sim_page_size : 0;
    const std::uint64_t after = page != nullptr ? sim_page_size : 0;
    release(place);
    place = page;
    space_ += after - before;
    pages_.used += after - before;
}

bool sim_content::reserve_page(std::size_t index) {
    if (page_at(index) != nullptr) return true;
    if (pages_.used + sim_page_size > pages_.capacity) return false;
    set_page(index, sim_pages::zeros());
    return true;
}

sim_page& sim_content::own_page(std::size_t index) {
    sim_page* page = page_at(index);
    if (page == nullptr || page == sim_pages::zeros()) {
        page = pages_.take();
        page->bytes.fill(std::byte{0});
        set_page(index, page);
    }
    return *page;
}

void sim_content::list_page(std::size_t index, sim_page& page) {
    if (page.listed) return;
    page.listed = true;
    unsettled_.push_back(index);
}

std::size_t sim_content::read(std::uint64_t offset, byte_span into) const {
    if (offset >= size_) return 0;
    const std::size_t count = std::min<std::uint64_t>(into.size(), size_ - offset);
    for (std::size_t at = 0; at < count;) {
        const std::size_t within = (offset + at) % sim_page_size;
        const std::size_t part = std::min(count - at, sim_page_size - within);
        const sim_page* page = page_at((offset + at) / sim_page_size);
        if (page != nullptr) {
            std::memcpy(into.data() + at, page->bytes.data() + within, part);
        } else {
            std::memset(into.data() + at, 0, part);
        }
        at += part;
    }
    return count;
}

void sim_content::keep_earlier(std::size_t index, sim_page& page, std::size_t from, std::size_t to) {
    for (std::size_t sector = from / sector_size; sector * sector_size < to; ++sector) {
        auto& entry = page.earlier.emplace_back();
        entry.sequence = sequence_;
        entry.sector = static_cast<std::uint32_t>(sector);
        entry.lost = false;
        std::memcpy(entry.bytes.data(), page.bytes.data() + sector * sector_size, sector_size);
    }
    list_page(index, page);
}

// Whether a durable write needs nothing of what a crash could still undo.
bool sim_content::overwrites_settled_space(std::uint64_t offset, std::size_t size) const {
    return std::all_of(changes_.begin(), changes_.end(), [&](const change& each) {
        return each.pages_before.empty() && offset + size <= each.size_before;
    });
}

result<> sim_content::write(std::uint64_t offset, byte_view bytes, bool durable) {
    ++sequence_;
    // The journal commits in order: a durable write that needs a new size or new space takes all changes
    // before along.
    if (durable && !changes_.empty() && !overwrites_settled_space(offset, bytes.size()))
        forget_changes(UINT64_MAX);
    result<> outcome;
    std::size_t at = 0;
    while (at < bytes.size()) {
        const std::size_t index = (offset + at) / sim_page_size;
        const std::size_t within = (offset + at) % sim_page_size;
        const std::size_t part = std::min(bytes.size() - at, sim_page_size - within);
        const byte_view piece = bytes.subspan(at, part);
        if (!reserve_page(index)) {
            outcome = fail(system_error_code(ENOSPC));
            break;
        }
        if (table_[index] != sim_pages::zeros() || !all_zero(piece)) {
            sim_page& page = own_page(index);
            if (!durable) {
                keep_earlier(index, page, within, within + part);
            } else if (!page.earlier.empty()) {
                std::erase_if(page.earlier, [&](const auto& entry) {
                    return entry.sector >= within / sector_size && entry.sector * sector_size < within + part;
                });
            }
            std::memcpy(page.bytes.data() + within, piece.data(), part);
        }
        at += part;
    }
    if (at > 0) grow(offset + at, durable, true);
    return outcome;
}

void sim_content::grow(std::uint64_t size, bool durable, bool log) {
    if (size <= size_) return;
    if (durable) {
        forget_changes(UINT64_MAX);
    } else if (log) {
        changes_.push_back({sequence_, size_, 0, {}});
    }
    size_ = size;
}

result<> sim_content::allocate(std::uint64_t offset, std::uint64_t size) {
    ++sequence_;
    const std::size_t count = (offset + size + sim_page_size - 1) / sim_page_size;
    if (table_.size() < count) table_.resize(count, nullptr);
    for (std::size_t i = offset / sim_page_size; i < count; ++i)
        if (!reserve_page(i)) return fail(system_error_code(ENOSPC));
    grow(offset + size, false, true);
    return {};
}

// Makes [from, to) zeros that take no space, in one step that a crash undoes whole or not at all.
void sim_content::erase(std::uint64_t from, std::uint64_t to) {
    change undo{sequence_, size_, from / sim_page_size, {}};
    const std::size_t end = std::min<std::uint64_t>((to + sim_page_size - 1) / sim_page_size, table_.size());
    for (std::size_t index = undo.first_page; index < end; ++index) {
        sim_page* before = table_[index];
        const std::uint64_t start = index * sim_page_size;
        const std::size_t first = from > start ? from - start : 0;
        const std::size_t last = std::min<std::uint64_t>(to - start, sim_page_size);
        undo.pages_before.push_back(before);
        if (before == nullptr) continue;
        table_[index] = nullptr;  // not set_page(): the page lives on in the change
        space_ -= sim_page_size;
        pages_.used -= sim_page_size;
        if (first == 0 && last == sim_page_size) continue;
        if (before == sim_pages::zeros()) {
            set_page(index, before);
            continue;
        }
        sim_page* rest = pages_.take();
        rest->bytes = before->bytes;
        std::memset(rest->bytes.data() + first, 0, last - first);
        for (const auto& entry : before->earlier) {
            auto& copy = rest->earlier.emplace_back(entry);
            const std::size_t sector = entry.sector * sector_size;
            const std::size_t begin = std::max(first, sector);
            const std::size_t stop = std::min(last, sector + sector_size);
            if (begin < stop) std::memset(copy.bytes.data() + begin - sector, 0, stop - begin);
        }
        set_page(index, rest);
        if (!rest->earlier.empty()) list_page(index, *rest);
    }
    if (undo.pages_before.empty()) undo.pages_before.push_back(nullptr);  // marks it as more than growth
    changes_.push_back(std::move(undo));
}

void sim_content::truncate(std::uint64_t size) {
    ++sequence_;
    if (size >= size_) return grow(size, false, true);
    erase(size, std::max<std::uint64_t>(size_, table_.size() * sim_page_size));
    size_ = size;
}

void sim_content::punch_hole(std::uint64_t offset, std::uint64_t size) {
    ++sequence_;
    const std::uint64_t end = std::min(offset + std::min(size, UINT64_MAX - offset), size_);
    if (offset < end) erase(offset, end == size_ ? round_up(end, sim_page_size) : end);
}

void sim_content::sync(std::uint64_t up_to) {
    forget_changes(up_to);
    for (auto& each : changes_)
        for (sim_page* page : each.pages_before)
            if (page != nullptr && page != sim_pages::zeros()) settle(*page, up_to);
    std::erase_if(unsettled_, [&](std::size_t index) {
        sim_page* page = page_at(index);
        if (page == nullptr || page == sim_pages::zeros() || !page->listed) return true;
        settle(*page, up_to);
        page->listed = !page->earlier.empty();
        return !page->listed;
    });
}

void sim_content::fail_sync(std::uint64_t up_to) {
    for (const std::size_t index : unsettled_)
        if (sim_page* page = page_at(index); page != nullptr)
            for (auto& entry : page->earlier)
                if (entry.sequence <= up_to) entry.lost = true;
}

void sim_content::overwrite(std::uint64_t offset, byte_view bytes) {
    for (std::size_t i = 0; i < bytes.size() && offset + i < size_; ++i)
        own_page((offset + i) / sim_page_size).bytes[(offset + i) % sim_page_size] = bytes[i];
}

// ---- Crash
// ---------------------------------------------------------------------------------------------------------

void sim_content::forget_changes(std::uint64_t up_to) {
    std::size_t count = 0;
    for (; count < changes_.size() && changes_[count].sequence <= up_to; ++count)
        for (sim_page* page : changes_[count].pages_before) release(page);
    changes_.erase(changes_.begin(), changes_.begin() + static_cast<std::ptrdiff_t>(count));
}

void sim_content::undo_last_change() {
    change& last = changes_.back();
    for (std::size_t i = 0; i < last.pages_before.size(); ++i)
        set_page(last.first_page + i, last.pages_before[i]);
    size_ = last.size_before;
    changes_.pop_back();
}

// Nothing lives beyond the size: pages there go, and the rest of the last one is zero.
void sim_content::cut_pages() {
    const std::size_t count = (size_ + sim_page_size - 1) / sim_page_size;
    while (table_.size() > count) {
        set_page(table_.size() - 1, nullptr);
        table_.pop_back();
    }
    const std::size_t within = size_ % sim_page_size;
    if (sim_page* last = page_at(size_ / sim_page_size);
        within != 0 && last != nullptr && last != sim_pages::zeros())
        std::memset(last->bytes.data() + within, 0, sim_page_size - within);
}

void sim_content::crash(sim_random& random) {
    if (unsettled_.empty() && changes_.empty()) return;
    // Also the extremes, nothing lost and all lost, which a coin for each sector would never show.
    constexpr std::array<double, 4> survivals = {0.0, 0.5, 0.9, 1.1};
    const double survival = survivals[random.below(survivals.size())];
    for (auto& each : changes_)
        for (sim_page* page : each.pages_before)
            if (page != nullptr && page != sim_pages::zeros()) {
                lose_writes(*page, survival, random);
                page->listed = false;
            }
    for (const std::size_t index : unsettled_) {
        sim_page* page = page_at(index);
        if (page == nullptr || page == sim_pages::zeros()) continue;
        lose_writes(*page, survival, random);
        page->listed = false;
    }
    unsettled_.clear();
    if (!changes_.empty()) {
        for (auto left = random.below(changes_.size() + 1); left > 0; --left) undo_last_change();
        forget_changes(UINT64_MAX);
        cut_pages();
    }
}

void sim_content::tear(std::uint64_t offset, byte_view bytes, sim_random& random) {
    if (bytes.empty()) return;
    enum class how : std::uint8_t { none, whole, up_to_here, each_by_itself };
    const auto mode = static_cast<how>(random.below(4));
    if (mode == how::none) return;
    const std::uint64_t end = offset + bytes.size();
    const std::uint64_t first = round_down(offset, sector_size);
    const std::uint64_t sectors = (round_up(end, sector_size) - first) / sector_size;
    const std::uint64_t reached = random.below(sectors);  // the sector where up_to_here stopped
    if (end > size_) {
        // The new size comes with the journal, after the data: it is there, or not, or as far as it was.
        const std::uint64_t part = std::min(end, first + reached * sector_size);
        const std::uint64_t sizes[] = {size_, std::max(size_, part), end};
        size_ = mode == how::whole ? end : sizes[random.below(3)];
    }
    for (std::uint64_t i = 0; i < sectors; ++i) {
        enum class outcome : std::uint8_t { is_old, is_new, garbage, part_new };
        auto what = outcome::is_new;
        if (mode == how::each_by_itself) what = static_cast<outcome>(random.below(4));
        if (mode == how::up_to_here && i == reached) what = static_cast<outcome>(random.below(4));
        if (mode == how::up_to_here && i > reached) break;
        const std::uint64_t start = first + i * sector_size;
        if (what == outcome::is_old || start >= size_) continue;
        sim_page& page = own_page(start / sim_page_size);
        std::byte* const sector = page.bytes.data() + start % sim_page_size;
        if (what == outcome::garbage) {
            for (std::size_t at = 0; at < sector_size; at += 8)
                store_le<std::uint64_t>(sector + at, random.next());
            continue;
        }
        const std::uint64_t from = std::max(offset, start);
        std::uint64_t to = std::min(end, start + sector_size);
        if (what == outcome::part_new) to = from + random.below(to - from + 1);
        std::memcpy(sector + (from - start), bytes.data() + (from - offset), to - from);
    }
    cut_pages();
}

}  // namespace imago::io
