#include "inspect/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <span>

#include "base/checksum.h"
#include "base/record_batch.h"
#include "base/records.h"

namespace imago::inspect {
namespace {

constexpr std::uint32_t change_queue = 0;

class inspector {
public:
    inspector(folder& from, inspection& into, const progress& tell) : from_(from), into_(into), tell_(tell) {
        for (const segment_entry& each : from.segments()) bytes_ += each.bytes;
    }

    void run(bool with_index) {
        if (!from_.manifest_valid())
            add(severity::error, "log/manifest", "no valid slot: the server will not start; segments are taken as they are");
        for (const std::string& name : from_.strangers())
            add(severity::note, "log/" + name, "does not belong to the log");
        check_segment_headers();
        into_.checkpoints = read_checkpoints(from_);
        into_.journals = read_journals(from_);
        std::uint64_t durable = into_.checkpoints.durable;
        if (from_.frontier()) durable = std::max(durable, from_.frontier()->frontier);
        // Where the log ends is known only when it has been walked, so a first walk finds the end.
        into_.log = walk(from_, durable, [this](const walked_frame& frame) { tell_progress(frame, 0); });
        into_.log = walk(from_, durable, [this, end = into_.log.end](const walked_frame& frame) {
            if (frame.header.position < end) take(frame);
            tell_progress(frame, bytes_);
        });
        tell_log();
        check_checkpoint();
        check_journals();
        if (with_index) check_index();
        std::erase_if(into_.queues, [](const auto& each) { return each.first == change_queue; });
        if (tell_) tell_(2 * bytes_, 2 * bytes_);
    }

private:
    void tell_progress(const walked_frame& frame, std::uint64_t before) {
        if (!tell_ || ++frames_seen_ % 64 != 0) return;
        tell_(before + frame.header.position - from_.segments().front().base, 2 * bytes_);
    }
    finding& add(severity level, std::string place, std::string what) {
        finding& made = into_.findings.emplace_back();
        made.level = level;
        made.place = std::move(place);
        made.what = std::move(what);
        return made;
    }
    finding& add_at(severity level, std::uint64_t from, std::uint64_t to, std::string what) {
        finding& made = add(level, fmt::format("log position {}", from), std::move(what));
        made.from = from;
        made.to = to;
        return made;
    }

    void check_segment_headers() {
        const segment_entry* before = nullptr;
        for (const segment_entry& segment : from_.segments()) {
            std::vector<std::byte> bytes(segment_header_size);
            const auto got = from_.read_log(segment.base, bytes);
            if (!got) continue;  // the walk will say so
            std::string why;
            const auto header = decode_segment_header(byte_view(bytes).first(*got), why);
            if (!header) add_at(severity::error, segment.base, segment.base + segment_header_size, "segment header: " + why);
            else if (header->base != segment.base || header->size != segment.bytes)
                add_at(severity::error, segment.base, segment.base + segment_header_size, "the segment header contradicts the manifest");
            if (before != nullptr && before->end() != segment.base) holes_.push_back(segment.base);
            before = &segment;
        }
    }

    void take(const walked_frame& walked) {
        const frame_header& frame = walked.header;
        if (frame.type == 2) {
            ++into_.footers;
            return;
        }
        ++into_.frames;
        into_.batch_bytes += frame.payload_size;
        check_journalled(frame);
        queue_summary& queue = into_.queues[frame.queue];
        auto& next = next_.try_emplace(frame.queue, expectation{frame.base, frame.position}).first->second;
        if (frame.base < next.offset) {
            mark(add_at(severity::error, frame.position, frame.position + frame.advance,
                        fmt::format("offset {} is given out again: the queue was at {} already", frame.base, next.offset)),
                 frame);
        } else if (frame.base > next.offset && !excused(next.after, frame.position)) {
            finding& gap = add_at(severity::error, frame.position, frame.position + frame.advance, "offsets before this frame are missing");
            gap.queue = frame.queue;
            gap.first_offset = next.offset;
            gap.end_offset = frame.base;
        }
        next = {std::max(next.offset, frame.end()), frame.position};
        if (queue.batches == 0) queue.start = frame.base;
        queue.end = std::max(queue.end, frame.end());
        ++queue.batches;
        queue.records += frame.count;
        queue.bytes += frame.payload_size;
        queue.last_append = std::max(queue.last_append, frame.append_time);
        if (!walked.payload_error.empty()) return;  // told with the damage
        const std::string fault = batch_fault(frame, walked.payload);
        if (!fault.empty()) mark(add_at(severity::error, frame.position, frame.position + frame.advance, fault), frame);
        else if (frame.queue == change_queue) take_changes(walked.payload);
    }

    static void mark(finding& what, const frame_header& frame) {
        what.queue = frame.queue;
        what.first_offset = frame.base;
        what.end_offset = frame.end();
    }

    static std::string batch_fault(const frame_header& frame, byte_view payload) {
        if (payload.size() < batch_header_size) return "the payload is too short for a record batch";
        const batch_view batch(payload);
        if (batch.magic() != 2) return "the payload is no record batch of version 2";
        if (batch.crc() != crc32c(payload.subspan(batch_crc_start))) return "CRC-32C of the record batch is wrong";
        if (std::int64_t{batch.last_offset_delta()} + 1 != std::int64_t{frame.count})
            return "the batch takes another number of offsets than the frame says";
        if (batch.max_timestamp() != frame.max_timestamp) return "the batch's largest timestamp is not the frame's";
        if (batch.codec_bits() != 0) return {};
        record_reader records(payload.subspan(batch_header_size));
        std::int32_t count = 0;
        for (record_view each; records.next(each);) ++count;
        if (records.damaged() || count != batch.count()) return "the records of the batch cannot be read";
        return {};
    }

    // Queues are created, moved and removed by changes: table 0, key = queue u32, value = start i64.
    void take_changes(byte_view payload) {
        record_reader records(payload.subspan(batch_header_size));
        for (record_view each; records.next(each);) {
            if (!each.key || each.key->size() != 5 || std::to_integer<int>((*each.key)[0]) != 0) continue;
            queue_summary& queue = into_.queues[load_le<std::uint32_t>(each.key->data() + 1)];
            queue.removed = !each.value;
            queue.created = queue.created || each.value.has_value();
            if (each.value && each.value->size() == 8) starts_[load_le<std::uint32_t>(each.key->data() + 1)] =
                load_le<std::int64_t>(each.value->data());
        }
    }

    /// Offsets may be missing across damage and across segments that were given back.
    [[nodiscard]] bool excused(std::uint64_t after, std::uint64_t before) const {
        const auto between = [&](std::uint64_t from, std::uint64_t to) { return from < before && to > after; };
        return std::any_of(into_.log.damage.begin(), into_.log.damage.end(),
                           [&](const bad_range& each) { return between(each.from, each.to); }) ||
               std::any_of(holes_.begin(), holes_.end(), [&](std::uint64_t hole) { return between(hole, hole + 1); });
    }

    void tell_log() {
        for (const bad_range& range : into_.log.damage) {
            if (range.header) {
                mark(add_at(severity::error, range.from, range.to, range.reason), *range.header);
                continue;
            }
            finding& damage = add_at(severity::error, range.from, range.to, range.reason);
            if (range.trailers.size() == 1) name_owner(damage, range.trailers.front());
            if (range.trailers.size() < 2) continue;
            for (const trailer& owner : range.trailers)
                name_owner(add_at(severity::error, owner.position, range.to, "a frame inside the damage"), owner);
        }
        if (into_.log.torn)
            add_at(severity::note, into_.log.torn->from, into_.log.torn->to,
                   "torn tail, never acknowledged: " + into_.log.torn->reason);
        if (into_.log.gaps > 0)
            add(severity::note, "log", fmt::format("{} places where earlier starts cut a torn tail", into_.log.gaps));
        if (from_.frontier() && from_.frontier()->clean && into_.log.torn)
            add(severity::error, "log/frontier", "says that the last stop was clean, but the tail is torn");
        if (into_.log.end < into_.log.durable)
            add_at(severity::error, into_.log.end, into_.log.durable,
                   "the log ends here, but was durable up to " + std::to_string(into_.log.durable));
        for (auto& [id, queue] : into_.queues) {
            const auto start = starts_.find(id);
            if (start != starts_.end()) queue.start = queue.batches > 0 ? std::max(queue.start, start->second) : start->second;
            queue.end = std::max(queue.end, queue.start);
        }
    }
    static void name_owner(finding& what, const trailer& owner) {
        what.queue = owner.queue;
        what.first_offset = owner.base;
        what.end_offset = owner.base + owner.count;
    }

    void check_checkpoint() {
        const checkpoint_state& state = into_.checkpoints;
        if (!state.newest) {
            for (const std::string& fault : state.faults) add(severity::error, "checkpoint", fault);
            if (!state.present && from_.read_file("checkpoint/checkpoint.a") && from_.read_file("checkpoint/checkpoint.b"))
                add(severity::note, "checkpoint", "none is complete: the next start replays the whole log");
            return;
        }
        // The older file is being overwritten while a new checkpoint is taken: its pieces may be newer than its head.
        for (const std::string& fault : state.faults) add(severity::note, "checkpoint", fault);
        const checkpoint& newest = *state.newest;
        if (newest.replay_from > into_.log.end)
            add(severity::error, newest.file, fmt::format("replays from {}, behind the end of the log", newest.replay_from));
        if (!from_.segments().empty() && newest.replay_from < from_.segments().front().base)
            add(severity::error, newest.file, fmt::format("replays from {}, which the log no longer holds", newest.replay_from));
        for (const checkpoint_queue& each : newest.queues) {
            queue_summary& queue = into_.queues[each.queue];
            queue.created = true;
            queue.end = std::max(queue.end, each.end);
            if (queue.batches == 0) queue.start = std::max(queue.start, each.start);
            const auto start = starts_.find(each.queue);
            if (start != starts_.end()) queue.start = std::max(queue.start, start->second);
            const std::string place = fmt::format("{}, queue {}", newest.file, each.queue);
            if (each.start > each.end)
                add(severity::error, place, fmt::format("starts at {}, behind its end {}", each.start, each.end)).queue = each.queue;
            for (const index_entry& entry : each.tail) check_entry(each.queue, entry, place);
        }
    }

    /// What a journal covers has to be in it: the next start does not look into the log there.
    void check_journalled(const frame_header& frame) {
        for (const journal& each : into_.journals) {
            if (frame.position < each.from || frame.position >= each.to) continue;
            const auto found = std::lower_bound(each.entries.begin(), each.entries.end(), frame.position,
                                                [](const journal_entry& entry, std::uint64_t at) { return entry.index.position < at; });
            if (found == each.entries.end() || found->index.position != frame.position)
                mark(add(severity::error, each.file, fmt::format("does not tell of the frame at {}, which it covers", frame.position)),
                     frame);
        }
    }

    void check_journals() {
        for (const journal& each : into_.journals) {
            const std::string place = fmt::format("{}, covering {} to {}", each.file, each.from, each.to);
            if (each.to > into_.log.end)
                add(severity::error, place, fmt::format("covers more than the log, which ends at {}", into_.log.end));
            for (const journal_entry& entry : each.entries) check_entry(entry.queue, entry.index, place);
        }
    }

    /// A block that the checkpoint counts.
    struct vouched {
        block_place place;
        std::uint32_t queue;
        std::uint64_t number;
    };

    void check_index() {
        // In the order in which they lie. Only blocks that the checkpoint counts must be right: later ones are written again
        // after a crash.
        std::vector<vouched> blocks;
        if (into_.checkpoints.newest) {
            for (const checkpoint_queue& each : into_.checkpoints.newest->queues) {
                // The log may have removed a queue, or moved its start, since: then its blocks go too, whenever there is time.
                if (into_.queues[each.queue].removed) continue;
                const auto start = starts_.find(each.queue);
                for (std::size_t i = 0; i < each.places.size(); ++i) {
                    if (start != starts_.end() && each.block_ends[i] <= start->second) continue;
                    blocks.push_back({each.places[i], each.queue, each.first_block + i});
                }
            }
        }
        std::sort(blocks.begin(), blocks.end(), [](const vouched& a, const vouched& b) {
            return std::pair(a.place.file, a.place.block) < std::pair(b.place.file, b.place.block);
        });
        for (auto from = blocks.begin(); from != blocks.end();) {
            const auto to = std::find_if(from, blocks.end(), [&](const vouched& each) { return each.place.file != from->place.file; });
            check_block_file({from, to});
            from = to;
        }
    }

    void check_block_file(std::span<const vouched> blocks) {
        const std::string name = fmt::format("index/{:08x}.blk", blocks.front().place.file);
        const auto file = from_.disk().open(from_.path() + "/" + name, {});
        if (!file) {
            std::set<std::uint32_t> queues;
            for (const vouched& each : blocks) queues.insert(each.queue);
            finding& lost = add(severity::error, name,
                                fmt::format("cannot be opened ({}): {} blocks of {} queues are to be rebuilt from the log",
                                            file.error().message(), blocks.size(), queues.size()));
            if (queues.size() == 1) lost.queue = *queues.begin();
            return;
        }
        ++into_.index_files;
        std::vector<std::byte> bytes(index_block_size);
        for (const vouched& each : blocks) {
            ++into_.index_blocks;
            const std::string place = fmt::format("{}, block {} (queue {}, its block {})", name, each.place.block, each.queue, each.number);
            const auto got = from_.disk().read_at(**file, std::uint64_t{each.place.block} * index_block_size, bytes);
            std::string why = got ? "" : "cannot be read: " + got.error().message();
            const auto block = got ? decode_index_block(byte_view(bytes).first(*got), why) : std::nullopt;
            if (!block) {
                add(severity::error, place, why + " (derived data: it is rebuilt from the log)").queue = each.queue;
                continue;
            }
            if (block->queue != each.queue || block->number != each.number) {
                add(severity::error, place, fmt::format("is block {} of queue {}", block->number, block->queue)).queue = each.queue;
                continue;
            }
            for (const index_entry& entry : block->entries) check_entry(each.queue, entry, place);
        }
    }

    /// An entry against the frame that it points to.
    void check_entry(std::uint32_t queue, const index_entry& entry, const std::string& place) {
        if (from_.segment_of(entry.position) == nullptr) return;  // given back since
        if ((entry.flags & 1) != 0) return;                       // says itself that its frame is damaged
        std::vector<std::byte>& bytes = header_bytes_;
        bytes.resize(frame_header_size);
        const auto got = from_.read_log(entry.position, bytes);
        std::string why;
        const auto frame = got ? decode_frame_header(byte_view(bytes).first(*got), why) : std::nullopt;
        if (!frame) {
            if (excused(entry.position, entry.position + 1)) return;  // told as damage of the log
            why = "points to position " + std::to_string(entry.position) + ", where no frame is";
        } else if (frame->position != entry.position || frame->queue != queue || frame->base != entry.base ||
                   frame->count != entry.count || frame->payload_size != entry.size ||
                   frame->max_timestamp != entry.max_timestamp) {
            why = fmt::format("offset {} points to position {}, where another frame is", entry.base, entry.position);
        } else {
            return;
        }
        finding& wrong = add(severity::error, place, why);
        wrong.queue = queue;
        wrong.first_offset = entry.base;
        wrong.end_offset = entry.base + entry.count;
    }

    struct expectation {
        std::int64_t offset;
        std::uint64_t after;  // position of the frame before
    };

    folder& from_;
    inspection& into_;
    const progress& tell_;
    std::uint64_t bytes_ = 0;  // of all segments
    std::uint64_t frames_seen_ = 0;
    std::map<std::uint32_t, expectation> next_;
    std::map<std::uint32_t, std::int64_t> starts_;
    std::vector<std::uint64_t> holes_;  // segments that do not follow the one before
    std::vector<std::byte> header_bytes_;
};

}  // namespace

bool inspection::sound() const {
    return std::none_of(findings.begin(), findings.end(),
                        [](const finding& each) { return each.level == severity::error; });
}

inspection inspect(folder& from, bool with_index, const progress& tell) {
    inspection made;
    inspector(from, made, tell).run(with_index);
    return made;
}

}  // namespace imago::inspect
