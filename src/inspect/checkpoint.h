// Reads a checkpoint as docs/format/checkpoint.md describes it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "inspect/folder.h"

namespace imago::inspect {

/// In file index/NNNNNNNN.blk, at byte block * 4096.
struct block_place {
    std::uint32_t file = 0;
    std::uint32_t block = 0;
};

struct checkpoint_queue {
    std::uint32_t queue = 0;
    std::int64_t start = 0;
    std::int64_t end = 0;
    std::uint64_t first_block = 0;
    std::uint64_t bytes_total = 0;
    std::vector<std::uint64_t> mark_positions;  ///< one for each block on disk, from first_block on
    std::vector<block_place> places;            ///< the same: where it lies
    std::vector<std::int64_t> block_ends;       ///< the same: the offset behind it
    std::vector<index_entry> tail;
};

struct checkpoint {
    std::string file;            ///< "checkpoint.a" or "checkpoint.b"
    std::uint64_t sequence = 0;
    std::uint64_t replay_from = 0;
    std::uint64_t end = 0;
    std::uint32_t next_queue_id = 0;
    std::vector<checkpoint_queue> queues;
    std::uint64_t table_keys = 0;
    std::uint64_t producers = 0;
};

/// What the two files hold: `newest` is the one with the higher sequence whose head is valid.
struct checkpoint_state {
    std::optional<checkpoint> newest;   ///< read whole
    std::uint64_t durable = 0;          ///< what valid heads vouch for
    bool present = false;               ///< at least one valid head
    std::vector<std::string> faults;    ///< heads that are valid over pieces that are not
};
[[nodiscard]] checkpoint_state read_checkpoints(folder& from);

}  // namespace imago::inspect
