// Who lives where in the block files: hands out places, and finds what can be given back.
#pragma once

#include "consumequeue/queue_index.h"

#include <cstdint>
#include <map>
#include <vector>

namespace imago::consumequeue {

/// Places in a row in one file.
struct block_run {
    block_place first;
    std::uint32_t count = 0;
};

/// Places are handed out in rising order and never twice, so that whatever an older checkpoint names is
/// either the block that it means or none. A file whose places are all dead goes; of one that is dead in
/// part, space is given back once a quarter of it is, as one hole for neighbours. No I/O, no lock: start-up,
/// then the background thread.
class block_space {
public:
    explicit block_space(std::uint32_t blocks_per_file) : per_file_(blocks_per_file) {}

    /// Start-up: a mark of a checkpoint names this place.
    void count_live(block_place place);
    /// Start-up, after all count_live(): of the first `blocks` of the file those that no mark named are dead.
    /// They were written after the checkpoint, or died in an earlier life.
    void settle(std::uint32_t number, std::uint32_t blocks);
    /// Start-up: all places to come are in files above `number`.
    void begin_above(std::uint32_t number);
    [[nodiscard]] bool begun() const { return begun_; }
    [[nodiscard]] bool knows(std::uint32_t file) const { return files_.contains(file); }
    /// The highest file that is known; 0 if there is none.
    [[nodiscard]] std::uint32_t highest() const { return files_.empty() ? 0 : files_.rbegin()->first; }

    /// Up to `count` places, at least one; they are live.
    [[nodiscard]] block_run take(std::uint32_t count);
    /// Nothing was written there. What was taken last is handed out again.
    void give_back(const block_run& run);
    /// Blocks before which the file needs room that it has not, and that are thereby told to have it. Small
    /// steps at first, for indexes that never have more than a few blocks.
    [[nodiscard]] block_run room_for(const block_run& run);

    /// Nothing names the place any more.
    void dead(block_place place);
    /// Files that may go, and runs that may become holes, since the last call.
    [[nodiscard]] std::vector<std::uint32_t> take_empty();
    [[nodiscard]] std::vector<block_run> take_holes();

private:
    struct file {
        std::uint32_t live = 0;
        std::uint32_t room = 0;  ///< blocks from the first one on that have space
        std::vector<std::uint32_t> dead;
    };
    void make_holes(std::uint32_t number, file& of);
    void give_up(std::map<std::uint32_t, file>::iterator at);

    const std::uint32_t per_file_;
    std::map<std::uint32_t, file> files_;
    std::map<std::uint32_t, std::vector<std::uint32_t>> named_;  ///< start-up: live blocks
    bool begun_ = false;
    block_place next_{};
    std::vector<std::uint32_t> empty_;
    std::vector<block_run> holes_;
};

}  // namespace imago::consumequeue
