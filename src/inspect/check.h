// Looks at everything in a data folder and tells what is wrong, where, and whom it concerns.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "inspect/checkpoint.h"
#include "inspect/journal.h"
#include "inspect/walk.h"

namespace imago::inspect {

enum class severity : std::uint8_t {
    note,   ///< worth knowing, nothing is lost: a torn tail, a gap of an earlier cut
    error,  ///< acknowledged bytes are not what they were, or derived data is wrong
};

struct finding {
    severity level = severity::note;
    std::string place;    ///< "log position 4096", "index/00000003.blk, block 5 (queue 17, its block 3)", "checkpoint.a"
    std::string what;
    std::int64_t queue = -1;         ///< -1 = none, or not known
    std::int64_t first_offset = -1;  ///< the offsets hit, [first, end); -1 = not known
    std::int64_t end_offset = -1;
    std::uint64_t from = 0;          ///< positions in the log, [from, to); 0, 0 = not in the log
    std::uint64_t to = 0;
};

/// A queue as the log and the checkpoint together have it.
struct queue_summary {
    std::int64_t start = 0;
    std::int64_t end = 0;
    std::uint64_t batches = 0;       ///< in the log as it is
    std::uint64_t records = 0;
    std::uint64_t bytes = 0;         ///< of batches
    std::int64_t last_append = -1;   ///< ms since 1970; -1 = none
    bool created = false;            ///< by a change in the log or by the checkpoint
    bool removed = false;
};

struct inspection {
    walk_result log;
    checkpoint_state checkpoints;
    std::vector<journal> journals;   ///< of the index, in the order in which they were begun
    std::map<std::uint32_t, queue_summary> queues;
    std::uint64_t frames = 0;
    std::uint64_t footers = 0;
    std::uint64_t batch_bytes = 0;
    std::uint64_t index_files = 0;
    std::uint64_t index_blocks = 0;
    std::vector<finding> findings;

    [[nodiscard]] bool sound() const;
};

/// Told now and then how far a long look is, in bytes of the log; the last time with done = total.
using progress = std::function<void(std::uint64_t done, std::uint64_t total)>;

/// Walks the log, then reads checkpoint, index journal and, with `with_index`, all blocks of the index that the checkpoint
/// names. Memory grows with checkpoint and journal, not with the log.
[[nodiscard]] inspection inspect(folder& from, bool with_index, const progress& tell = {});

}  // namespace imago::inspect
