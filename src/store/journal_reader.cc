#include "store/journal_reader.h"

#include <algorithm>

namespace imago::store {

journal_reader::journal_reader(io::disk& disk, io::ring& ring, io::file& file, std::size_t read_bytes)
    : disk_(disk), ring_(ring), file_(file), read_bytes_(round_up(read_bytes, journal_alignment)),
      slack_(round_up(read_bytes_ / 4, journal_alignment)) {
    file_size_ = disk_.size(file_).value_or(0);
    for (std::size_t i = 0; i < windows_.size(); ++i) start(windows_[i], i * read_bytes_);
}

journal_reader::~journal_reader() {
    for (window& window : windows_) finish(window);
}

void journal_reader::start(window& window, std::uint64_t offset) {
    window.offset = offset;
    window.size = 0;
    if (offset >= file_size_) return;
    if (!window.memory) window.memory = make_aligned_bytes(slack_ + read_bytes_);
    window.reading = true;
    window.request = {};
    window.request.target = &file_;
    window.request.offset = offset;
    window.request.data = window.memory.get() + slack_;
    window.request.size = std::min<std::uint64_t>(read_bytes_, round_up(file_size_ - offset, journal_alignment));
    window.request.context = &window;
    window.request.done = [](io::request& request) {
        auto& read = *static_cast<journal_reader::window*>(request.context);
        read.reading = false;
        // What cannot be read ends the journal there.
        read.size = request.error ? 0 : request.transferred;
    };
    ring_.submit(window.request);
    ring_.flush();
}

void journal_reader::finish(window& window) {
    while (window.reading) ring_.wait(std::chrono::nanoseconds(-1));
}

byte_view journal_reader::view(std::size_t size) {
    for (;;) {
        window& now = windows_[current_];
        finish(now);
        const std::uint64_t end = now.offset + now.size;
        const std::size_t have = end > offset_ ? end - offset_ : 0;
        const std::byte* at = have == 0 ? nullptr : now.memory.get() + slack_ + now.size - have;
        if (have >= size || now.size < read_bytes_) return {at, std::min(have, size)};
        // The rest of this window goes in front of the next one; this one's memory reads on behind all others.
        window& next = windows_[(current_ + 1) % windows_.size()];
        finish(next);
        if (next.size == 0) return {at, have};
        if (have > 0) std::memcpy(next.memory.get() + slack_ - have, at, have);
        current_ = (current_ + 1) % windows_.size();
        start(now, now.offset + windows_.size() * read_bytes_);
    }
}

std::optional<journal_piece> journal_reader::next() {
    if (offset_ >= file_size_) return std::nullopt;
    const auto head = decode_journal_head(view(journal_head_size), file_size_ - offset_);
    if (!head) return std::nullopt;
    if (last_ ? head->sequence != last_->sequence || head->number != last_->number + 1 || head->previous != last_->checksum ||
                    head->from != last_->to
              : head->number != 0) {
        return std::nullopt;
    }
    byte_view bytes;
    if (head->size <= slack_) {
        bytes = view(head->size);
    } else {
        const std::size_t whole = round_up(head->size, journal_alignment);
        large_ = make_aligned_bytes(whole);
        const auto got = disk_.read_at(file_, offset_, {large_.get(), whole});
        if (!got || *got < head->size) return std::nullopt;
        bytes = {large_.get(), head->size};
    }
    if (!journal_piece_matches(*head, bytes)) return std::nullopt;
    last_ = head;
    offset_ += round_up(head->size, journal_alignment);
    return journal_piece{*head, bytes};
}

std::optional<journal_head> read_journal_beginning(io::disk& disk, io::file& file) {
    const aligned_bytes bytes = make_aligned_bytes(journal_alignment);
    const auto got = disk.read_at(file, 0, {bytes.get(), journal_alignment});
    if (!got) return std::nullopt;
    const auto head = decode_journal_head({bytes.get(), *got}, *got);
    if (!head || head->number != 0 || !journal_piece_matches(*head, {bytes.get(), head->size})) return std::nullopt;
    return head;
}

}  // namespace imago::store
