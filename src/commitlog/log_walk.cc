#include "commitlog/log_walk.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "commitlog/window.h"

namespace imago::commitlog {
namespace {

/// One pass over the log: keeps the window of the segment it is in.
class walker {
public:
    walker(io::disk& disk, io::ring& ring, const segment_set& segments) : disk_(disk), ring_(ring), segments_(segments) {}

    /// Enters the segment that holds `position`; false behind the last one.
    bool enter(log_position position) {
        if (segment_ && position >= segment_->base() && position < segment_->end()) return true;
        segment_ = segments_.find(position);
        window_.reset();
        if (!segment_) return false;
        if (segment_->file() != nullptr) window_.emplace(disk_, ring_, segment_);
        return true;
    }
    [[nodiscard]] const segment& in() const { return *segment_; }
    [[nodiscard]] bool readable() const { return window_.has_value(); }

    /// The header of a frame that starts exactly at `position`, in this life of the segment.
    std::optional<frame_header> header_at(log_position position) {
        if (!window_) return std::nullopt;
        auto header = decode_header(window_->view(position, frame_header_size));
        if (!header || header->position != position || header->salt != segment_->salt_at(position) || segment_->in_gap(position) ||
            position.value + header->advance > segment_->end().value) {
            return std::nullopt;
        }
        return header;
    }
    /// The payload, if it is whole.
    std::optional<byte_view> payload_of(const frame_header& header) {
        const byte_view payload = window_->view(header.position + frame_header_size, header.payload_size);
        if (!payload_matches(header, payload)) return std::nullopt;
        return payload;
    }

    /// The next position in (after, limit) of this segment where a frame header is; else limit.
    log_position resync(log_position after, log_position limit, std::vector<frame_identity>* known) {
        if (!window_) return limit;
        log_position at{round_down(after.value, frame_alignment) + frame_alignment};
        while (at < limit) {
            const std::size_t size = std::min<std::uint64_t>(limit - at, 256 * 1024);
            const byte_view piece = window_->view(at, size);
            std::size_t i = 0;
            for (; i + 4 <= piece.size(); i += frame_alignment) {
                const auto magic = load_le<std::uint32_t>(piece.data() + i);
                if (magic == frame_magic) {
                    if (header_at(at + i)) return at + i;
                    break;  // header_at moved the window: take the piece again behind this place
                }
                if (magic == trailer_magic && known != nullptr) {
                    const byte_view bytes = window_->view(at + i, frame_trailer_size);
                    const auto identity = decode_trailer(bytes, segment_->salt_at(at + i));
                    if (identity && identity->position >= segment_->base() && !segment_->in_gap(identity->position)) known->push_back(*identity);
                    break;
                }
            }
            at = at + std::max<std::size_t>(i + (i + 4 <= piece.size() ? frame_alignment : 0), frame_alignment);
        }
        return limit;
    }

    /// Where frames go on if `position` is where a cut ended them.
    std::optional<log_position> span_behind(log_position position) const {
        for (const salt_span& span : segment_->entry().spans) {
            if (span.after == position && span.start > position) return span.start;
        }
        return std::nullopt;
    }

private:
    io::disk& disk_;
    io::ring& ring_;
    const segment_set& segments_;
    std::shared_ptr<segment> segment_;
    std::optional<segment_window> window_;
};

/// A position at a segment's end, or in its header, means the first frame of the next one.
log_position to_frames(const segment_set& segments, log_position position) {
    const auto segment = segments.find(position);
    return segment && position < segment->data_start() ? segment->data_start() : position;
}

/// The highest frontier in any frame from `from` on, and how many bytes of frames there are.
log_position witness_behind(io::disk& disk, io::ring& ring, const segment_set& segments, log_position from,
                            std::uint64_t* frame_bytes) {
    walker walk(disk, ring, segments);
    log_position witness;
    log_position at = from;
    bool first = true;
    while (walk.enter(at)) {
        const log_position end = walk.in().end();
        at = std::max(at, walk.in().data_start());
        while (at < end) {
            const auto header = first ? std::nullopt : walk.header_at(at);
            first = false;
            if (header) {
                witness = std::max(witness, header->durable_frontier);
                *frame_bytes += frame_size(header->payload_size);
                at = at + header->advance;
            } else {
                at = walk.resync(at, end, nullptr);
            }
        }
        at = end;
    }
    return witness;
}

}  // namespace

walk_result walk_log(io::disk& disk, io::ring& ring, const segment_set& segments, log_position from, log_position witness,
                     const walk_visitor& visitor, bool final) {
    walker walk(disk, ring, segments);
    walk_result result;
    result.witness = std::max(witness, from);
    result.end = from;
    log_position at = to_frames(segments, from);
    bool looked_ahead = final;

    while (walk.enter(at)) {
        const segment& here = walk.in();
        // Where a cut ended the frames, whatever lies there.
        if (const auto span = walk.span_behind(at)) {
            at = to_frames(segments, *span);
            result.end = at;
            continue;
        }
        const auto header = walk.header_at(at);
        if (header) {
            if (const auto payload = walk.payload_of(*header)) {
                result.witness = std::max(result.witness, header->durable_frontier);
                result.frames += 1;
                if (header->type == frame_type::batch) visitor.frame(*header, *payload);
                at = to_frames(segments, at + header->advance);
                result.end = at;
                continue;
            }
        }
        if (!looked_ahead) {
            result.witness = std::max(result.witness, witness_behind(disk, ring, segments, at, &result.torn_bytes));
            looked_ahead = true;
        }
        if (at >= result.witness) break;

        // Damage: exactly the frame if its header is whole, else up to the next frame; never past the witness.
        damaged_range range{at, at, {}};
        if (header) {
            range.to = at + header->advance;
            range.known.push_back({header->queue, header->position, header->base, header->count});
        } else {
            range.to = walk.resync(at, std::min(here.end(), result.witness), &range.known);
        }
        result.damaged += 1;
        visitor.damaged(range);
        at = to_frames(segments, range.to);
        result.end = at;
    }
    return result;
}

void walk_range(io::disk& disk, io::ring& ring, const segment_set& segments, log_position from, log_position to,
                const std::function<void(const frame_header& header, byte_view payload)>& frame) {
    walker walk(disk, ring, segments);
    log_position at = to_frames(segments, from);
    while (at < to && walk.enter(at)) {
        const log_position end = walk.in().end();
        const auto header = walk.header_at(at);
        if (header) {
            if (header->type == frame_type::batch) {
                if (const auto payload = walk.payload_of(*header)) frame(*header, *payload);
            }
            at = at + header->advance;
        } else {
            at = walk.resync(at, std::min(end, to), nullptr);
        }
        at = to_frames(segments, at);
    }
}

}  // namespace imago::commitlog
