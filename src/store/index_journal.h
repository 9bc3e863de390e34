// The index journal: what went into the log since the last checkpoint, apart from the messages. A start after an unclean stop
// takes the checkpoint, then the journal, and reads of the log only what lies behind the journal's end.
//
// Derived data: it is validated when it is read, never synced, and may end at any time. Where it ends, for lack of space, of
// memory, or because writing failed, the next start walks the log from there, and the next checkpoint begins a new one. Only
// what is durable and published gets in, so its end is a witness.
//
// Two files in turn, as with checkpoints: one is begun with each checkpoint, at or below its replay_from, and its first piece
// holds the checksum of the other file's last, so that the older checkpoint finds its way on too. Format: docs/format/journal.md
//
// Threads: start-up calls from one; then the log thread adds, the maintenance thread writes.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "commitlog/segments.h"
#include "store/journal_format.h"

namespace imago::store {

struct journal_options {
    std::string directory;
    std::size_t piece_bytes = 256 << 10;              ///< a piece is written when it is so large,
    std::uint64_t piece_log_bytes = 16ULL << 20;      ///< or covers so much of the log
    std::size_t waiting_pieces_max = 64;              ///< in memory; with more the journal ends
    std::uint64_t file_bytes_max = 1ULL << 30;
    std::uint64_t allocate_bytes = 16ULL << 20;       ///< space is had in such steps
    std::function<void(std::string_view)> log;
};

class index_journal {
public:
    /// Opens or creates both files; making their names durable is the caller's. One that cannot be opened cannot be written:
    /// the journal ends when it is that one's turn. `disk` and `segments` outlive it.
    index_journal(io::disk& disk, const commitlog::segment_set& segments, journal_options options);
    index_journal(const index_journal&) = delete;
    index_journal& operator=(const index_journal&) = delete;

    // ---- start-up ----
    using visitor = std::function<void(std::span<const journal_entry>)>;
    /// Visits what lies at or above `replay_from`, the loaded checkpoint's, and gives the end of it: from there on the log has
    /// to be walked, and what is found to be added. `replay_from` itself if the journal does not help.
    [[nodiscard]] log_position recover(io::ring& ring, log_position replay_from, const visitor& visit);
    /// Instead of recover() where nothing is to be replayed: a new journal begins there.
    void begin_at(log_position replay_from);
    /// The log goes on here; nothing lies between this and what was added.
    void resume_at(log_position end);

    // ---- start-up and maintenance thread ----
    /// It covers nothing from here on, until the next checkpoint; what was not written is let go.
    void end();

    // ---- log thread ----
    /// Frames come in the order of their positions, group after group without a gap, when they are durable and published.
    /// The lock is held from begin_group() to finish_group(); the maintenance thread holds it for a few memory accesses.
    void begin_group(log_position from) {
        mutex_.lock();
        if (from != to_) stop_covering();  // what came between was not told
    }
    void add(queue_id queue, const consumequeue::index_entry& entry) { (void)put(queue, entry, journal_kind::plain, 0); }
    void add(queue_id queue, const consumequeue::index_entry& entry, const producer_stamp& producer);
    /// A batch of changes; `payload` as it is in the log. Empty: it is not to be had, and the journal ends.
    void add_change(queue_id queue, const consumequeue::index_entry& entry, byte_view payload);
    /// All below `to` has been added. True: there is something to write.
    [[nodiscard]] bool finish_group(log_position to);

    // ---- maintenance thread ----
    /// Writes the pieces that are full; true if there were any.
    bool write();
    /// Before the first part of a checkpoint is taken, and before its replay_from is: begins a file for it.
    void begin_checkpoint();
    /// It is durable, and has this replay_from.
    void finish_checkpoint(log_position replay_from) { committed_ = replay_from; }

    // ---- any thread ----
    [[nodiscard]] bool has_writes() const { return has_full_.load(std::memory_order_acquire); }
    [[nodiscard]] bool covering() const;

private:
    struct piece {
        aligned_bytes bytes;
        std::size_t capacity = 0;
        std::size_t used = 0;
        std::uint32_t entries = 0;
        log_position from;
        log_position to;
        log_position last;  ///< of the last entry's frame
    };
    struct slot {
        std::unique_ptr<io::file> file;
        std::uint64_t allocated = 0;
        std::optional<journal_head> beginning;  ///< as it was found at start
    };

    // ---- under the lock ----
    /// Returns where what the kind adds goes; null: it does not cover any more.
    std::byte* put(queue_id queue, const consumequeue::index_entry& entry, journal_kind kind, std::size_t more) {
        const std::size_t size = journal_entry_size + more;
        if (size > filling_.capacity - filling_.used && !make_room(size, entry.position)) return nullptr;
        std::byte* at = filling_.bytes.get() + filling_.used;
        put_journal_entry(at, queue, entry, kind);
        filling_.used += size;
        filling_.entries += 1;
        filling_.last = entry.position;
        return at + journal_entry_size;
    }
    [[nodiscard]] bool make_room(std::size_t size, log_position position);
    void close_filling(log_position to);
    void stop_covering();

    // ---- maintenance thread ----
    [[nodiscard]] result<> begin_file();
    [[nodiscard]] result<> write_piece(piece& piece);
    [[nodiscard]] result<> write_bytes(byte_span bytes, journal_head head);
    void failed(std::error_code error);
    void say(std::string_view line) const;
    void give_back(piece&& piece);
    void choose_file(log_position from);

    // ---- start-up ----
    void follow(io::ring& ring, int file, log_position replay_from, const visitor& visit);
    [[nodiscard]] bool in_this_log(const journal_head& head, const journal_entry& last) const;

    io::disk& disk_;
    const commitlog::segment_set& segments_;
    journal_options options_;
    std::uint64_t salt_ = 0;

    mutable std::mutex mutex_;  ///< guards what follows, up to has_full_
    bool covering_ = false;
    log_position to_;           ///< of what was added, also while it does not cover
    log_position closed_to_;    ///< where the piece begins that is being filled, or that comes next
    bool overflowed_ = false;
    piece filling_;             ///< no bytes: nothing since to_
    std::deque<piece> full_;
    std::vector<piece> free_;
    std::atomic<bool> has_full_{false};

    // Maintenance thread:
    slot slots_[2];
    int current_ = 1;           ///< the newer one
    bool beginning_ = false;    ///< the current file is to be begun with the next write
    log_position file_from_;    ///< where the current file's journal begins
    log_position committed_;    ///< replay_from of the newest checkpoint
    std::uint64_t sequence_ = 0;
    std::uint64_t file_sequence_ = 0;  ///< the current file's
    std::uint64_t previous_ = 0;
    std::uint32_t number_ = 0;
    std::uint64_t offset_ = 0;
};

}  // namespace imago::store
