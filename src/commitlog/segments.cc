#include "commitlog/segments.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "base/check.h"
#include "base/checksum.h"
#include "commitlog/segment_header.h"

namespace imago::commitlog {
namespace {

constexpr std::uint64_t no_claim = ~std::uint64_t{0};
/// A write of the log that comes meanwhile waits for it: small enough not to be felt.
constexpr std::uint64_t fill_piece = 256ULL << 10;

}  // namespace

std::uint64_t segment::salt_at(log_position position) const {
    std::uint64_t salt = entry_.spans.front().salt;
    for (const salt_span& span : entry_.spans) {
        if (span.start <= position) salt = span.salt;
    }
    return salt;
}

bool segment::in_gap(log_position position) const {
    return std::any_of(entry_.spans.begin(), entry_.spans.end(), [&](const salt_span& span) {
        return span.after <= position && position < span.start;
    });
}

void segment::reserve(std::uint64_t offset) {
    reserved_.store(offset, std::memory_order_seq_cst);
    // A claimed piece that starts below our new bound is being filled right now: at most one piece, a third of a millisecond.
    while (claimed_.load(std::memory_order_seq_cst) < offset) std::this_thread::yield();
}

bool segment::claim(std::uint64_t piece, std::uint64_t& offset, std::uint64_t& size) {
    if (filled_) return false;
    const std::uint64_t reserved = reserved_.load(std::memory_order_seq_cst);
    // The writer caught up: leave it more room before filling on than it takes while a piece is written, or it waits for that.
    if (reserved > zeroed_) zeroed_ = round_up(reserved, 4096) + 16 * piece;
    if (zeroed_ >= entry_.bytes) {
        filled_ = true;
        return false;
    }
    claimed_.store(zeroed_, std::memory_order_seq_cst);
    if (reserved_.load(std::memory_order_seq_cst) > zeroed_) {
        release();
        return claim(piece, offset, size);
    }
    offset = zeroed_;
    size = std::min(piece, entry_.bytes - zeroed_);
    zeroed_ += size;
    return true;
}

void segment::release() { claimed_.store(no_claim, std::memory_order_seq_cst); }

std::uint64_t segment_set::salt() const {
    if (options_.new_salt) return options_.new_salt();
    std::uint64_t value = 0;
    IMAGO_ASSERT(::getrandom(&value, sizeof value, 0) == sizeof value);
    return value;
}

void segment_set::say(std::string_view line) const {
    if (options_.log) options_.log(line);
}

std::string segment_set::path_of(log_position base) const {
    return fmt::format("{}/{:020}.seg", options_.directory, base.value);
}

result<std::unique_ptr<segment_set>> segment_set::open(io::disk& disk, segments_options options) {
    std::unique_ptr<segment_set> set(new segment_set(disk, std::move(options)));
    const std::string& directory = set->options_.directory;
    IMAGO_CHECK(disk.make_directories(directory));
    IMAGO_TRY(const auto names, disk.list(directory));
    const auto is_segment = [](const std::string& name) { return name.size() == 24 && name.ends_with(".seg"); };
    const bool any = std::any_of(names.begin(), names.end(), is_segment);
    auto opened = manifest::open(disk, directory + "/manifest", !any);
    if (!opened) return fail(opened.error());
    set->manifest_ = std::move(*opened);

    for (const segment_entry& entry : set->manifest_.segments()) {
        const std::string path = set->path_of(entry.base);
        auto file = disk.open(path, {.write = true, .direct = true});
        if (!file) set->say(fmt::format("segment {} cannot be opened: {}; its messages are damaged", path, file.error().message()));
        set->segments_[entry.base] = std::make_shared<segment>(entry, file ? std::move(*file) : nullptr);
    }
    IMAGO_CHECK(set->adopt_files(names));
    if (set->segments_.empty()) {
        set->fresh_ = true;
        // An empty manifest first: from the first segment on there is always a valid one, or something is broken.
        IMAGO_CHECK(set->manifest_.replace({}));
        IMAGO_CHECK(disk.sync_directory(directory));
        IMAGO_TRY(auto first, set->create_segment({0}));
        set->active_ = first;
    }
    return set;
}

/// Sorts out files that the manifest does not name. A segment right behind the last one was being created, or the newest
/// manifest slot is damaged: either way it belongs to the log, its header says so. One below was being retired.
result<> segment_set::adopt_files(const std::vector<std::string>& names) {
    const aligned_bytes header = make_aligned_bytes(segment_header_size);
    for (const std::string& name : names) {
        const std::string path = options_.directory + "/" + name;
        if (name.starts_with("recycled-") || name == "prepare.tmp") {
            recycled_.push_back(path);
            unsigned long long number = 0;
            if (std::sscanf(name.c_str(), "recycled-%llu", &number) == 1 && number >= recycled_number_) {
                recycled_number_ = number + 1;
            }
        }
        if (name.size() != 24 || !name.ends_with(".seg")) continue;
        const log_position base{std::strtoull(name.c_str(), nullptr, 10)};
        if (segments_.contains(base)) continue;
        const log_position end = segments_.empty() ? log_position{} : segments_.rbegin()->second->end();
        if (base < end) {
            recycled_.push_back(path);
            continue;
        }
        IMAGO_TRY(auto file, disk_.open(path, {.write = true, .direct = true}));
        IMAGO_TRY(const std::size_t got, disk_.read_at(*file, 0, {header.get(), segment_header_size}));
        auto entry = read_segment_header({header.get(), got});
        if (!entry || entry->base != base || base != end) {
            say(fmt::format("{} is not in the manifest and does not continue the log; it is left alone", path));
            continue;
        }
        auto entries = manifest_.segments();
        entries.push_back(*entry);
        IMAGO_CHECK(manifest_.replace(std::move(entries)));
        segments_[base] = std::make_shared<segment>(*entry, std::move(file));
    }
    return {};
}

result<std::shared_ptr<segment>> segment_set::create_segment(log_position base) {
    const std::string path = path_of(base);
    const std::uint64_t bytes = options_.segment_bytes;
    const bool recycle = !recycled_.empty();
    const std::string from = recycle ? recycled_.back() : options_.directory + "/prepare.tmp";
    std::unique_ptr<io::file> file;
    IMAGO_TRY(file, disk_.open(from, {.write = true, .create = true, .direct = true}));
    IMAGO_TRY(const std::uint64_t had, disk_.size(*file));
    if (had > bytes) IMAGO_CHECK(disk_.truncate(*file, bytes));
    if (had < bytes) {
        if (auto allocated = disk_.allocate(*file, 0, bytes); !allocated) {
            // Give back what a half allocation took: others need the room.
            (void)disk_.truncate(*file, 0);
            return fail(allocated.error());
        }
    }

    segment_entry entry{base, bytes, {{base + segment_header_size, salt(), base + segment_header_size}}};
    const aligned_bytes header = make_aligned_bytes(segment_header_size);
    encode_segment_header({header.get(), segment_header_size}, entry);
    IMAGO_CHECK(disk_.write_at(*file, 0, {header.get(), segment_header_size}));
    IMAGO_CHECK(disk_.sync(*file));
    IMAGO_CHECK(disk_.rename(from, path));
    IMAGO_CHECK(disk_.sync_directory(options_.directory));
    if (recycle) recycled_.pop_back();

    auto entries = manifest_.segments();
    entries.push_back(entry);
    IMAGO_CHECK(manifest_.replace(std::move(entries)));
    auto created = std::make_shared<segment>(std::move(entry), std::move(file));
    if (options_.zero_fill && had < bytes) created->start_filling();
    const std::lock_guard lock(mutex_);
    segments_[base] = created;
    return created;
}

std::shared_ptr<segment> segment_set::find(log_position position) const {
    const std::lock_guard lock(mutex_);
    auto above = segments_.upper_bound(position);
    if (above == segments_.begin()) return nullptr;
    const auto& found = std::prev(above)->second;
    return position < found->end() ? found : nullptr;
}

std::vector<std::shared_ptr<segment>> segment_set::list() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::shared_ptr<segment>> all;
    all.reserve(segments_.size());
    for (const auto& [base, segment] : segments_) all.push_back(segment);
    return all;
}

result<log_position> segment_set::cut(log_position end_of_frames) {
    const auto at = segments_.upper_bound(end_of_frames);
    IMAGO_ASSERT(at != segments_.begin());
    const std::shared_ptr<segment> last = std::prev(at)->second;
    const log_position start{round_up(end_of_frames.value, last->write_unit())};
    auto entries = manifest_.segments();
    // Later segments hold nothing that counts: give them fresh salts by preparing them anew.
    std::vector<log_position> later;
    for (auto it = at; it != segments_.end(); ++it) later.push_back(it->first);
    std::erase_if(entries, [&](const segment_entry& e) { return e.base > last->base(); });
    const bool room = start + frame_room_min <= last->data_end() && last->entry_.spans.size() < spans_max && last->file();
    for (segment_entry& entry : entries) {
        if (entry.base != last->base()) continue;
        // The first span stays: its salt is in the segment's header. Of spans with the same start the last counts. A segment
        // that takes no more frames ends with a span that starts where the segment ends.
        log_position after = end_of_frames;
        for (; entry.spans.size() > 1 && entry.spans.back().start >= start; entry.spans.pop_back()) {
            after = std::min(after, entry.spans.back().after);  // a span that got no frames: its gap is part of ours
        }
        entry.spans.push_back({room ? start : last->end(), salt(), after});
        last->entry_ = entry;
    }
    IMAGO_CHECK(manifest_.replace(std::move(entries)));
    for (const log_position base : later) {
        const std::string kept = fmt::format("{}/recycled-{}", options_.directory, recycled_number_++);
        segments_.erase(base);
        if (!disk_.exists(path_of(base))) continue;
        IMAGO_CHECK(disk_.rename(path_of(base), kept));
        recycled_.push_back(kept);
    }
    if (room) {
        active_ = last;
        resume_at(start);
        return start;
    }
    IMAGO_TRY(active_, create_segment(last->end()));
    return active_->data_start();
}

void segment_set::resume_at(log_position position) {
    auto at = segments_.upper_bound(position);
    IMAGO_ASSERT(at != segments_.begin());
    active_ = std::prev(at)->second;
    active_->reserved_.store(position - active_->base());
    if (at != segments_.end()) {
        next_ = at->second;
        has_next_.store(true);
    }
}

bool segment_set::roll() {
    if (!has_next()) return false;
    const std::lock_guard lock(mutex_);
    active_ = std::move(next_);
    next_ = nullptr;
    has_next_.store(false, std::memory_order_release);
    return true;
}

result<> segment_set::prepare_next() {
    if (has_next()) return {};
    log_position base;
    {
        const std::lock_guard lock(mutex_);
        base = active_->end();
    }
    auto created = create_segment(base);
    out_of_space_.store(!created && created.error() == std::errc::no_space_on_device, std::memory_order_release);
    if (!created) return fail(created.error());
    const std::lock_guard lock(mutex_);
    next_ = *created;
    has_next_.store(true, std::memory_order_release);
    return {};
}

bool segment_set::zero_some() {
    std::shared_ptr<segment> candidates[2];
    {
        const std::lock_guard lock(mutex_);
        candidates[0] = active_;
        candidates[1] = next_;
    }
    static const aligned_bytes zeros = [] {
        aligned_bytes bytes = make_aligned_bytes(fill_piece);
        std::memset(bytes.get(), 0, fill_piece);
        return bytes;
    }();
    for (const auto& candidate : candidates) {
        std::uint64_t offset = 0;
        std::uint64_t size = 0;
        if (!candidate || !candidate->claim(fill_piece, offset, size)) continue;
        const auto written = disk_.write_at(*candidate->file(), offset, {zeros.get(), size});
        candidate->release();
        // Filling only makes later writes cheaper; where it cannot be done the writes show what is wrong.
        if (!written) candidate->filled_ = true;
        return true;
    }
    return false;
}

result<> segment_set::retire(const std::vector<log_position>& bases) {
    auto entries = manifest_.segments();
    std::erase_if(entries, [&](const segment_entry& entry) {
        return std::find(bases.begin(), bases.end(), entry.base) != bases.end();
    });
    // First the manifest, durably: a crash from here on leaves files that nothing names, not names without files.
    IMAGO_CHECK(manifest_.replace(std::move(entries)));
    for (const log_position base : bases) {
        std::shared_ptr<segment> dead;
        {
            const std::lock_guard lock(mutex_);
            const auto found = segments_.find(base);
            if (found == segments_.end()) continue;
            IMAGO_ASSERT(found->second != active_ && found->second != next_);
            dead = std::move(found->second);
            segments_.erase(found);
        }
        const bool reuse = recycled_.size() < static_cast<std::size_t>(options_.recycled_max) &&
                           dead->bytes() == options_.segment_bytes && dead->file() != nullptr;
        if (reuse) {
            const std::string kept = fmt::format("{}/recycled-{}", options_.directory, recycled_number_++);
            IMAGO_CHECK(disk_.rename(path_of(base), kept));
            recycled_.push_back(kept);
        } else {
            IMAGO_CHECK(disk_.remove(path_of(base)));
        }
    }
    return disk_.sync_directory(options_.directory);
}

}  // namespace imago::commitlog
