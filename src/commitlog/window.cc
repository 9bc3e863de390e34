#include "commitlog/window.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace imago::commitlog {

segment_window::segment_window(io::disk& disk, io::ring& ring, std::shared_ptr<segment> segment, std::size_t window_bytes)
    : disk_(disk), ring_(ring), segment_(std::move(segment)) {
    window_ = round_up(std::min<std::uint64_t>(window_bytes, segment_->bytes()), 4096);
    slack_ = round_up(window_ / 4, 4096);
    for (piece& piece : pieces_) piece.memory = make_aligned_bytes(slack_ + window_);
}

segment_window::~segment_window() {
    for (piece& piece : pieces_) finish(piece);
}

void segment_window::start(piece& piece, std::uint64_t offset) {
    finish(piece);
    piece.offset = offset;
    piece.size = offset >= segment_->bytes() ? 0 : std::min<std::uint64_t>(window_, segment_->bytes() - offset);
    if (piece.size == 0) return;
    piece.reading = piece.unchecked = true;
    piece.request.what = io::request::kind::read;
    piece.request.target = segment_->file();
    piece.request.offset = offset;
    piece.request.data = piece.memory.get() + slack_;
    piece.request.size = piece.size;
    piece.request.context = &piece;
    piece.request.done = [](io::request& request) { static_cast<segment_window::piece*>(request.context)->reading = false; };
    ring_.submit(piece.request);
    ring_.flush();
}

void segment_window::finish(piece& piece) {
    if (!piece.unchecked) return;
    while (piece.reading) ring_.wait(std::chrono::nanoseconds(-1));
    piece.unchecked = false;
    const byte_span bytes{piece.memory.get() + slack_, piece.size};
    if (piece.request.error) {
        read_by_sectors(piece.offset, bytes);
    } else if (piece.request.transferred < piece.size) {
        std::memset(bytes.data() + piece.request.transferred, 0, piece.size - piece.request.transferred);
    }
}

void segment_window::read_by_sectors(std::uint64_t offset, byte_span into) {
    for (std::size_t at = 0; at < into.size(); at += 4096) {
        const byte_span part = into.subspan(at, std::min<std::size_t>(4096, into.size() - at));
        const auto got = disk_.read_at(*segment_->file(), offset + at, part);
        const std::size_t valid = got ? *got : 0;
        std::memset(part.data() + valid, 0, part.size() - valid);
    }
}

/// Until `count` pieces behind the current one are there or on their way, or the segment ends.
void segment_window::read_ahead(std::size_t count) {
    for (; ahead_ < count; ++ahead_) {
        const piece& last = after_current(ahead_);
        const std::uint64_t next = last.offset + last.size;
        if (ahead_ > 0 && next >= segment_->bytes()) return;
        start(after_current(ahead_ + 1), next);
    }
}

byte_view segment_window::view(log_position position, std::size_t size) {
    const std::uint64_t offset = position - segment_->base();
    if (offset >= segment_->bytes()) return {};
    size = std::min<std::uint64_t>(size, segment_->bytes() - offset);
    for (;;) {
        piece& now = pieces_[current_];
        finish(now);
        const std::uint64_t from = now.offset - kept_;
        const std::uint64_t to = now.offset + now.size;
        if (now.size > 0 && offset >= from && offset + size <= to) {
            return {now.memory.get() + slack_ - (now.offset - from) + (offset - from), size};
        }
        const bool goes_on = now.size > 0 && offset >= from && offset <= to && to - offset <= slack_ && size <= slack_ + window_;
        if (goes_on) {
            read_ahead(1);
            piece& other = after_current(1);
            finish(other);
            kept_ = to - offset;
            std::memcpy(other.memory.get() + slack_ - kept_, now.memory.get() + slack_ - (now.offset - from) + (offset - from),
                        kept_);
            current_ = (current_ + 1) % pieces_.size();
            ahead_ -= 1;
            // Whoever goes on once will read all of it.
            read_ahead(pieces_.size() - 1);
            if (offset + size <= other.offset + other.size) continue;
        } else if (size <= window_ - 4096) {
            kept_ = 0;
            ahead_ = 0;
            start(now, round_down(offset, 4096));
            finish(now);
            read_ahead(1);
            continue;
        }
        // Larger than the windows: read it by itself.
        const std::uint64_t begin = round_down(offset, 4096);
        const std::size_t whole = std::min<std::uint64_t>(round_up(offset + size, 4096), segment_->bytes()) - begin;
        if (large_capacity_ < whole) {
            large_ = make_aligned_bytes(whole);
            large_capacity_ = whole;
        }
        const auto got = disk_.read_at(*segment_->file(), begin, {large_.get(), whole});
        if (!got || *got < whole) read_by_sectors(begin, {large_.get(), whole});
        return {large_.get() + (offset - begin), size};
    }
}

}  // namespace imago::commitlog
