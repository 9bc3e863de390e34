// What the index journal does at start: finds what counts, and goes on behind it.
#include <algorithm>

#include "store/index_journal.h"
#include "store/journal_reader.h"

namespace imago::store {

void index_journal::begin_at(log_position replay_from) {
    committed_ = replay_from;
    file_from_ = {};
    choose_file(replay_from);
    previous_ = 0;
    covering_ = true;
    to_ = closed_to_ = replay_from;
}

void index_journal::resume_at(log_position end) { to_ = end; }

log_position index_journal::recover(io::ring& ring, log_position replay_from, const visitor& visit) {
    const int newest = current_;
    const auto& newer = slots_[newest].beginning;
    const auto& older = slots_[1 - newest].beginning;
    closed_to_ = {};
    if (newer && newer->from <= replay_from) {
        follow(ring, newest, replay_from, visit);
    } else if (older && older->from <= replay_from) {
        follow(ring, 1 - newest, replay_from, visit);
        // The checkpoint that the newer file was begun for is not there, or damaged.
        if (newer && previous_ != 0 && newer->previous == previous_ && newer->from == closed_to_) follow(ring, newest, replay_from, visit);
    }
    if (closed_to_ < replay_from || offset_ == 0) {
        current_ = newest;
        begin_at(replay_from);
        return replay_from;
    }
    committed_ = replay_from;
    covering_ = true;
    to_ = closed_to_;
    return closed_to_;
}

/// Takes pieces as long as they follow each other and lie in the log as it is.
void index_journal::follow(io::ring& ring, int file, log_position replay_from, const visitor& visit) {
    journal_reader reader(disk_, ring, *slots_[file].file, std::max<std::size_t>(4 * options_.piece_bytes, 2 << 20));
    std::vector<journal_entry> entries;
    const log_position log_end = segments_.list().back()->end();
    while (const auto piece = reader.next()) {
        if (piece->head.to > replay_from) {
            if (piece->head.to > log_end || !decode_journal_entries(piece->head, piece->bytes, entries)) return;
            if (!entries.empty() && entries.back().index.position >= replay_from && !in_this_log(piece->head, entries.back())) return;
            const auto first = std::partition_point(entries.begin(), entries.end(), [&](const journal_entry& entry) {
                return entry.index.position < replay_from;
            });
            visit({first, entries.end()});
        }
        if (piece->head.number == 0) {
            current_ = file;
            file_from_ = piece->head.from;
            file_sequence_ = piece->head.sequence;
        }
        number_ = piece->head.number + 1;
        previous_ = piece->head.checksum;
        offset_ = reader.offset();
        closed_to_ = piece->head.to;
    }
}

/// Not so where the log was cut below, by a server that did not know of this journal.
bool index_journal::in_this_log(const journal_head& head, const journal_entry& entry) const {
    const log_position last = entry.index.position;
    const auto segment = segments_.find(last);
    return segment && last < head.to && segment->salt_at(last) == head.log_salt;
}

}  // namespace imago::store
