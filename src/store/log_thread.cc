#include "store/log_thread.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/batch_builder.h"
#include "base/check.h"
#include "base/copy.h"
#include "base/record_batch.h"

namespace imago::store {
namespace {

using commitlog::room;

/// While a write is under way new requests only need the thread when there is enough to lay out ahead.
constexpr std::uint64_t wake_bytes = 64 * 1024;
/// An idle log is stamped after this long if much was written since the last stamp, else only after the longer time: at
/// low rates the stamps must not cost more than the messages.
constexpr auto stamp_after = std::chrono::milliseconds(10);
constexpr auto stamp_after_little = std::chrono::seconds(1);
constexpr std::uint64_t stamp_bytes = 16 * 1024;
/// After a direct write that took longer than this, appends go through the log thread for so many times as long: a disk that
/// stalls now and then costs a network thread a tenth of its time at most, and not all who wait for it the short way.
constexpr auto direct_slow = std::chrono::milliseconds(2);
constexpr int direct_pause = 10;
/// After a direct write during which so many requests came, appends go through the log thread for a while: they waited for a network
/// thread that waited for the disk and had neither read what came to it meanwhile nor sent answers.
constexpr std::size_t direct_crowd = 8;
constexpr auto direct_crowd_pause = std::chrono::milliseconds(100);
/// Changes of a table rewrite that go into one frame.
constexpr std::size_t rewrite_bytes = 256 * 1024;

void add(std::atomic<std::uint64_t>& counter, std::uint64_t by) {
    counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);  // one writer
}

}  // namespace

table* store_parts::table_of(table_id id) const {
    for (const table_binding& binding : tables) {
        if (binding.id == id) return binding.state;
    }
    return nullptr;
}

std::string store_parts::name_of(queue_id id) const {
    return options.name_of ? options.name_of(id) : fmt::format("queue {}", id.value);
}

std::string queue_key(queue_id id) {
    std::string key(4, '\0');
    store_le<std::uint32_t>(reinterpret_cast<std::byte*>(key.data()), id.value);
    return key;
}

bool decode_queue_change(const decoded_change& change, queue_id& id, queue_offset& start) {
    if (change.table != table_id::queues || change.key.size() != 4) return false;
    if (!change.removed && change.value.size() != 8) return false;
    id = {load_le<std::uint32_t>(change.key.data())};
    start = change.removed ? queue_offset{} : queue_offset{load_le<std::int64_t>(change.value.data())};
    return true;
}

log_thread::log_thread(store_parts& parts, std::unique_ptr<io::ring> ring)
    : parts_(parts), ring_(std::move(ring)),
      writer_(*parts.segments, *parts.cache, *ring_,
              {.group_bytes_max = parts.options.group_bytes_max,
               .reserve_bytes = std::min<std::uint64_t>(1ULL << 20, parts.options.segment_bytes / 8),
               // Plain system calls write in flush(): a second write would only make the answers to the first one wait.
               .writes_max = parts.disk.kind() == io::backend::posix ? 1 : parts.options.writes_max,
               .overlap_bytes = parts.options.overlap_bytes}) {
    writer_.written = [](void* context, std::error_code error) { static_cast<log_thread*>(context)->on_written(error); };
    writer_.context = this;
}

void log_thread::start_at(log_position position) {
    writer_.start_at(position);
    published_.store(position.value, std::memory_order_release);
    for (const queue_id id : parts_.index->queues()) {
        slot_of(id) = {parts_.index->bounds(id)->end, true};
    }
}

log_thread::queue_slot& log_thread::slot_of(queue_id id) {
    if (id.value >= slots_.size()) slots_.resize(std::max<std::size_t>(id.value + 1, slots_.size() + slots_.size() / 2));
    return slots_[id.value];
}

// ---- any thread ----

void log_thread::post(append_request& first) {
    std::uint64_t bytes = 0;
    for (const append_request* request = &first; request != nullptr; request = request->next) {
        for (const append_batch& batch : request->batches) bytes += batch.bytes.size();
    }
    const bool asleep = sleeping_.load(std::memory_order_seq_cst) || !parts_.options.threads;
    if (asleep && bytes <= parts_.options.direct_bytes_max && write_directly(first, bytes)) return;
    append_inbox_.push_all(first);
    const std::uint64_t waiting = waiting_bytes_.fetch_add(bytes, std::memory_order_seq_cst) + bytes;
    // Asleep with a write under way: its completion is a wake-up too, so spare the system call for small amounts.
    if (!sleeping_.load(std::memory_order_seq_cst)) return;
    if (waiting < wake_bytes && writer_busy_.load(std::memory_order_seq_cst)) return;
    wake();
}

bool log_thread::quiet() const {
    return !writer_.writing() && !writer_.building() && appends_.front() == nullptr && changes_.front() == nullptr &&
           append_inbox_.empty() && change_inbox_.empty() && !rewrite_.load(std::memory_order_relaxed) && !failed() &&
           reported_.load(std::memory_order_relaxed) == 0 && !closing_.load(std::memory_order_relaxed);
}

// Two thread switches less for a message that comes alone: to the log thread, and back. The price is that the caller
// waits for the disk; so not for large requests, and not for a while after the disk took long.
bool log_thread::write_directly(append_request& first, std::uint64_t bytes) {
    const std::unique_lock hold(baton_, std::try_to_lock);
    if (!hold || !quiet()) return false;
    const auto began = std::chrono::steady_clock::now();
    if (began < direct_after_) return false;
    direct_ = true;
    backlog_bytes_ += static_cast<std::int64_t>(bytes);
    appends_.append(&first);
    lay_out();
    if (writer_.building()) {
        start_write(true);
        const auto ended = std::chrono::steady_clock::now();
        // Without threads there is nobody to hand over to, and what happens must not depend on the clock.
        if (parts_.options.threads) {
            if (ended - began > direct_slow) direct_after_ = ended + direct_pause * (ended - began);
            if (append_inbox_.holds(direct_crowd)) direct_after_ = std::max(direct_after_, ended + direct_crowd_pause);
        }
    }
    direct_ = false;
    // What came meanwhile, what did not fit, or the stamp after it: the thread's.
    const bool left = appends_.front() != nullptr || !append_inbox_.empty() || !change_inbox_.empty() || failed();
    if (left || (stamp_due() && !stamp_armed_)) wake();
    return true;
}

void log_thread::post(change_request& request) {
    change_inbox_.push(request);
    wake();
}

void log_thread::post_table_rewrite() {
    rewrite_.store(true);
    look_again();
}

void log_thread::close() {
    closing_.store(true);
    look_again();
}

void log_thread::report_failure(std::error_code error) {
    reported_.store(error.category() == std::system_category() ? error.value() : EIO);
    look_again();
}

void log_thread::look_again() { ring_->wake(); }

void log_thread::wake() {
    if (sleeping_.exchange(false)) ring_->wake();
}

void log_thread::fill(store_statistics& statistics) const {
    statistics.groups = groups_.load(std::memory_order_relaxed);
    statistics.frames = frames_.load(std::memory_order_relaxed);
    statistics.records = records_.load(std::memory_order_relaxed);
    statistics.flushes = flushes_.copy();
    statistics.batch_bytes = batch_bytes_.load(std::memory_order_relaxed);
    statistics.log_bytes = log_bytes_.load(std::memory_order_relaxed);
    statistics.duplicates = duplicates_.load(std::memory_order_relaxed);
    statistics.failed = failed();
    statistics.end = published();
}

// ---- the thread ----

bool log_thread::idle() const {
    return !writer_.writing() && !writer_.building() && appends_.front() == nullptr && changes_.front() == nullptr &&
           append_inbox_.empty() && change_inbox_.empty() && building_.empty() && !parts_.frontier->writing();
}

bool log_thread::step() {
    bool worked = ring_->reap() > 0;
    if (!append_inbox_.empty()) {
        backlog_bytes_ += static_cast<std::int64_t>(waiting_bytes_.exchange(0, std::memory_order_seq_cst));
        appends_.append(append_inbox_.take());
        worked = true;
    }
    if (!change_inbox_.empty()) {
        changes_.append(change_inbox_.take());
        worked = true;
    }
    if (const int error = reported_.load(std::memory_order_relaxed); error != 0 && !failed()) {
        fail_everything(system_error_code(error));
    }
    if (failed()) {
        refuse_all(store_errc::failed);
        return worked;
    }
    // What is half laid out is finished; the rest is answered.
    if (closing_.load(std::memory_order_relaxed) && batch_cursor_ == 0) refuse_all(store_errc::closing);
    if (appends_.front() != nullptr || changes_.front() != nullptr || rewrite_.load(std::memory_order_relaxed)) lay_out();
    while (may_write()) {
        start_write();
        worked = true;
        // The next group is laid out while this one is written.
        if (appends_.front() != nullptr || changes_.front() != nullptr) lay_out();
    }
    return worked;
}

void log_thread::run() {
    using clock = std::chrono::steady_clock;
    auto idle_since = clock::now();
    std::unique_lock hold(baton_);
    awake_ = true;
    for (;;) {
        if (step()) {
            idle_since = clock::now();
            continue;
        }
        if (closing_.load() && (idle() || (failed() && !writer_.writing()))) return;
        auto timeout = std::chrono::nanoseconds(-1);
        if (!writer_.writing() && !writer_.building() && stamp_due()) {
            const auto after = bytes_since_stamp_ >= stamp_bytes ? std::chrono::nanoseconds(stamp_after)
                                                                 : std::chrono::nanoseconds(stamp_after_little);
            timeout = idle_since + after - clock::now();
            if (timeout <= std::chrono::nanoseconds(0)) {
                bytes_since_stamp_ = 0;
                parts_.frontier->stamp(*ring_, writer_.durable());
                ring_->flush();
                timeout = std::chrono::nanoseconds(-1);
            }
        }
        stamp_armed_ = timeout >= timeout.zero();
        sleeping_.store(true, std::memory_order_seq_cst);
        const bool came = waiting_bytes_.load(std::memory_order_seq_cst) >= wake_bytes ||
                          (!writer_.writing() && !append_inbox_.empty()) || !change_inbox_.empty();
        if (!came) {
            awake_ = false;
            hold.unlock();
            ring_->wait(timeout);
            hold.lock();
            awake_ = true;
        }
        sleeping_.store(false, std::memory_order_seq_cst);
        if (ring_progress_) idle_since = clock::now();
        ring_progress_ = false;
    }
}

bool log_thread::stamp_due() { return bytes_since_stamp_ > 0 && !parts_.frontier->writing() && !failed(); }

void log_thread::lay_out() {
    now_ = parts_.options.clock();
    if (rewrite_.load(std::memory_order_relaxed) && changes_under_way_ == 0 && !lay_out_rewrite()) return;
    // A rewrite that waits for the changes under way holds back the ones behind it, but no messages.
    while (!rewrite_.load(std::memory_order_relaxed) && changes_.front() != nullptr) {
        if (!lay_out(*changes_.front())) return;
    }
    while (append_request* request = appends_.front()) {
        if (batch_cursor_ == 0 && index_is_full()) return;
        if (!lay_out(*request)) return;
    }
}

/// More of the index waits to be written than it may hold: messages wait too, or memory would grow without bound. Its budget
/// covers tails and what is written, a quarter more is what may wait. When it cannot be written at all nobody waits for it.
bool log_thread::index_is_full() {
    const std::uint64_t most = parts_.options.index_tail_memory / 4 * 5;
    if (parts_.index->memory_bytes() <= most || parts_.index->error()) return false;
    waits_for_index_.store(true);
    // What was written in between did not see that we wait.
    return parts_.index->memory_bytes() > most;
}

void log_thread::index_written() {
    if (!waits_for_index_.load()) return;
    if (parts_.index->memory_bytes() > parts_.options.index_tail_memory / 4 * 5 && !parts_.index->error()) return;
    waits_for_index_.store(false);
    look_again();
}

bool log_thread::lay_out(append_request& request) {
    if (batch_cursor_ == 0) request.pending = request.batches.size() + 1;
    for (; batch_cursor_ < request.batches.size(); ++batch_cursor_) {
        if (!lay_out(request, request.batches[batch_cursor_])) return false;
        backlog_bytes_ -= static_cast<std::int64_t>(request.batches[batch_cursor_].bytes.size());
    }
    batch_cursor_ = 0;
    appends_.pop();
    if (--request.pending == 0) request.done(request);
    return true;
}

bool log_thread::lay_out(append_request& request, append_batch& batch) {
    const queue_slot slot = slot_of(batch.queue);
    if (!slot.exists) {
        complete(request, batch, store_errc::unknown_queue);
        return true;
    }
    const batch_view view(batch.bytes);
    if (view.producer_id() >= 0) {
        producer_batch original;
        switch (parts_.producers.admit(batch.queue, view, original)) {
            case verdict::accept: break;
            case verdict::old_epoch: complete(request, batch, store_errc::invalid_producer_epoch); return true;
            case verdict::out_of_order: complete(request, batch, store_errc::out_of_order_sequence); return true;
            case verdict::duplicate:
                batch.base = original.base;
                batch.append_time = original.time;
                batch.duplicate = true;
                add(duplicates_, 1);
                // The original may not be durable yet: answer with the group that is under way.
                if (writer_.building() || writer_.writing()) {
                    auto& frames = writer_.building() ? building_ : nth_write(writer_.writes() - 1).frames;
                    frames.push_back({&request, &batch, nullptr, batch.queue, {}, true});
                } else {
                    complete(request, batch, {});
                }
                return true;
        }
    }
    switch (writer_.place(batch.bytes.size(), false)) {
        case room::fits: break;
        case room::too_large: complete(request, batch, store_errc::too_large); return true;
        case room::no_space:
            poke_maintenance(want_segment);  // it tries again to get one, at its own pace
            complete(request, batch, store_errc::no_space);
            return true;
        case room::wait:
            if (!parts_.segments->has_next()) poke_maintenance(want_segment);
            return false;
    }
    batch.base = slot.next;
    batch.append_time = batch.log_append_time ? now_ : -1;
    if (view.producer_id() >= 0) parts_.producers.record(batch.queue, view, slot.next, batch.append_time, now_);
    pending& frame = append_frame(batch.queue, batch.bytes, batch.hash, batch.log_append_time);
    frame.request = &request;
    frame.batch = &batch;
    frame.idempotent = view.producer_id() >= 0;
    return true;
}

/// The header and what waits for the frame are filled in where they stay: read in one piece while the parts that were just
/// written are on their way to the cache, a copy costs more than making it.
log_thread::pending& log_thread::append_frame(queue_id queue, byte_view bytes, std::uint64_t hash, bool log_append_time) {
    queue_slot& slot = slot_of(queue);
    const auto size = static_cast<std::uint32_t>(bytes.size());
    const byte_span payload = writer_.begin(size);
    copy_past_caches(payload.data(), bytes.data(), size);
    commitlog::frame_header& header = writer_.header();
    set_batch_prefix(payload, slot.next, static_cast<std::int32_t>(size), header.epoch);
    if (log_append_time) {
        set_log_append_time(payload, now_);
        hash = commitlog::payload_checksum(payload);
    }
    const batch_view view(payload);
    header.queue = queue;
    header.base = slot.next;
    header.count = static_cast<std::uint32_t>(view.count());
    header.max_timestamp = view.max_timestamp();
    header.append_time = now_;
    header.payload_checksum = hash;
    pending& frame = building_.emplace_back();
    frame.queue = queue;
    frame.entry.base = slot.next;
    frame.entry.position = writer_.finish();
    frame.entry.max_timestamp = header.max_timestamp;
    frame.entry.size = size;
    frame.entry.count = header.count;
    slot.next = slot.next + header.count;
    add(frames_, 1);
    if (queue != change_queue) add(records_, header.count);
    add(batch_bytes_, size);
    return frame;
}

bool log_thread::lay_out(change_request& request) {
    const auto answer = [&](std::error_code error) {
        changes_.pop();
        request.error = error;
        request.done(request);
        return true;
    };
    if (request.changes.empty()) return answer({});
    scratch_.clear();
    encode_changes(request.changes, now_, scratch_);
    // What says which queues and topics there are is written twice: one damaged frame must not take a queue with all its
    // messages along. Applying a change twice changes nothing.
    const bool twice = std::any_of(request.changes.begin(), request.changes.end(), [](const table_change& change) {
        return change.table == table_id::queues || change.table == table_id::topics;
    });
    switch (writer_.place(scratch_.size() + (twice ? commitlog::frame_size(scratch_.size()) : 0), true)) {
        case room::fits: break;
        case room::too_large: return answer(store_errc::too_large);
        case room::no_space: poke_maintenance(want_segment); return answer(store_errc::no_space);
        case room::wait:
            if (!parts_.segments->has_next()) poke_maintenance(want_segment);
            return false;
    }
    changes_.pop();
    changes_under_way_ += 1;
    append_frame(change_queue, scratch_, commitlog::payload_checksum(scratch_), false).change = &request;
    if (twice) (void)append_frame(change_queue, scratch_, commitlog::payload_checksum(scratch_), false);
    return true;
}

/// Appends the whole state of all tables anew, so that older frames of the change queue are no longer needed. Only while no
/// change is under way: the dump would otherwise be written behind a change that it does not hold.
bool log_thread::lay_out_rewrite() {
    rewrite_.store(false, std::memory_order_relaxed);
    const queue_offset first = slot_of(change_queue).next;
    auto request = std::make_unique<change_request>();
    std::size_t bytes = 0;
    fifo<change_request> own;
    const auto send = [&] {
        request->done = [](change_request&) {};
        own.append(request.get());
        rewrites_.push_back(std::move(request));
        request = std::make_unique<change_request>();
        bytes = 0;
    };
    const auto put = [&](table_change&& change) {
        bytes += change.key.size() + change.value.size();
        request->changes.push_back(std::move(change));
        if (bytes >= rewrite_bytes) send();
    };
    for (const queue_id id : parts_.index->queues()) {
        if (id != change_queue) put(store::queue_trimmed(id, parts_.index->bounds(id)->start));
    }
    for (const table_binding& binding : parts_.tables) {
        binding.state->dump([&](byte_view key, byte_view value) {
            put({binding.id, std::string(as_text(key)), std::string(as_text(value)), false});
        });
    }
    // The last frame moves the start of the change queue to the first one of this dump.
    put(store::queue_trimmed(change_queue, first));
    send();
    // In front of anything else: what is posted from now on must come behind the dump.
    change_request* rest = changes_.front();
    changes_ = own;
    changes_.append(rest);
    while (change_request* next = changes_.front()) {
        if (!lay_out(*next)) return false;
    }
    return true;
}

/// A write joins others only when as much waits behind it as is under way with it. With less the answers of all would come together,
/// and what they bring would find nothing under way: disk and processors would work in turn instead of at once.
bool log_thread::may_write() const {
    if (!writer_.may_write()) return false;
    if (!writer_.writing()) return true;
    const std::uint64_t under_way = writer_.building_bytes() * writer_.writes();
    return backlog_bytes_ >= static_cast<std::int64_t>(parts_.options.overlap_backlog * under_way);
}

void log_thread::start_write(bool directly) {
    group& next = nth_write(writer_.writes());
    std::swap(building_, next.frames);
    building_.clear();
    writer_busy_.store(true, std::memory_order_seq_cst);
    parts_.writes.begin(writer_.building_bytes());
    next.started = std::chrono::steady_clock::now();
    if (directly) {
        finish_write(writer_.write_now(parts_.disk));
    } else {
        (void)writer_.submit();
        ring_->flush();
    }
    const auto& active = *parts_.segments->active();
    const bool quarter_used = (writer_.end().value - active.base().value) * 4 > active.bytes();
    if (quarter_used && !parts_.segments->has_next() && poked_at_ != active.base()) {
        poked_at_ = active.base();
        poke_maintenance(want_segment);
    }
}

void log_thread::on_written(std::error_code error) {
    // The thread comes here from its sleep, too.
    std::unique_lock hold(baton_, std::defer_lock);
    if (!awake_) hold.lock();
    finish_write(error);
}

void log_thread::finish_write(std::error_code error) {
    writer_.settle(error);
    writer_busy_.store(writer_.writing(), std::memory_order_seq_cst);
    parts_.writes.end();
    ring_progress_ = true;
    if (failed()) return;
    if (error) {
        fail_everything(error);
        return;
    }
    add(groups_, 1);
    group& over = nth_write(0);
    oldest_ = (oldest_ + 1) % writing_.size();
    flushes_.add(std::chrono::steady_clock::now() - over.started);
    const log_position durable = writer_.durable();
    const std::uint64_t before = published_.load(std::memory_order_relaxed);
    add(log_bytes_, durable.value - before);
    bytes_since_stamp_ += durable.value - before;
    std::swap(written_, over.frames);
    // With a full group waiting the disk need not wait for us to publish this one. A group with room left takes what has
    // come meanwhile first; and where flush() does the writing itself, the answers would wait for it.
    if (!direct_ && appends_.front() != nullptr && may_write() && parts_.disk.kind() != io::backend::posix) start_write();

    parts_.usage.begin_group();
    const auto segment = written_.empty() || written_.front().no_frame ? nullptr : parts_.segments->find(written_.front().entry.position);
    for (const pending& frame : written_) {
        if (frame.no_frame) continue;
        const log_position base = segment ? segment->base() : parts_.segments->find(frame.entry.position)->base();
        parts_.usage.add(base, {frame.queue, frame.entry.end(), frame.entry.max_timestamp, frame.entry.size});
    }
    parts_.usage.finish_group();

    for (pending& frame : written_) {
        // The queue may have been removed while its last batch was on its way.
        if (!frame.no_frame && slot_of(frame.queue).exists) {
            const auto start = parts_.index->publish(frame.queue, frame.entry);
            if (frame.batch != nullptr && start) frame.batch->log_start = *start;
        }
        if (frame.change != nullptr) apply(*frame.change);
    }
    published_.store(durable.value, std::memory_order_release);
    write_journal({before}, durable);
    for (pending& frame : written_) {
        if (frame.no_frame) {
            complete(*frame.request, *frame.batch, {});
        } else if (frame.batch != nullptr) {
            answer(*frame.request, *frame.batch, {});
        }
        if (frame.change != nullptr) {
            changes_under_way_ -= 1;
            frame.change->error = {};
            frame.change->done(*frame.change);
        }
    }
    written_.clear();
    if (changes_under_way_ == 0 && changes_.front() == nullptr) rewrites_.clear();
}

/// What was just published, and is not answered yet: the batches are still there.
void log_thread::write_journal(log_position from, log_position to) {
    index_journal& journal = *parts_.journal;
    journal.begin_group(from);
    for (const pending& frame : written_) {
        if (frame.no_frame) continue;
        if (frame.idempotent) {
            const batch_view batch(frame.batch->bytes);
            journal.add(frame.queue, frame.entry,
                        {batch.producer_id(), frame.batch->append_time, now_, batch.base_sequence(), batch.producer_epoch()});
        } else if (frame.change != nullptr) {
            // From the log itself: its newest part is in memory.
            const commitlog::tail_cache::lookup slabs(*parts_.cache);
            const auto* slab = slabs.find(frame.entry.position);
            journal.add_change(frame.queue, frame.entry,
                               slab == nullptr ? byte_view{}
                                               : byte_view{(*slab)->at(frame.entry.position) + commitlog::frame_header_size,
                                                           frame.entry.size});
        } else {
            journal.add(frame.queue, frame.entry);
        }
    }
    if (journal.finish_group(to)) poke_maintenance(want_journal);
}

void log_thread::apply(change_request& request) {
    for (const table_change& change : request.changes) apply(change);
}

void log_thread::apply(const table_change& change) {
    const decoded_change decoded{change.table, as_bytes(change.key), as_bytes(change.value), change.removed};
    if (change.table == table_id::queues) {
        queue_id id;
        queue_offset start;
        IMAGO_ASSERT(decode_queue_change(decoded, id, start));
        queue_slot& slot = slot_of(id);
        if (change.removed) {
            if (slot.exists) parts_.index->remove(id);
            slot = {};
        } else if (!slot.exists) {
            parts_.index->create(id, start);
            slot = {start, true};
        } else {
            parts_.index->trim(id, start);
        }
        if (change.removed || start.value > 0) poke_maintenance(want_reclaim);
        return;
    }
    if (table* state = parts_.table_of(change.table)) state->apply(decoded.key, decoded.value, decoded.removed);
}

void log_thread::complete(append_request& request, append_batch& batch, std::error_code error) {
    if (const auto bounds = parts_.index->bounds(batch.queue)) batch.log_start = bounds->start;
    answer(request, batch, error);
}

void log_thread::answer(append_request& request, append_batch& batch, std::error_code error) {
    batch.error = error;
    if (--request.pending == 0) request.done(request);
}

/// A failed write is never retried: the disk may hold anything now. Nothing in flight is acknowledged; a restart reads back
/// what is really there.
void log_thread::fail_everything(std::error_code error) {
    failed_.store(true, std::memory_order_release);
    parts_.say(fmt::format("writing the log failed: {}; nothing is acknowledged until a restart", error.message()));
    const auto answer_all = [&](std::vector<pending>& frames) {
        for (pending& frame : frames) {
            if (frame.batch != nullptr) complete(*frame.request, *frame.batch, store_errc::failed);
            if (frame.change != nullptr) {
                frame.change->error = store_errc::failed;
                frame.change->done(*frame.change);
            }
        }
        frames.clear();
    };
    for (std::size_t n = 0; n < writing_.size(); ++n) answer_all(nth_write(n).frames);
    answer_all(building_);
    changes_under_way_ = 0;
    refuse_all(store_errc::failed);
    if (parts_.options.on_failure) parts_.options.on_failure(error);
}

void log_thread::refuse_all(std::error_code error) {
    while (append_request* request = appends_.front()) {
        if (batch_cursor_ == 0) request->pending = request->batches.size() + 1;
        for (; batch_cursor_ < request->batches.size(); ++batch_cursor_) complete(*request, request->batches[batch_cursor_], error);
        batch_cursor_ = 0;
        appends_.pop();
        if (--request->pending == 0) request->done(*request);
    }
    while (change_request* request = changes_.front()) {
        changes_.pop();
        request->error = error;
        request->done(*request);
    }
}

}  // namespace imago::store
