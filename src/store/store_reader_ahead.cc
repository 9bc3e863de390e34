// Reading ahead of those who read a queue from the disk in order: while an answer goes out and its reader asks again, the disk
// reads what that will want.
#include <algorithm>

#include "store/store_reader_parts.h"

namespace imago::store {
namespace {

/// Readers that are told apart; with more of them at a time nothing is read ahead.
constexpr std::size_t streams_max = 32;
/// Requests that are read ahead for each of them, and bytes for all together: to each its share, so that those who read side by side
/// are read ahead side by side.
constexpr std::size_t ahead_max = 2;
constexpr std::uint64_t ahead_bytes_max = 8 << 20;

}  // namespace

/// `fetch` is about to be read from the disk. Who read the same queue up to there is served ahead from now on.
void store_reader::note_stream(const fetch& fetch) {
    // With plain system calls reading is done on the spot, and would hold up the answer.
    if (fetch.read == nullptr || fetch.entries.empty() || parts_.disk.kind() == io::backend::posix) return;
    const queue_offset end = fetch.entries.back().end();
    const auto known = std::find_if(streams_.begin(), streams_.end(), [&](const stream& each) {
        return each.queue == fetch.queue && each.next == fetch.read->from;
    });
    if (known == streams_.end()) {
        if (streams_.size() == streams_max) {
            drop_ahead(streams_.back());
            streams_.pop_back();
        }
        streams_.push_front({fetch.queue, end, {}});
        return;
    }
    streams_.splice(streams_.begin(), streams_, known);
    stream& of = streams_.front();
    of.next = end;
    while (!of.ahead.empty() && of.ahead.front()->end <= end) {
        drop(*of.ahead.front());
        of.ahead.erase(of.ahead.begin());
    }
    if (!of.ahead.empty() && of.ahead.front()->from > end) drop_ahead(of);
    const std::uint64_t share = ahead_bytes_max / streams_.size();
    std::uint64_t ahead_of_it = 0;
    for (const store_reader::fetch* each : of.ahead) ahead_of_it += each->charged;
    while (of.ahead.size() < ahead_max && ahead_of_it < share && ahead_bytes_ < ahead_bytes_max) {
        const queue_offset from = of.ahead.empty() ? end : of.ahead.back()->end;
        if (!of.ahead.empty() && from == of.ahead.back()->from) break;  // its block of the index is on its way
        auto& added = aheads_.emplace_back(std::make_unique<store_reader::fetch>());
        added->self = this;
        added->queue = fetch.queue;
        added->consumer = fetch.consumer;
        added->from = added->end = from;
        added->max_bytes = std::min<std::size_t>(fetch.read->max_bytes, share - ahead_of_it);
        if (!read_ahead(*added)) {
            aheads_.pop_back();
            break;
        }
        ahead_of_it += added->charged;
        of.ahead.push_back(added.get());
    }
}

/// Starts what is needed next; false if there is nothing to read from the disk.
bool store_reader::read_ahead(fetch& ahead) {
    entries_.clear();
    consumequeue::block_ref ref;
    switch (parts_.index->locate(ahead.queue, ahead.from, ahead.max_bytes, entries_, ref)) {
        case consumequeue::lookup::found: break;
        case consumequeue::lookup::in_block: {
            const auto block = parts_.index->cached_block(ref);
            if (!block) {
                auto file = parts_.index->block_file(ref);
                if (!file) return false;
                read_block(ahead, ref, std::move(*file));
                return true;
            }
            const auto inside = block->locate(ahead.from, ahead.max_bytes);
            entries_.assign(inside.begin(), inside.end());
            break;
        }
        default: return false;
    }
    std::size_t good = 0;
    {
        const commitlog::tail_cache::lookup cache(*parts_.cache);
        queue_offset next = ahead.from;
        for (; good < entries_.size(); ++good) {
            const consumequeue::index_entry& entry = entries_[good];
            if (entry.base > next || (entry.flags & consumequeue::entry_damaged) != 0) break;
            if (cache.find(entry.position) != nullptr || !has_file(entry.position)) break;
            next = entry.end();
        }
    }
    if (good == 0) return false;
    ahead.entries.assign(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(good));
    plan(ahead, ahead.max_bytes);
    ahead.end = ahead.entries.back().end();
    for (const piece& piece : ahead.pieces) ahead.charged += piece.size;
    ahead_bytes_ += ahead.charged;
    for (piece& piece : ahead.pieces) want(ahead, piece);
    return true;
}

/// True if the piece was read ahead: it is there, or comes with that.
bool store_reader::take_ahead(fetch& fetch, piece& wanted) {
    for (const auto& ahead : aheads_) {
        if (ahead->queue != fetch.queue) continue;
        for (piece& piece : ahead->pieces) {
            const bool covers = piece.segment == wanted.segment && piece.from <= wanted.from &&
                                wanted.from + wanted.size <= piece.from + piece.size;
            if (!covers || piece.borrower != nullptr || (piece.arrived && piece.error)) continue;
            wanted.from = piece.from;
            wanted.size = piece.size;
            if (piece.arrived) {
                wanted.bytes = piece.bytes;
                wanted.transferred = piece.transferred;
                wanted.arrived = true;
            } else {
                piece.borrower = &wanted;
                fetch.pending += 1;
                waiting_.hurry(piece);
            }
            return true;
        }
    }
    return false;
}

void store_reader::ahead_came(fetch& ahead) {
    if (!ahead.dropped) {
        // A block of the index: now it is known what to read. Otherwise it waits to be asked for.
        if (!ahead.pieces.empty() || read_ahead(ahead)) return;
        for (stream& each : streams_) std::erase(each.ahead, &ahead);
    }
    std::erase_if(aheads_, [&](const auto& each) { return each.get() == &ahead; });
}

void store_reader::drop_ahead(stream& of) {
    for (fetch* each : of.ahead) drop(*each);
    of.ahead.clear();
}

void store_reader::drop(fetch& ahead) {
    ahead_bytes_ -= ahead.charged;
    ahead.charged = 0;
    ahead.dropped = true;
    for (piece& each : ahead.pieces) {
        // One that somebody has come to wait for is read all the same.
        if (each.borrower == nullptr && waiting_.remove(each)) ahead.pending -= 1;
    }
    if (!ahead.under_way()) std::erase_if(aheads_, [&](const auto& each) { return each.get() == &ahead; });
}

}  // namespace imago::store
