#include "inspect/walk.h"

#include <algorithm>

#include "base/checksum.h"

namespace imago::inspect {
namespace {

/// The payload of a batch frame against its header; empty if it is right.
std::string payload_fault(const frame_header& frame, byte_view payload, byte_view behind) {
    if (payload.size() < frame.payload_size) return "the segment ends inside the payload";
    const std::uint64_t checksum = payload.size() > 16 ? xxh3(payload.subspan(16)) : 0;
    if (checksum != frame.payload_checksum) return "payload checksum is wrong";
    if (frame.type == 1) {
        if (payload.size() < 16) return "the payload is too short for a batch";
        if (load_be<std::int64_t>(payload.data()) != frame.base) return "the batch's base offset is not the frame's";
        if (load_be<std::int32_t>(payload.data() + 8) + std::int64_t{12} != frame.payload_size)
            return "the batch's length is not the frame's";
        if (load_be<std::int32_t>(payload.data() + 12) != frame.epoch) return "the batch's leader epoch is not the frame's";
    }
    const auto owner = decode_trailer(behind, frame.salt);
    if (!owner) return "trailer is damaged";
    if (owner->position != frame.position || owner->queue != frame.queue || owner->base != frame.base ||
        owner->count != frame.count)
        return "trailer contradicts the header";
    return {};
}

class walker {
public:
    walker(folder& from, std::uint64_t known_durable, const std::function<void(const walked_frame&)>& visit)
        : from_(from), window_(from), visit_(visit) {
        result_.durable = known_durable;
    }

    walk_result run() {
        for (const segment_entry& segment : from_.segments()) walk_segment(segment);
        settle();
        return std::move(result_);
    }

private:
    void walk_segment(const segment_entry& segment) {
        std::uint64_t position = segment.base + segment_header_size;
        if (!window_.at(position, 1)) {
            bad_.push_back({segment.base, segment.end(), "the segment's file cannot be read", {}, {}, true});
            return;
        }
        while (position < segment.end()) {
            // Where a cut ended the frames, whatever lies there.
            const auto gap = std::find_if(segment.spans.begin(), segment.spans.end(), [&](const span& each) {
                return each.after == position && each.start > position;
            });
            if (gap != segment.spans.end()) {
                ++result_.gaps;
                position = last_good_ = gap->start;
                continue;
            }
            const auto salt = segment.salt_at(position);
            std::string why = "no span of the manifest covers this place";
            const auto frame = salt ? frame_at(position, *salt, segment.end(), why) : std::nullopt;
            if (frame) {
                look(*frame, segment.end());
                last_good_ = position + frame->advance;
                position = last_good_;
                continue;
            }
            position = skip_bad(segment, position, std::move(why));
        }
    }

    [[nodiscard]] static bool is_frame(byte_view bytes, std::uint64_t position, std::uint64_t salt,
                                       std::uint64_t segment_end) {
        std::string ignored;
        const auto frame = decode_frame_header(bytes, ignored);
        return frame && frame->salt == salt && frame->position == position && frame->advance <= segment_end - position;
    }

    std::optional<frame_header> frame_at(std::uint64_t position, std::uint64_t salt, std::uint64_t segment_end,
                                         std::string& why) {
        const auto bytes = window_.at(position, frame_header_size);
        if (!bytes) {
            why = "cannot be read: " + bytes.error().message();
            return std::nullopt;
        }
        auto frame = decode_frame_header(*bytes, why);
        if (!frame) return std::nullopt;
        if (frame->salt != salt || frame->position != position) {
            why = "a frame of an earlier life of the file";
            return std::nullopt;
        }
        if (frame->advance > segment_end - position) {
            why = "the frame reaches beyond its segment";
            return std::nullopt;
        }
        result_.durable = std::max(result_.durable, frame->frontier);
        return frame;
    }

    void look(const frame_header& frame, std::uint64_t segment_end) {
        walked_frame walked;
        walked.header = frame;
        const std::uint64_t left = segment_end - frame.position;
        const auto all = window_.at(frame.position, static_cast<std::size_t>(std::min(left, frame.size())));
        if (!all) {
            walked.payload_error = "cannot be read: " + all.error().message();
        } else {
            const byte_view behind = all->size() > frame_header_size ? all->subspan(frame_header_size) : byte_view{};
            walked.payload = behind.first(std::min<std::size_t>(behind.size(), frame.payload_size));
            const std::size_t padded = round_up(frame.payload_size, 8);
            walked.payload_error =
                payload_fault(frame, walked.payload, behind.size() > padded ? behind.subspan(padded) : byte_view{});
        }
        if (!walked.payload_error.empty())
            bad_.push_back({frame.position, frame.position + frame.advance, walked.payload_error, frame, {}, true});
        visit_(walked);
    }

    // From a place that is no frame to the next one in this segment that is, or to its end.
    std::uint64_t skip_bad(const segment_entry& segment, std::uint64_t position, std::string why) {
        bad_range range;
        range.from = position;
        range.reason = std::move(why);
        range.traces = false;
        std::uint64_t at = position;
        bool found = false;
        while (at < segment.end() && !found) {
            // Everything begins on 8 bytes; most of what is skipped is zeros.
            const auto bytes = window_.at(at, 64 * 1024);
            if (!bytes || bytes->size() < 8) break;
            const byte_view view = *bytes;
            std::size_t offset = 0;
            for (; offset + 8 <= view.size(); offset += 8) {
                const byte_view here = view.subspan(offset);
                const bool frame = has_frame_magic(here);
                if (!frame && !has_trailer_magic(here)) continue;
                // Whole ones only: look again with this place at the front.
                if (offset > 0 && here.size() < frame_header_size && at + view.size() < segment.end()) break;
                const auto salt = segment.salt_at(at + offset);
                if (!salt) continue;
                if (!frame) {
                    const auto owner = decode_trailer(here, *salt);
                    if (!owner || owner->position < position) continue;
                    range.trailers.push_back(*owner);
                    range.traces = true;
                } else if (at + offset == position) {
                    range.traces = here.size() >= 16 && load_le<std::uint64_t>(here.data() + 8) == *salt;
                } else if (is_frame(here, at + offset, *salt, segment.end())) {
                    found = true;
                    break;
                }
            }
            at += std::max<std::size_t>(offset, found ? 0 : 8);
        }
        if (!found) at = segment.end();
        range.to = std::min(at, segment.end());
        bad_.push_back(std::move(range));
        return bad_.back().to;
    }

    // Only now is W known, which tells damage from a torn tail.
    void settle() {
        result_.end = last_good_;
        for (bad_range& range : bad_) {
            if (range.from < result_.durable) {
                // Without a header nothing says how far it reaches: at most to W, for above W it is no damage.
                if (!range.header) range.to = std::min(range.to, result_.durable);
                result_.end = std::max(result_.end, range.to);
                result_.damage.push_back(std::move(range));
                continue;
            }
            result_.end = range.from;
            if (range.traces || last_good_ > range.from) result_.torn = std::move(range);
            break;
        }
        if (result_.torn) result_.torn->to = std::max(result_.torn->to, last_good_);
    }

    folder& from_;
    log_window window_;
    const std::function<void(const walked_frame&)>& visit_;
    walk_result result_;
    std::vector<bad_range> bad_;
    std::uint64_t last_good_ = 0;
};

}  // namespace

walk_result walk(folder& from, std::uint64_t known_durable, const std::function<void(const walked_frame&)>& visit) {
    return walker(from, known_durable, visit).run();
}

}  // namespace imago::inspect
