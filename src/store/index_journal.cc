#include "store/index_journal.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "store/journal_reader.h"

namespace imago::store {
namespace {

/// A single entry that is larger (a batch of very many changes) is not worth its memory.
constexpr std::size_t entry_bytes_max = 64 << 20;
constexpr std::size_t free_pieces_max = 4;

std::uint64_t random_salt() { return load_le<std::uint64_t>(reinterpret_cast<const std::byte*>(uuid::random().bytes.data())); }

}  // namespace

index_journal::index_journal(io::disk& disk, const commitlog::segment_set& segments, journal_options options)
    : disk_(disk), segments_(segments), options_(std::move(options)), salt_(random_salt()) {
    options_.piece_bytes = round_up(options_.piece_bytes, journal_alignment);
    (void)disk_.make_directories(options_.directory);
    for (int i = 0; i < 2; ++i) {
        slot& slot = slots_[i];
        auto file = disk_.open(options_.directory + (i == 0 ? "/journal.a" : "/journal.b"),
                               {.write = true, .create = true, .direct = true});
        if (!file) {
            say(fmt::format("the index journal cannot be opened: {}", file.error().message()));
            continue;
        }
        slot.file = std::move(*file);
        slot.allocated = round_down(disk_.size(*slot.file).value_or(0), journal_alignment);
        slot.beginning = read_journal_beginning(disk_, *slot.file);
        if (slot.beginning && slot.beginning->sequence > sequence_) {
            sequence_ = slot.beginning->sequence;
            current_ = i;
        }
    }
}

void index_journal::say(std::string_view line) const {
    if (options_.log) options_.log(line);
}

bool index_journal::covering() const {
    const std::lock_guard lock(mutex_);
    return covering_;
}

void index_journal::end() {
    const std::lock_guard lock(mutex_);
    stop_covering();
    full_.clear();
    overflowed_ = false;
    has_full_.store(false, std::memory_order_release);
}

// ---- log thread ----

void index_journal::add(queue_id queue, const consumequeue::index_entry& entry, const producer_stamp& producer) {
    if (std::byte* at = put(queue, entry, journal_kind::producer, journal_producer_size)) put_producer_stamp(at, producer);
}

void index_journal::add_change(queue_id queue, const consumequeue::index_entry& entry, byte_view payload) {
    if (payload.size() != entry.size || payload.empty()) {
        stop_covering();
        return;
    }
    if (std::byte* at = put(queue, entry, journal_kind::change, payload.size())) std::memcpy(at, payload.data(), payload.size());
}

bool index_journal::finish_group(log_position to) {
    to_ = to;
    if (filling_.bytes && to - filling_.from >= options_.piece_log_bytes) close_filling(to);
    const bool full = !full_.empty();
    mutex_.unlock();
    return full;
}

bool index_journal::make_room(std::size_t size, log_position position) {
    if (!covering_) return false;
    if (filling_.bytes) close_filling(position);
    if (size > entry_bytes_max) stop_covering();
    if (!covering_) return false;
    if (!free_.empty() && journal_head_size + size <= free_.back().capacity) {
        filling_ = std::move(free_.back());
        free_.pop_back();
    } else {
        filling_.capacity = std::max<std::size_t>(options_.piece_bytes, round_up(journal_head_size + size, journal_alignment));
        filling_.bytes = make_aligned_bytes(filling_.capacity);
    }
    filling_.used = journal_head_size;
    filling_.from = closed_to_;
    return true;
}

/// All frames below `to` have been added.
void index_journal::close_filling(log_position to) {
    filling_.to = closed_to_ = to;
    full_.push_back(std::exchange(filling_, {}));
    has_full_.store(true, std::memory_order_release);
    if (full_.size() < options_.waiting_pieces_max) return;
    overflowed_ = true;
    stop_covering();
}

void index_journal::stop_covering() {
    covering_ = false;
    filling_ = {};
}

// ---- maintenance thread ----

bool index_journal::write() {
    if (!has_writes()) return false;
    for (;;) {
        piece next;
        bool overflowed = false;
        {
            const std::lock_guard lock(mutex_);
            overflowed = std::exchange(overflowed_, false);
            if (full_.empty()) {
                has_full_.store(false, std::memory_order_release);
                return true;
            }
            next = std::move(full_.front());
            full_.pop_front();
        }
        if (overflowed) say("the index journal could not keep up and ends here: a start after a crash reads more of the log");
        if (const auto written = write_piece(next); !written) {
            failed(written.error());
            return true;
        }
        give_back(std::move(next));
    }
}

void index_journal::give_back(piece&& piece) {
    if (piece.capacity != options_.piece_bytes) return;
    piece.entries = 0;
    const std::lock_guard lock(mutex_);
    if (free_.size() < free_pieces_max) free_.push_back(std::move(piece));
}

void index_journal::failed(std::error_code error) {
    end();
    say(fmt::format("the index journal could not be written: {}; until the next checkpoint a start after a crash reads more of the log",
                    error.message()));
}

// A checkpoint replaces the older of two, and the file begun here the one that belonged to it. If the checkpoint before this
// one came to nothing, the file begun for it serves this one, and the other is still needed.
void index_journal::begin_checkpoint() {
    (void)write();
    std::deque<piece> rest;
    bool linked = false;
    log_position from;
    {
        const std::lock_guard lock(mutex_);
        if (covering_ && file_from_ > committed_) return;
        linked = covering_;
        if (filling_.bytes) close_filling(to_);
        linked = linked && closed_to_ == to_;
        rest.swap(full_);
        has_full_.store(false, std::memory_order_release);
        covering_ = true;
        from = closed_to_ = to_;
    }
    for (piece& last : rest) {
        if (const auto written = write_piece(last); !written) {
            say(fmt::format("the index journal could not be written: {}", written.error().message()));
            linked = false;
            break;
        }
    }
    choose_file(from);
    if (!linked) previous_ = 0;
    if (const auto begun = begin_file(); !begun) failed(begun.error());
}

void index_journal::choose_file(log_position from) {
    if (file_from_ <= committed_ && !beginning_) current_ = 1 - current_;
    file_from_ = from;
    file_sequence_ = ++sequence_;
    number_ = 0;
    offset_ = 0;
    beginning_ = true;
}

/// An empty piece: from then on it is the newer file, whatever it held.
result<> index_journal::begin_file() {
    beginning_ = false;
    const aligned_bytes bytes = make_aligned_bytes(journal_alignment);
    journal_head head;
    head.from = head.to = file_from_;
    head.size = journal_head_size;
    return write_bytes({bytes.get(), journal_alignment}, head);
}

result<> index_journal::write_piece(piece& piece) {
    if (beginning_) IMAGO_CHECK(begin_file());
    journal_head head;
    head.from = piece.from;
    head.to = piece.to;
    head.entries = piece.entries;
    head.size = piece.used;
    if (const auto segment = segments_.find(piece.last)) head.log_salt = segment->salt_at(piece.last);
    return write_bytes({piece.bytes.get(), piece.capacity}, head);
}

result<> index_journal::write_bytes(byte_span bytes, journal_head head) {
    slot& slot = slots_[current_];
    if (!slot.file) return fail(std::make_error_code(std::errc::bad_file_descriptor));
    const std::uint64_t padded = round_up(head.size, journal_alignment);
    if (offset_ + padded > options_.file_bytes_max) return fail(std::make_error_code(std::errc::file_too_large));
    if (offset_ + padded > slot.allocated) {
        const std::uint64_t step = std::max<std::uint64_t>(options_.allocate_bytes, padded);
        if (const auto allocated = disk_.allocate(*slot.file, slot.allocated, step); !allocated) {
            // Give back what a half allocation took: others need the room.
            (void)disk_.truncate(*slot.file, slot.allocated);
            return allocated;
        }
        slot.allocated += step;
    }
    head.sequence = file_sequence_;
    head.salt = salt_;
    head.previous = previous_;
    head.number = number_;
    std::memset(bytes.data() + head.size, 0, padded - head.size);
    seal_journal_piece(bytes.first(head.size), head);
    IMAGO_CHECK(disk_.write_at(*slot.file, offset_, bytes.first(padded)));
    previous_ = head.checksum;
    number_ += 1;
    offset_ += padded;
    return {};
}

}  // namespace imago::store
