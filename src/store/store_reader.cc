#include "store/store_reader_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <unordered_map>

#include "base/check.h"
#include "commitlog/log_walk.h"

namespace imago::store {
namespace {

using consumequeue::block_ref;
using consumequeue::index_entry;
using consumequeue::lookup;

/// What one request reads from the disk before it answers with what it has.
constexpr std::uint64_t fetch_bytes_max = 8 << 20;

std::uint64_t frame_bytes(const index_entry& entry) { return commitlog::frame_size(entry.size); }

}  // namespace

store_reader::store_reader(store_parts& parts, read_counters& counters, std::unique_ptr<io::ring> ring)
    : parts_(parts), counters_(counters), ring_(std::move(ring)) {}

store_reader::~store_reader() {
    IMAGO_ASSERT(active_ == 0);
    // What is read ahead may be under way: the ring waits for it, and then lets go of its memory.
    ring_.reset();
}

bool store_reader::read(read_request& request) {
    request.error = {};
    request.bytes = 0;
    fetch* waiting = nullptr;
    if (try_read(request, waiting) == outcome::needs_disk) return false;
    if (waiting != nullptr) release(*waiting);
    return true;
}

bool store_reader::find(time_request& request) {
    request.error = {};
    request.found = false;
    fetch* waiting = nullptr;
    if (try_find(request, waiting) == outcome::needs_disk) return false;
    if (waiting != nullptr) release(*waiting);
    return true;
}

/// Looks the request up and answers it from memory, or starts what it needs from the disk. `waiting` is the fetch that the
/// request already has, if it comes back from the disk.
store_reader::outcome store_reader::try_read(read_request& request, fetch*& waiting) {
    queue_offset from = request.from;
    const auto bounds = parts_.index->bounds(request.queue);
    if (!bounds) {
        request.error = store_errc::unknown_queue;
        return outcome::answered;
    }
    request.bounds = *bounds;
    for (;;) {
        const bool first = request.slices.empty();
        if (!first && request.bytes >= request.max_bytes) return outcome::answered;
        const std::size_t budget = first && request.at_least_one ? std::max<std::size_t>(request.max_bytes, 1)
                                                                 : request.max_bytes - std::min(request.max_bytes, request.bytes);
        entries_.clear();
        block_ref ref;
        switch (parts_.index->locate(request.queue, from, budget, entries_, ref)) {
            case lookup::found: break;
            case lookup::at_end: return outcome::answered;
            case lookup::unknown_queue:
                if (first) request.error = store_errc::unknown_queue;
                return outcome::answered;
            case lookup::out_of_range:
                if (first) request.error = store_errc::offset_out_of_range;
                return outcome::answered;
            case lookup::in_block: {
                std::shared_ptr<io::file> file;
                const auto block = first ? block_of(ref, file) : parts_.index->cached_block(ref);
                if (!block && file) {
                    if (waiting == nullptr) waiting = &begin_fetch(request.queue, &request, nullptr);
                    read_block(*waiting, ref, std::move(file));
                    return outcome::needs_disk;
                }
                if (!block) return outcome::answered;
                const auto inside = block->locate(from, budget);
                entries_.assign(inside.begin(), inside.end());
                if (entries_.empty()) {
                    // The rest of the block was lost: a hole.
                    if (first) request.error = store_errc::damaged;
                    return outcome::answered;
                }
                break;
            }
        }
        if (!request.at_least_one && first && entries_.front().size > request.max_bytes) return outcome::answered;
        if (first && (entries_.front().base > from || (entries_.front().flags & consumequeue::entry_damaged) != 0)) {
            report_damage(request.queue, entries_.front());
            request.error = store_errc::damaged;
            return outcome::answered;
        }
        // What follows a hole is answered when it is asked for, so that the hole is not jumped over unseen.
        for (std::size_t i = 0; i < entries_.size(); ++i) {
            const bool gap = i == 0 ? entries_[0].base > from : entries_[i].base > entries_[i - 1].end();
            if (gap || (entries_[i].flags & consumequeue::entry_damaged) != 0) {
                entries_.resize(i);
                break;
            }
        }
        if (entries_.empty()) return outcome::answered;
        if (!first && request.bytes + entries_.front().size > request.max_bytes) return outcome::answered;

        const std::size_t cached = take_cached(entries_, request);
        if (cached > 0) {
            from = entries_[cached - 1].end();
            if (cached < entries_.size()) return outcome::answered;
            continue;
        }
        if (!request.slices.empty()) return outcome::answered;
        if (!has_file(entries_.front().position)) {
            report_damage(request.queue, entries_.front());
            request.error = store_errc::damaged;
            return outcome::answered;
        }
        if (waiting == nullptr) waiting = &begin_fetch(request.queue, &request, nullptr);
        waiting->entries = entries_;
        read_frames(*waiting, request.max_bytes);
        if (waiting->pending > 0) return outcome::needs_disk;
        take_frames(*waiting);
        return outcome::answered;
    }
}

store_reader::outcome store_reader::try_find(time_request& request, fetch*& waiting) {
    const bool newest = request.what == time_request::kind::max_timestamp;
    const queue_offset start = parts_.index->bounds(request.queue).value_or(queue_bounds{}).start;
    std::optional<index_entry> best;
    // A second round only where the start cuts the block that was found first.
    for (queue_offset from{};;) {
        index_entry entry;
        block_ref ref;
        const lookup found = newest ? parts_.index->locate_max_timestamp(request.queue, entry, ref, from)
                                    : parts_.index->locate_time(request.queue, request.time, entry, ref, from);
        if (found == lookup::unknown_queue) {
            request.error = store_errc::unknown_queue;
            return outcome::answered;
        }
        if (found == lookup::in_block) {
            std::shared_ptr<io::file> file;
            const auto block = block_of(ref, file);
            if (!block && file) {
                if (waiting == nullptr) waiting = &begin_fetch(request.queue, nullptr, &request);
                read_block(*waiting, ref, std::move(file));
                return outcome::needs_disk;
            }
            const index_entry* inside = nullptr;
            if (block) inside = newest ? block->locate_max_timestamp(start) : block->locate_time(request.time, start);
            if (inside != nullptr && (!best || inside->max_timestamp > best->max_timestamp)) best = *inside;
            const bool settled = newest ? inside != nullptr && inside->max_timestamp >= ref.max_timestamp : inside != nullptr;
            if (!settled) {
                from = ref.end;
                continue;
            }
        } else if (found == lookup::found && (!best || entry.max_timestamp > best->max_timestamp)) {
            best = entry;
        }
        break;
    }
    if (!best) return outcome::answered;
    const index_entry entry = *best;
    request.base = entry.base;
    request.max_timestamp = entry.max_timestamp;
    {
        const commitlog::tail_cache::lookup cache(*parts_.cache);
        if (const auto* slab = cache.find(entry.position)) {
            request.found = true;
            request.batch = {{(*slab)->at(entry.position + commitlog::frame_header_size), entry.size}, *slab};
            return outcome::answered;
        }
    }
    if (!has_file(entry.position) || (entry.flags & consumequeue::entry_damaged) != 0) {
        report_damage(request.queue, entry);
        request.error = store_errc::damaged;
        return outcome::answered;
    }
    if (waiting == nullptr) waiting = &begin_fetch(request.queue, nullptr, &request);
    waiting->entries.assign(1, entry);
    read_frames(*waiting, entry.size);
    if (waiting->pending > 0) return outcome::needs_disk;
    take_frames(*waiting);
    return outcome::answered;
}

std::size_t store_reader::take_cached(const std::vector<index_entry>& entries, read_request& request) {
    const commitlog::tail_cache::lookup cache(*parts_.cache);
    std::size_t taken = 0;
    for (const index_entry& entry : entries) {
        const auto* slab = cache.find(entry.position);
        if (slab == nullptr) break;
        request.slices.push_back({{(*slab)->at(entry.position + commitlog::frame_header_size), entry.size}, *slab});
        request.bytes += entry.size;
        taken += 1;
    }
    counters_.cache_reads.fetch_add(taken, std::memory_order_relaxed);
    return taken;
}

void store_reader::read_block(fetch& fetch, const block_ref& ref, std::shared_ptr<io::file> file) {
    fetch.ref = ref;
    fetch.block_file = std::move(file);
    fetch.block_pending = true;
    if (!fetch.block_bytes) fetch.block_bytes = make_aligned_bytes(consumequeue::block_size);
    io::request& request = fetch.block_request;
    request = {};
    request.what = io::request::kind::read;
    request.target = fetch.block_file.get();
    request.offset = ref.byte_offset();
    request.data = fetch.block_bytes.get();
    request.size = consumequeue::block_size;
    request.context = &fetch;
    request.done = [](io::request& done) {
        auto& came = *static_cast<store_reader::fetch*>(done.context);
        store_reader& self = *came.self;
        came.block_pending = false;
        const byte_view bytes{came.block_bytes.get(), done.error ? 0 : done.transferred};
        if (!self.parts_.index->admit_block(came.ref, bytes)) (void)self.rebuild(came.ref);
        self.go_on(came);
        self.start();
    };
    ring_->submit(request);
}

store_reader::fetch& store_reader::begin_fetch(queue_id queue, read_request* read, time_request* time) {
    std::unique_ptr<fetch> fresh = free_.empty() ? std::make_unique<fetch>() : std::move(free_.back());
    if (!free_.empty()) free_.pop_back();
    active_ += 1;
    fresh->self = this;
    fresh->queue = queue;
    fresh->read = read;
    fresh->consumer = read != nullptr ? read->consumer : nullptr;
    fresh->time = time;
    return *fresh.release();  // comes back to free_ in answer()
}

/// The block from the cache; or null with the file to read it from; or, without a file, rebuilt on the spot.
std::shared_ptr<const consumequeue::block> store_reader::block_of(const block_ref& ref, std::shared_ptr<io::file>& file) {
    if (auto cached = parts_.index->cached_block(ref)) return cached;
    auto opened = parts_.index->block_file(ref);
    if (!opened) return rebuild(ref);
    file = std::move(*opened);
    return nullptr;
}

/// True if the file that should hold the frame is there.
bool store_reader::has_file(log_position position) const {
    const auto segment = parts_.segments->find(position);
    return segment && segment->file() != nullptr;
}

/// Derived data is damaged: found again in the log, between the frames that the index names on either side. Blocks this
/// thread meanwhile; rare enough.
std::shared_ptr<const consumequeue::block> store_reader::rebuild(const block_ref& ref) {
    parts_.say(fmt::format("index block {} of {} is damaged: rebuilt from the log", ref.number, parts_.name_of(ref.queue)));
    auto ring = parts_.disk.make_ring({});
    if (!ring) return nullptr;
    std::vector<index_entry> entries;
    commitlog::walk_range(parts_.disk, **ring, *parts_.segments, ref.from_position, ref.to_position,
                          [&](const commitlog::frame_header& header, byte_view) {
                              if (header.queue != ref.queue) return;
                              entries.push_back({header.base, header.position, header.max_timestamp, header.payload_size,
                                                 header.count, header.tag_hash, 0});
                          });
    return parts_.index->rebuild_block(ref, std::move(entries));
}

/// Lays out the reads for as many entries as fit; the others are left out.
void store_reader::plan(fetch& fetch, std::size_t max_bytes) const {
    fetch.pieces.clear();
    std::uint64_t planned = 0;
    std::uint64_t payload = 0;
    std::size_t i = 0;
    for (; i < fetch.entries.size(); ++i) {
        const index_entry& entry = fetch.entries[i];
        if (i > 0 && (payload + entry.size > max_bytes || planned > fetch_bytes_max || !has_file(entry.position))) break;
        payload += entry.size;
        const log_position end = entry.position + frame_bytes(entry);
        if (!fetch.pieces.empty()) {
            piece& last = fetch.pieces.back();
            const log_position covered = last.from + last.size;
            const bool near = entry.position.value <= covered.value + waiting_reads::gap_max && end <= last.segment->end() &&
                              end.value - last.from.value <= waiting_reads::together_max;
            if (near) {
                planned -= last.size;
                last.size = round_up(end.value, 4096) - last.from.value;
                planned += last.size;
                last.last = i + 1;
                continue;
            }
        }
        piece next;
        next.from = {round_down(entry.position.value, 4096)};
        next.size = round_up(end.value, 4096) - next.from.value;
        next.first = i;
        next.last = i + 1;
        next.segment = parts_.segments->find(entry.position);
        planned += next.size;
        fetch.pieces.push_back(std::move(next));
    }
    fetch.entries.resize(i);
}

void store_reader::want(fetch& fetch, piece& piece) {
    piece.owner = &fetch;
    fetch.pending += 1;
    waiting_.add(piece, fetch.is_ahead() ? waiting_reads::urgency::ahead : waiting_reads::urgency::wanted);
}

void store_reader::start() {
    while (!waiting_.empty()) {
        const waiting_reads::next_read& next = waiting_.peek();
        if (!allowance_.may_start(next.whole.size, parts_.writes)) break;
        read_now(next);
        waiting_.pop();
    }
    ring_->flush();
}

void store_reader::read_now(const waiting_reads::next_read& next) {
    if (free_reads_.empty()) {
        free_reads_.push_back(reads_.emplace_back(std::make_unique<disk_read>()).get());
        free_reads_.back()->self = this;
    }
    disk_read& read = *free_reads_.back();
    free_reads_.pop_back();
    read.range = next.whole;
    for (log_range* range : next.ranges) read.pieces.push_back(static_cast<piece*>(range));
    read.bytes = std::shared_ptr<std::byte[]>(make_aligned_bytes(read.range.size).release(), aligned_delete{});
    read.request = {};
    read.request.what = io::request::kind::read;
    read.request.target = read.range.segment->file();
    read.request.offset = read.range.from - read.range.segment->base();
    read.request.data = read.bytes.get();
    read.request.size = std::min(read.range.size, read.range.segment->end() - read.range.from);
    read.request.context = &read;
    read.request.done = [](io::request& done) {
        auto& came = *static_cast<disk_read*>(done.context);
        came.self->read_came(came);
    };
    allowance_.started(read.range.size);
    counters_.disk_reads.fetch_add(1, std::memory_order_relaxed);
    ring_->submit(read.request);
}

void store_reader::read_came(disk_read& read) {
    allowance_.ended(read.range.size);
    // The disk goes on while the answers are made.
    start();
    for (piece* each : read.pieces) {
        const std::uint64_t offset = each->from - read.range.from;
        each->error = read.request.error;
        each->transferred = std::min<std::uint64_t>(each->size, read.request.transferred - std::min(offset, read.request.transferred));
        each->bytes = {read.bytes, read.bytes.get() + offset};
    }
    keep_apart(read);
    // Whoever gets an answer may ask for more at once.
    for (piece* each : read.pieces) came(*each);
    read.pieces.clear();
    read.bytes = nullptr;
    read.range.segment = nullptr;
    free_reads_.push_back(&read);
    start();
}

/// A consumer that is slow to take its answer must not hold what others have taken long ago: whose part of a read is the smaller one
/// gets it in memory of its own.
void store_reader::keep_apart(disk_read& read) {
    const auto consumer_of = [](const piece* each) { return each->owner->consumer; };
    const void* const first = consumer_of(read.pieces.front());
    if (std::all_of(read.pieces.begin(), read.pieces.end(), [&](const piece* each) { return consumer_of(each) == first; })) return;
    std::unordered_map<const void*, std::uint64_t> shares;
    for (const piece* each : read.pieces) shares[consumer_of(each)] += each->size;
    for (piece* each : read.pieces) {
        if (each->error || 2 * shares[consumer_of(each)] >= read.range.size) continue;
        std::shared_ptr<std::byte[]> copy(make_aligned_bytes(each->size).release(), aligned_delete{});
        std::memcpy(copy.get(), each->bytes.get(), each->transferred);
        each->bytes = std::move(copy);
    }
}

/// Asks for the reads for as many entries as fit, but for those that were read ahead. With nothing pending all is there.
void store_reader::read_frames(fetch& fetch, std::size_t max_bytes) {
    plan(fetch, max_bytes);
    for (piece& piece : fetch.pieces) {
        piece.owner = &fetch;
        if (!take_ahead(fetch, piece)) want(fetch, piece);
    }
    note_stream(fetch);
}

void store_reader::came(piece& piece) {
    piece.arrived = true;
    fetch& owner = *piece.owner;
    if (store_reader::piece* const borrower = std::exchange(piece.borrower, nullptr)) {
        borrower->error = piece.error;
        borrower->transferred = piece.transferred;
        borrower->bytes = piece.bytes;
        came(*borrower);
    }
    if (--owner.pending == 0) go_on(owner);
}

/// Everything that the fetch waited for is here.
void store_reader::go_on(fetch& fetch) {
    if (fetch.is_ahead()) return ahead_came(fetch);
    if (!fetch.pieces.empty()) {
        take_frames(fetch);
        answer(fetch);
        return;
    }
    // A block came: look again, now it is in the cache.
    store_reader::fetch* waiting = &fetch;
    const outcome next = fetch.read != nullptr ? try_read(*fetch.read, waiting) : try_find(*fetch.time, waiting);
    if (next == outcome::answered) answer(fetch);
}

void store_reader::take_frames(fetch& fetch) {
    for (const piece& piece : fetch.pieces) {
        for (std::size_t i = piece.first; i < piece.last; ++i) {
            const index_entry& entry = fetch.entries[i];
            bool good = false;
            byte_view payload;
            const std::uint64_t offset = entry.position - piece.from;
            if (!piece.error && offset + frame_bytes(entry) <= piece.transferred) {
                const byte_view frame{piece.bytes.get() + offset, frame_bytes(entry)};
                const auto header = commitlog::decode_header(frame);
                payload = frame.subspan(commitlog::frame_header_size, entry.size);
                good = header && header->position == entry.position && header->salt == piece.segment->salt_at(entry.position) &&
                       header->queue == fetch.queue && header->base == entry.base && header->payload_size == entry.size &&
                       commitlog::payload_matches(*header, payload);
            }
            if (!good) {
                // It may have been given back while it was read: then the offset is no longer there to be asked for.
                const auto bounds = parts_.index->bounds(fetch.queue);
                const bool gone = !bounds || entry.base < bounds->start;
                if (!gone) report_damage(fetch.queue, entry);
                const bool first = fetch.read == nullptr || fetch.read->slices.empty();
                std::error_code& error = fetch.read != nullptr ? fetch.read->error : fetch.time->error;
                if (first) error = gone ? store_errc::offset_out_of_range : store_errc::damaged;
                return;
            }
            if (fetch.read != nullptr) {
                fetch.read->slices.push_back({payload, piece.bytes});
                fetch.read->bytes += payload.size();
            } else {
                fetch.time->found = true;
                fetch.time->batch = {payload, piece.bytes};
            }
        }
    }
}

void store_reader::answer(fetch& fetch) {
    read_request* const read = fetch.read;
    time_request* const time = fetch.time;
    release(fetch);
    if (read != nullptr) read->done(*read);
    if (time != nullptr) time->done(*time);
}

void store_reader::release(fetch& fetch) {
    active_ -= 1;
    fetch.entries.clear();
    fetch.pieces.clear();
    fetch.block_file = nullptr;
    free_.emplace_back(&fetch);
}

void store_reader::report_damage(queue_id queue, const index_entry& entry) {
    counters_.damaged.fetch_add(1, std::memory_order_relaxed);
    parts_.say(fmt::format("{} offsets {}..{} are damaged (log position {}): not served", parts_.name_of(queue), entry.base.value,
                           entry.end().value - 1, entry.position.value));
}

}  // namespace imago::store
