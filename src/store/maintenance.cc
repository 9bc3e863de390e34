#include "store/maintenance.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace imago::store {
namespace {

constexpr std::size_t index_write_depth = 16;
/// A segment that could not be had is tried for again when somebody asks, but not more often.
constexpr unix_ms segment_retry_ms = 200;
constexpr std::size_t trims_per_change = 4096;
/// New segments are filled with zeros in small pieces with pauses, so that the log's own writes do not feel it: writes
/// into blocks that were never written cost the file system a write of its own each, but so would a disk that is busy
/// filling. A log that grows faster than this pays the former: filling could not keep ahead of it.
constexpr auto fill_pause = std::chrono::milliseconds(5);
/// Without a pause once nothing was appended for so long.
constexpr auto fill_idle_after = std::chrono::milliseconds(50);
constexpr auto fill_pause_saturated = std::chrono::milliseconds(50);
constexpr double fill_saturated_bytes_per_second = 100e6;

}  // namespace

maintenance::maintenance(store_parts& parts, log_thread& log, std::unique_ptr<checkpoint_files> checkpoints,
                         std::unique_ptr<io::ring> ring)
    : parts_(parts), log_(log), checkpoints_(std::move(checkpoints)), ring_(std::move(ring)) {
    view_.bounds = [this](queue_id id) { return parts_.index->bounds(id); };
    view_.retention_of = [this](queue_id id) {
        return parts_.options.retention_of ? parts_.options.retention_of(id) : retention{};
    };
    trims_.self = this;
    checkpoint_at_ = parts_.recovered.replay_from;
}

void maintenance::poke(unsigned what) {
    if ((wanted_.fetch_or(what) & what) != what || what == 0) ring_->wake();
}

void maintenance::retention_changed() {
    retention_changed_.store(true);
    ring_->wake();
}

void maintenance::checkpoint_soon() {
    checkpoint_wanted_.store(true);
    ring_->wake();
}

void maintenance::stop(bool checkpoint) {
    checkpoint_at_stop_.store(checkpoint);
    stopping_.store(true);
    ring_->wake();
}

bool maintenance::step() {
    bool worked = prepare_segment();
    worked |= ring_->reap() > 0;
    worked |= write_journal();
    worked |= write_index();
    log_.index_written();
    if (log_.failed()) return worked;
    worked |= keep_retention();
    worked |= reclaim();
    worked |= checkpoint_if_due();
    worked |= fill_segments();
    return worked;
}

void maintenance::run() {
    // A crash leaves files, and blocks in others, that nothing names any more.
    (void)parts_.index->remove_unknown_files();
    while (!stopping_.load()) {
        if (!step()) ring_->wait(until_next());
    }
    finish();
}

void maintenance::finish() {
    if (checkpoint_at_stop_.load()) {
        if (const auto written = final_checkpoint(); !written) stop_error_ = written.error();
    }
    while (ring_->in_flight() > 0) ring_->wait(std::chrono::nanoseconds(-1));
}

bool maintenance::write_journal() {
    if ((wanted_.load() & want_journal) != 0) wanted_.fetch_and(~want_journal);
    return parts_.journal->write();
}

/// Block writes go on as long as the disk takes them. Lack of space is waited out: whoever makes room pokes.
bool maintenance::write_index() {
    if (!parts_.index->has_writes()) return false;
    const unix_ms now = parts_.options.clock();
    const std::error_code error = parts_.index->error();
    if (error == std::errc::no_space_on_device && now < tried_index_at_ + segment_retry_ms) return false;
    tried_index_at_ = now;
    const std::size_t before = ring_->in_flight();
    const std::size_t after = parts_.index->pump(*ring_, index_write_depth);
    ring_->flush();
    const std::error_code now_error = parts_.index->error();
    if (now_error && now_error != error) {
        parts_.say(fmt::format("the index could not be written: {}; it stays in memory, the log has everything", now_error.message()));
    }
    return !now_error && (after != before || (after == 0 && parts_.index->has_writes()));
}

/// Writes the next piece of zeros if it is due. True: the next one is, too.
bool maintenance::fill_segments() {
    const auto now = std::chrono::steady_clock::now();
    if (now < fill_at_) return false;
    const log_position end = log_.published();
    const double grown = static_cast<double>(end - fill_log_end_);
    const double seconds = std::chrono::duration<double>(now - fill_looked_at_).count();
    fill_log_end_ = end;
    fill_looked_at_ = now;
    if (grown > 0) fill_grew_at_ = now;
    if (grown > seconds * fill_saturated_bytes_per_second) {
        fill_at_ = now + fill_pause_saturated;
    } else if (parts_.segments->zero_some()) {
        if (now - fill_grew_at_ >= fill_idle_after) return true;
        fill_at_ = std::chrono::steady_clock::now() + fill_pause;
    } else {
        fill_at_ = std::chrono::steady_clock::time_point::max();
    }
    return false;
}

std::chrono::nanoseconds maintenance::until_fill() const {
    if (fill_at_ == std::chrono::steady_clock::time_point::max()) return std::chrono::nanoseconds::max();
    return std::max(std::chrono::nanoseconds(0), std::chrono::nanoseconds(fill_at_ - std::chrono::steady_clock::now()));
}

std::chrono::nanoseconds maintenance::until_next() const {
    const std::chrono::nanoseconds fill = until_fill();
    std::optional<unix_ms> at = retention_.next_expiry();
    if (at || look_pending_) at = std::max(at && !look_pending_ ? *at : 0, looked_at_ + parts_.options.retention_check_ms);
    if (!at) return fill == std::chrono::nanoseconds::max() ? std::chrono::nanoseconds(-1) : fill;
    const unix_ms now = parts_.options.clock();
    return std::min<std::chrono::nanoseconds>(fill, std::chrono::milliseconds(std::clamp<unix_ms>(*at - now, 1, 3'600'000)));
}

bool maintenance::prepare_segment() {
    if ((wanted_.load() & want_segment) == 0) return false;
    if (parts_.segments->has_next()) {
        wanted_.fetch_and(~want_segment);
        return false;
    }
    const unix_ms now = parts_.options.clock();
    wanted_.fetch_and(~want_segment);
    if (segment_failed_ && now < tried_segment_at_ + segment_retry_ms) return false;
    tried_segment_at_ = now;
    const auto prepared = parts_.segments->prepare_next();
    if (!prepared && prepared.error() != std::errc::no_space_on_device) {
        log_.report_failure(prepared.error());
        return true;
    }
    if (!prepared && !segment_failed_) {
        parts_.say(fmt::format("no new segment of the log could be had: {}; messages are refused until there is room",
                               prepared.error().message()));
    } else if (prepared && segment_failed_) {
        parts_.say("there is room again: messages are accepted");
    }
    segment_failed_ = !prepared;
    fill_at_ = {};
    log_.look_again();
    return prepared.has_value();
}

bool maintenance::keep_retention() {
    if (!trims_.answered.load(std::memory_order_acquire)) return false;
    const unix_ms now = parts_.options.clock();
    look_pending_ |= parts_.usage.take_new_queues();
    const bool changed = retention_changed_.exchange(false);
    const auto sealed = parts_.usage.sealed();
    const bool more_sealed = sealed.size() > sealed_seen_;
    sealed_seen_ = sealed.size();
    const auto expiry = retention_.next_expiry();
    const bool due = (look_pending_ || (expiry && *expiry <= now)) && now >= looked_at_ + parts_.options.retention_check_ms;
    if (!changed && !more_sealed && !due) return false;
    if (changed) retention_.forget();
    looked_at_ = now;
    look_pending_ = false;
    const auto trims = retention_.trims(sealed, parts_.usage.current(), view_, now);
    if (trims.empty()) return false;
    std::vector<table_change> changes;
    for (const queue_trim& trim : trims) {
        changes.push_back(store::queue_trimmed(trim.queue, trim.start));
        if (changes.size() == trims_per_change) break;
    }
    // The rest comes with the next look.
    if (changes.size() < trims.size()) retention_changed_.store(true);
    send(std::move(changes));
    return true;
}

void maintenance::send(std::vector<table_change> changes) {
    trims_.answered.store(false, std::memory_order_relaxed);
    trims_.request.changes = std::move(changes);
    trims_.request.context = &trims_;
    trims_.request.done = [](change_request& request) {
        auto& own = *static_cast<own_change*>(request.context);
        maintenance* self = own.self;
        own.answered.store(true, std::memory_order_release);
        self->poke(want_reclaim);
    };
    log_.post(trims_.request);
}

bool maintenance::reclaim() {
    reclaim_pending_ |= (wanted_.fetch_and(~want_reclaim) & want_reclaim) != 0;
    if (!reclaim_pending_) return false;
    const log_position needed = checkpoints_->needed_from();
    std::vector<log_position> dead;
    bool waits_for_checkpoint = false;
    bool waits_for_rewrite = false;
    const auto bounds = view_.bounds;
    for (const auto& usage : parts_.usage.sealed()) {
        bool only_changes = false;
        if (!is_dead(*usage, bounds, only_changes)) {
            waits_for_rewrite |= only_changes;
            continue;
        }
        const auto segment = parts_.segments->find(usage->base);
        if (!segment) {
            parts_.usage.drop(usage->base);
        } else if (segment->end() <= needed) {
            dead.push_back(usage->base);
        } else {
            waits_for_checkpoint = true;
        }
    }
    if (waits_for_rewrite) {
        const auto changes = parts_.index->bounds(change_queue);
        if (!rewrite_asked_ || (changes && changes->start > rewrite_from_)) {
            rewrite_asked_ = true;
            rewrite_from_ = changes ? changes->start : queue_offset{};
            log_.post_table_rewrite();
        }
    }
    if (!dead.empty()) {
        const auto retired = parts_.segments->retire(dead);
        if (!retired) {
            parts_.say(fmt::format("segments could not be given back: {}", retired.error().message()));
            reclaim_pending_ = false;
            return false;
        }
        for (const log_position base : dead) parts_.usage.drop(base);
        sealed_seen_ = parts_.usage.sealed().size();
        if (parts_.segments->out_of_space()) poke(want_segment);
    }
    reclaim_pending_ = false;
    if (waits_for_checkpoint) {
        checkpoint_wanted_.store(true);
        reclaim_pending_ = true;
    }
    return !dead.empty();
}

bool maintenance::checkpoint_if_due() {
    const bool far = log_.published() - checkpoint_at_ >= parts_.options.checkpoint_interval;
    if (!far && !checkpoint_wanted_.load()) return false;
    checkpoint_wanted_.store(false);
    const log_position before = checkpoints_->needed_from();
    if (const auto written = write_checkpoint(); !written) {
        // Derived data: the log goes on without it, only the next start takes longer.
        parts_.say(fmt::format("a checkpoint could not be written: {}", written.error().message()));
        checkpoint_at_ = log_.published();
        reclaim_pending_ = false;
        return false;
    }
    // The older of the two decides what may go: with the same position twice there is nothing to wait for.
    if (reclaim_pending_ && checkpoints_->needed_from() == before && before == log_.published()) reclaim_pending_ = false;
    return true;
}

result<> maintenance::write_checkpoint() {
    checkpoint_head head;
    parts_.journal->begin_checkpoint();
    head.replay_from = log_.published();
    IMAGO_CHECK(parts_.index->sync_blocks(*ring_));
    checkpoint_writer writer = checkpoints_->begin();
    for (const table_binding& binding : parts_.tables) {
        binding.state->dump([&](byte_view key, byte_view value) { writer.table(binding.id, key, value); });
    }
    parts_.index->snapshot([&](const consumequeue::queue_snapshot& queue) {
        writer.queue(queue);
        // A large checkpoint takes a while; the log must not run out of segments meanwhile, nor its journal of memory.
        if ((wanted_.load(std::memory_order_relaxed) & want_segment) != 0) (void)prepare_segment();
        (void)parts_.journal->write();
    });
    const unix_ms now = parts_.options.clock();
    parts_.producers.dump(now - parts_.options.producer_expiry_ms,
                          [&](queue_id id) { return parts_.index->bounds(id).has_value(); },
                          [&](const producer_state& state) { writer.producer(state); });
    for (const auto& usage : parts_.usage.sealed()) writer.usage(*usage);
    writer.usage(parts_.usage.current());
    head.end = log_.published();
    head.next_queue_id = parts_.next_queue_id.load();
    IMAGO_CHECK(checkpoints_->commit(writer, head));
    parts_.journal->finish_checkpoint(head.replay_from);
    checkpoint_at_ = head.replay_from;
    checkpoints_written_.fetch_add(1, std::memory_order_relaxed);
    return {};
}

result<> maintenance::final_checkpoint() {
    while (parts_.index->has_writes() && !parts_.index->error()) {
        if (parts_.index->pump(*ring_, index_write_depth) > 0) ring_->wait(std::chrono::nanoseconds(-1));
    }
    while (ring_->in_flight() > 0) ring_->wait(std::chrono::nanoseconds(-1));
    return write_checkpoint();
}

}  // namespace imago::store
