#include "commitlog/log_writer.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "base/copy.h"

namespace imago::commitlog {
namespace {

/// Large groups end on a page: the next one is then a cheaper write. Small ones end on a sector, so that single small
/// messages do not eat the disk.
constexpr std::uint64_t page_pad_from = 64 * 1024;

std::uint64_t padding_unit(std::uint64_t group_bytes, std::uint64_t block) {
    return group_bytes >= page_pad_from ? std::max<std::uint64_t>(4096, block) : block;
}

}  // namespace

log_writer::log_writer(segment_set& segments, tail_cache& cache, io::ring& ring, writer_options options)
    : segments_(segments), cache_(cache), ring_(ring), options_(options) {
    IMAGO_ASSERT(options.writes_max >= 1 && options.writes_max <= writes_limit);
    for (write& each : slots_) {
        each.writer = this;
        each.request.what = io::request::kind::write;
        each.request.durable = true;
        each.request.done = &log_writer::on_written;
        each.request.context = &each;
    }
}

void log_writer::start_at(log_position position) {
    group_start_ = group_end_ = durable_ = position;
    slab_ = nullptr;
    group_closed_ = last_open_ = roll_after_ = false;
}

room log_writer::place(std::uint64_t payload_size, bool privileged) {
    const std::uint64_t size = frame_size(payload_size);
    const segment& active = *segments_.active();
    if (size > active.bytes() - segment_header_size - footer_reserve) return room::too_large;
    if (group_closed_) return room::wait;
    const std::uint64_t left = active.data_end().value - std::min(active.data_end().value, group_end_.value);
    const bool last_segment = !segments_.has_next();
    const std::uint64_t reserve = last_segment && !privileged ? std::min(options_.reserve_bytes, active.bytes() / 8) : 0;
    if (size + reserve > left) {
        if (last_segment) {
            // Nothing to roll to yet. If it cannot be had, say so; else it is being prepared.
            return segments_.out_of_space() ? room::no_space : room::wait;
        }
        end_segment();
        return room::wait;
    }
    if (building()) {
        const bool fits = group_end_ - group_start_ + size <= options_.group_bytes_max &&
                          group_end_ - slab_->base + size <= slab_->capacity;
        if (!fits) group_closed_ = true;
        return fits ? room::fits : room::wait;
    }
    return begin_group(size) ? room::fits : room::wait;
}

/// A group starts with room for a full-sized one, so that a request is not cut in two by the end of a slab.
bool log_writer::begin_group(std::uint64_t size) {
    const std::uint64_t want = round_up(std::max<std::uint64_t>(size, options_.group_bytes_max), 4096) + 4096;
    if (!slab_ || group_end_ < slab_->base || group_end_ - slab_->base + want > slab_->capacity) {
        slab_ = cache_.begin(group_end_, want);
    }
    return true;
}

byte_span log_writer::begin(std::uint32_t payload_size) {
    if (last_open_) close_frame(group_end_.value);
    last_ = {};
    last_.payload_size = payload_size;
    std::byte* at = slab_->at(group_end_);
    // The gap between payload and trailer goes to the disk, too: no stale bytes.
    std::memset(at + trailer_offset(payload_size) - frame_alignment, 0, frame_alignment);
    return {at + frame_header_size, payload_size};
}

log_position log_writer::finish() {
    const log_position position = group_end_;
    last_.position = position;
    last_.salt = segments_.active()->salt_at(position);
    last_.durable_frontier = durable_;
    last_open_ = true;
    group_end_ = position + frame_size(last_.payload_size);
    return position;
}

/// Writes the header and trailer of the last frame, now that it is known where the next frame starts.
void log_writer::close_frame(std::uint64_t padded_end) {
    last_.advance = static_cast<std::uint32_t>(padded_end - last_.position.value);
    std::byte* at = slab_->at(last_.position);
    encode_header({at, frame_header_size}, last_);
    encode_trailer({at + trailer_offset(last_.payload_size), frame_trailer_size}, last_);
    last_open_ = false;
}

/// Adds the footer frame: the segment is full, the next frame is in the next one.
void log_writer::end_segment() {
    if (!building()) (void)begin_group(frame_size(0));
    (void)begin(0);
    last_.type = frame_type::footer;
    (void)finish();
    roll_after_ = true;
    group_closed_ = true;
}

bool log_writer::may_write() const {
    if (!building()) return false;
    if (writes_ == 0) return true;
    if (writes_ == options_.writes_max || (!group_closed_ && building_bytes() < options_.overlap_bytes)) return false;
    // The first group of a segment waits until the one before is whole: recovery goes through them one after the other.
    return slots_[(oldest_ + writes_ - 1) % writes_limit].into == segments_.active();
}

/// Closes the group and makes it the newest of those being written.
log_writer::write& log_writer::prepare() {
    const segment& active = *segments_.active();
    std::uint64_t size = group_end_ - group_start_;
    // The last block of a segment takes the footer; a page of padding may not run into it.
    std::uint64_t padded = round_up(group_end_.value, padding_unit(size, active.write_unit()));
    if (padded > active.data_end().value || roll_after_) padded = round_up(group_end_.value, active.write_unit());
    close_frame(roll_after_ ? active.end().value : padded);
    std::memset(slab_->at(group_end_), 0, padded - group_end_.value);
    copies_done();
    size = padded - group_start_.value;

    write& next = slots_[(oldest_ + writes_) % writes_limit];
    writes_ += 1;
    next.over = false;
    next.into = segments_.active();
    next.into->reserve(padded - active.base().value);
    next.bytes = slab_;
    next.request.target = next.into->file();
    next.request.offset = group_start_ - active.base();
    next.request.data = slab_->at(group_start_);
    next.request.size = size;
    group_closed_ = false;
    if (roll_after_) {
        roll_after_ = false;
        IMAGO_ASSERT(segments_.roll());
        group_start_ = group_end_ = segments_.active()->data_start();
        slab_ = nullptr;
    } else {
        group_start_ = group_end_ = {padded};
    }
    next.end = group_start_;
    return next;
}

bool log_writer::submit() {
    if (!may_write()) return false;
    ring_.submit(prepare().request);
    return true;
}

std::error_code log_writer::write_now(io::disk& disk) {
    IMAGO_ASSERT(building() && !writing());
    const io::request& request = prepare().request;
    const auto outcome = disk.write_durable_at(*request.target, request.offset, {request.data, request.size});
    return outcome ? std::error_code{} : outcome.error();
}

void log_writer::settle(std::error_code error) {
    write& over = slots_[oldest_];
    oldest_ = (oldest_ + 1) % writes_limit;
    writes_ -= 1;
    over.bytes = nullptr;
    over.into = nullptr;
    // What lies behind a group that is not there can never be reached.
    failed_ = failed_ || error;
    if (!failed_) durable_ = over.end;
}

void log_writer::on_written(io::request& request) {
    write& done = *static_cast<write*>(request.context);
    done.over = true;
    log_writer& self = *done.writer;
    while (self.writes_ > 0 && self.slots_[self.oldest_].over) {
        self.written(self.context, self.slots_[self.oldest_].request.error);
    }
}

}  // namespace imago::commitlog
