#include "store/recovery.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <unordered_map>

#include "base/record_batch.h"
#include "commitlog/log_walk.h"

namespace imago::store {
namespace {

using commitlog::damaged_range;
using commitlog::frame_header;

/// Takes the parts of a checkpoint into the store.
class checkpoint_loader final : public checkpoint_visitor {
public:
    explicit checkpoint_loader(store_parts& parts) : parts_(parts) {}
    void on_table(table_id table, byte_view key, byte_view value) override {
        if (class table* state = parts_.table_of(table)) state->apply(key, value, false);
    }
    void on_queue(consumequeue::queue_snapshot&& queue) override { parts_.index->restore(std::move(queue)); }
    void on_producer(const producer_state& producer) override { parts_.producers.restore(producer); }
    void on_usage(segment_usage&& usage) override {
        if (!usage.entries.empty()) parts_.usage.restore(std::move(usage));
    }

private:
    store_parts& parts_;
};

/// Takes frames into the store, the way the log thread does it live.
class replay {
public:
    /// `rebuild`: there is no checkpoint. Starts of queues are then kept apart until their batches are known, see settle().
    replay(store_parts& parts, bool rebuild) : parts_(parts), rebuild_(rebuild) {}

    enum class what { everything, tables_only, all_but_tables };

    void frame(const frame_header& header, byte_view payload, what take) {
        if (header.queue == change_queue && take != what::all_but_tables) changes(payload);
        if (take == what::tables_only || !parts_.index->bounds(header.queue)) return;
        parts_.usage.begin_group();
        publish(header.queue, entry_of(header));
        parts_.usage.finish_group();
        if (const auto stamp = stamp_of(header, batch_view(payload))) {
            parts_.producers.record(header.queue, *stamp, static_cast<std::int32_t>(header.count), header.base);
        }
    }

    /// The same from the journal.
    void entries(std::span<const journal_entry> entries) {
        parts_.usage.begin_group();
        for (const journal_entry& entry : entries) {
            if (entry.kind == journal_kind::change) changes(entry.payload);
            publish(entry.queue, entry.index);
            if (entry.kind == journal_kind::producer && parts_.index->bounds(entry.queue)) {
                parts_.producers.record(entry.queue, entry.producer, static_cast<std::int32_t>(entry.index.count), entry.index.base);
            }
        }
        parts_.usage.finish_group();
    }

    /// What the walk found behind the journal's end goes on with it.
    void into_journal(const frame_header& header, byte_view payload) {
        index_journal& journal = *parts_.journal;
        journal.resume_at(header.position);
        journal.begin_group(header.position);
        if (header.queue == change_queue) {
            journal.add_change(header.queue, entry_of(header), payload);
        } else if (const auto stamp = stamp_of(header, batch_view(payload))) {
            journal.add(header.queue, entry_of(header), *stamp);
        } else {
            journal.add(header.queue, entry_of(header));
        }
        (void)journal.finish_group(header.position + header.advance);
    }

    void damaged(const damaged_range& range) {
        std::string who;
        for (const auto& known : range.known) {
            if (!parts_.index->bounds(known.queue)) continue;
            who += fmt::format(" {} offsets {}..{};", parts_.name_of(known.queue), known.base.value,
                               known.base.value + known.count - 1);
            consumequeue::index_entry entry{known.base, known.position, -1, 0, known.count, 0, consumequeue::entry_damaged};
            parts_.usage.begin_group();
            publish(known.queue, entry);
            parts_.usage.finish_group();
        }
        parts_.say(fmt::format("the log is damaged in [{}, {}), which was durable: quarantined;{}", range.from.value,
                               range.to.value, who.empty() ? " whose messages it held is not known" : who));
    }

    /// After a rebuild: queues start where the changes say. A queue of which nothing is left goes on at its old offsets.
    void settle() {
        for (const auto& [queue, start] : starts_) {
            const auto bounds = parts_.index->bounds(queue);
            if (!bounds) continue;
            if (bounds->end < start) {
                parts_.index->remove(queue);
                parts_.index->create(queue, start);
            } else {
                parts_.index->trim(queue, start);
            }
        }
    }

private:
    static consumequeue::index_entry entry_of(const frame_header& header) {
        return {header.base, header.position, header.max_timestamp, header.payload_size, header.count, header.tag_hash, 0};
    }
    /// Nothing if the batch has no idempotent producer.
    static std::optional<producer_stamp> stamp_of(const frame_header& header, const batch_view& batch) {
        if (batch.producer_id() < 0) return std::nullopt;
        return producer_stamp{batch.producer_id(), batch.log_append_time() ? header.append_time : -1, header.append_time,
                              batch.base_sequence(), batch.producer_epoch()};
    }

    /// Within a group of the usage.
    void publish(queue_id queue, const consumequeue::index_entry& entry) {
        if (!parts_.index->publish(queue, entry)) return;
        if (!segment_ || entry.position < segment_->base() || entry.position >= segment_->end()) {
            segment_ = parts_.segments->find(entry.position);
        }
        if (segment_) parts_.usage.add(segment_->base(), {queue, entry.end(), entry.max_timestamp, entry.size});
    }

    void changes(byte_view payload) {
        const auto decoded = decode_changes(payload, [&](const decoded_change& change) {
            queue_id id;
            queue_offset start;
            if (decode_queue_change(change, id, start)) {
                auto next = parts_.next_queue_id.load();
                if (id.value >= next) parts_.next_queue_id.store(id.value + 1);
                if (change.removed) {
                    if (parts_.index->bounds(id)) parts_.index->remove(id);
                } else if (rebuild_) {
                    if (!parts_.index->bounds(id)) parts_.index->create(id, {0});
                    starts_[id] = std::max(starts_[id], start);
                } else if (!parts_.index->bounds(id)) {
                    parts_.index->create(id, start);
                } else {
                    parts_.index->trim(id, start);
                }
            } else if (table* state = parts_.table_of(change.table)) {
                state->apply(change.key, change.value, change.removed);
            }
        });
        if (!decoded) parts_.say("a change of the internal queue could not be read and is skipped");
    }

    store_parts& parts_;
    bool rebuild_;
    std::shared_ptr<commitlog::segment> segment_;  ///< of the frame before
    std::unordered_map<queue_id, queue_offset> starts_;
};

}  // namespace

result<log_position> recover(store_parts& parts, checkpoint_files& checkpoints, io::ring& ring) {
    const auto started = std::chrono::steady_clock::now();
    recovery_report& report = parts.recovered;
    commitlog::segment_set& segments = *parts.segments;
    const log_position first = segments.list().front()->data_start();

    checkpoint_loader loader(parts);
    const auto checkpoint = checkpoints.load(loader);
    log_position witness = parts.frontier->stored();
    report.replay_from = first;
    if (!checkpoint && checkpoints.other_version()) {
        parts.say(fmt::format("the checkpoint is of version {}, which is not read any more: this start takes longer, once",
                              *checkpoints.other_version()));
    }
    if (checkpoint) {
        witness = std::max(witness, checkpoint->end);
        report.replay_from = std::max(first, checkpoint->replay_from);
        parts.next_queue_id.store(std::max(parts.next_queue_id.load(), checkpoint->next_queue_id));
    }
    if (!parts.index->bounds(change_queue)) parts.index->create(change_queue, {0});
    report.rebuilt = !checkpoint;
    report.clean = checkpoint && parts.frontier->clean() && parts.frontier->stored() == checkpoint->replay_from;

    log_position end = report.replay_from;
    if (!report.clean && !segments.fresh()) {
        // Writes of a process that was killed may still be on their way to the disk: allocating waits for them.
        for (const auto& segment : segments.list()) {
            if (segment->file() != nullptr && segment->end() > witness) {
                (void)parts.disk.allocate(*segment->file(), 0, segment->bytes());
            }
        }
        replay into(parts, !checkpoint);
        using what = replay::what;
        if (!checkpoint) {
            // All of the log, twice: frames may stand before the (rewritten) change that says whose they are.
            if (segments.list().size() > 1 || witness > first) parts.say("no checkpoint: everything is rebuilt from the log");
            const auto tables =
                commitlog::walk_log(parts.disk, ring, segments, first, witness,
                                    {[&](const frame_header& h, byte_view p) { into.frame(h, p, what::tables_only); },
                                     [](const damaged_range&) {}});
            witness = tables.witness;
            report.bytes_cut = tables.torn_bytes;
        }
        const what take = checkpoint ? what::everything : what::all_but_tables;
        log_position walk_from = report.replay_from;
        if (checkpoint) {
            walk_from = parts.journal->recover(ring, report.replay_from, [&](std::span<const journal_entry> entries) {
                into.entries(entries);
                report.journal_entries += entries.size();
            });
        }
        const auto walked =
            commitlog::walk_log(parts.disk, ring, segments, walk_from, witness,
                                {[&](const frame_header& h, byte_view p) {
                                     into.frame(h, p, take);
                                     if (checkpoint) into.into_journal(h, p);
                                 },
                                 [&](const damaged_range& range) { into.damaged(range); }},
                                !checkpoint.has_value());
        into.settle();
        end = walked.end;
        report.frames_replayed = walked.frames;
        report.damaged_ranges = walked.damaged;
        report.bytes_cut += walked.torn_bytes;
        // What is quarantined has no entry: the next start has to find it as this one did. And what was too much to be kept
        // in memory is left to the checkpoint that follows.
        if (walked.damaged > 0 || !parts.journal->covering()) parts.journal->end();
        if (report.bytes_cut > 0) {
            parts.say(fmt::format("cut a torn tail at {}: {} bytes that were never acknowledged", end.value, report.bytes_cut));
        }
    }
    parts.producers.drop_above([&](queue_id id) -> std::optional<queue_offset> {
        const auto bounds = parts.index->bounds(id);
        return bounds ? std::optional(bounds->end) : std::nullopt;
    });

    if (report.clean || segments.fresh()) {
        segments.resume_at(end);
    } else {
        // What is kept of the tail was not acknowledged, but will be read from now on: it has to be durable first.
        if (const auto last = segments.find(end); last && last->file() != nullptr) IMAGO_CHECK(parts.disk.sync(*last->file()));
        IMAGO_TRY(end, segments.cut(end));
    }
    if (report.clean) parts.journal->begin_at(end);
    parts.journal->resume_at(end);
    IMAGO_CHECK(parts.frontier->stamp_now(parts.disk, end, false));
    report.end = end;
    report.queues = parts.index->used().queues;
    report.took = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - started);
    return end;
}

}  // namespace imago::store
