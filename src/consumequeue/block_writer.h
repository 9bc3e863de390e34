// Brings sealed blocks to disk: writes them, many at a time, makes them durable in rounds, and removes what
// queues gave back.
#pragma once

#include "consumequeue/block_space.h"
#include "consumequeue/index_memory.h"
#include "consumequeue/open_files.h"
#include "consumequeue/queue_state.h"
#include "io/disk.h"

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

namespace imago::consumequeue {

/// A sealed block travels: waiting -> in flight -> written -> in a round -> durable, when its memory is given
/// back. A round syncs each file that has written blocks and then the directory if it has new files. What
/// pump() and sync() mean is said at queue_index. The add functions are for any thread, the rest for the
/// background thread.
class block_writer {
public:
    /// `on_work` is called without a lock when there is work and was none.
    block_writer(queue_table& table, index_memory& memory, open_files& files, io::disk& disk,
                 const index_options& options, std::function<void()> on_work);
    ~block_writer();

    void add(sealed_block* block);
    /// A block on disk that was bad is written again, unless its queue has let go of it.
    void add_rewrite(const block_ref& ref, std::shared_ptr<const block> content);
    /// These places were live, and nothing names them any more.
    void add_dead(std::vector<block_place> places);
    /// Start-up only: a restored mark names the place.
    void count_live(block_place place) { space_.count_live(place); }
    /// Background thread: hands files that nothing names to pump(). Returns how many.
    std::size_t remove_unknown();

    /// Background thread only. Written blocks that take much memory are work too: they are to be made
    /// durable.
    [[nodiscard]] bool has_work() const {
        return work_.load(std::memory_order_acquire) > 0 || enough_sealed() || round_.active || wants_round();
    }
    [[nodiscard]] std::uint64_t waiting() const { return waiting_.load(std::memory_order_relaxed); }
    [[nodiscard]] std::uint64_t written() const { return blocks_written_.load(std::memory_order_relaxed); }
    [[nodiscard]] std::error_code error() const;

    std::size_t pump(io::ring& ring, std::size_t depth);
    [[nodiscard]] result<> sync(io::ring& ring);

private:
    struct rewrite {
        block_ref ref;
        std::shared_ptr<const block> content;
    };
    struct operation {
        io::request request;
        block_writer* self = nullptr;
        aligned_bytes bytes;
        std::shared_ptr<io::file> file;
        std::vector<sealed_block*> blocks;  // none: a rewrite, or a sync
        block_run run;                      // where they go
        rewrite again;
    };
    struct sync_round {
        bool active = false;
        std::vector<sealed_block*> blocks;
        std::vector<std::uint32_t> files;
        std::size_t next = 0;
        std::size_t in_flight = 0;
        std::error_code error;
    };

    void added();
    [[nodiscard]] bool enough_sealed() const {
        return sealed_waiting_.load(std::memory_order_acquire) >= write_together_;
    }
    void note_error(std::error_code error);
    void note_success();
    [[nodiscard]] operation& take_operation();
    void release(operation& done);

    /// Files and holes that nothing names any more become work.
    void take_freed();
    void housekeep(std::size_t count);
    [[nodiscard]] bool start_write(io::ring& ring);
    [[nodiscard]] bool start_rewrite(io::ring& ring);
    /// Takes up to a write's worth of sealed blocks that still count.
    void take_sealed(std::vector<sealed_block*>& blocks);
    /// In front of what waits: they were taken, and not written.
    void wait_again(std::span<sealed_block* const> blocks);
    /// The file to write to, and memory to write from. False: the blocks wait again, the error is noted.
    [[nodiscard]] bool open_for(operation& write, std::uint32_t number);
    void submit_write(io::ring& ring, operation& write, std::uint64_t offset, std::size_t size);
    void write_done(operation& write);
    void put_back(operation& write);

    [[nodiscard]] bool wants_round() const;
    void begin_round();
    void advance_round(io::ring& ring, std::size_t depth);
    void end_round();
    /// The blocks are durable: those that no block of their queue waits for leave memory.
    void retire(std::vector<sealed_block*>& blocks);
    [[nodiscard]] bool is_dropped(const sealed_block& block) const;
    [[nodiscard]] bool is_live(const block_ref& ref) const;

    queue_table& table_;
    index_memory& memory_;
    open_files& files_;
    io::disk& disk_;
    const std::uint64_t written_bytes_max_;
    const std::uint64_t write_together_;
    const std::uint32_t blocks_per_file_;
    const std::function<void()> on_work_;

    std::atomic<std::uint64_t> work_{0};  // everything in the lists below but sealed blocks
    std::atomic<std::uint64_t> sealed_waiting_{0};
    std::atomic<std::uint64_t> waiting_{0};
    std::atomic<std::uint64_t> blocks_written_{0};
    mutable std::mutex mutex_;  // these four
    std::deque<sealed_block*> sealed_;
    std::deque<rewrite> rewrites_;
    std::vector<block_place> dead_;
    std::error_code error_;

    // Background thread only:
    block_space space_;
    std::deque<std::string> removals_;  // paths
    std::deque<block_run> holes_;
    std::vector<block_place> dying_;
    std::vector<std::unique_ptr<operation>> operations_;
    std::vector<operation*> idle_;
    std::size_t in_flight_ = 0;
    std::vector<sealed_block*> written_;
    std::uint64_t written_bytes_ = 0;
    std::vector<std::uint32_t> rewritten_;  // files
    sync_round round_;
};

}  // namespace imago::consumequeue
