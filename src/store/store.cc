#include "store/store.h"

#include <fmt/format.h>

#include <thread>

#include "commitlog/frame.h"
#include "store/maintenance.h"
#include "store/recovery.h"
#include "store/store_reader.h"

namespace imago::store {
namespace {

constexpr std::size_t slab_bytes = 4 << 20;

class store_on_disk final : public store {
public:
    store_on_disk(io::disk& disk, store_options options, std::vector<table_binding> tables)
        : parts_{disk, std::move(options), std::move(tables)} {}
    ~store_on_disk() override { close(); }

    result<> start() {
        store_options& options = parts_.options;
        if (!options.clock) {
            options.clock = [] {
                return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
            };
        }
        io::disk& disk = parts_.disk;
        IMAGO_CHECK(disk.make_directories(options.directory));
        auto lock = disk.lock(options.directory + "/lock");
        if (!lock) {
            const bool taken = lock.error() == std::errc::resource_unavailable_try_again;
            return taken ? fail(store_errc::locked) : fail(lock.error());
        }
        lock_ = std::move(*lock);
        const bool small = options.segment_bytes < slab_bytes;
        IMAGO_TRY(parts_.segments, commitlog::segment_set::open(
                                       disk, {options.directory + "/log", options.segment_bytes, options.recycled_segments_max,
                                              options.zero_fill, {}, options.log}));
        IMAGO_TRY(parts_.frontier, commitlog::frontier_file::open(disk, options.directory + "/log/frontier"));
        if (small) options.group_bytes_max = std::min<std::size_t>(options.group_bytes_max, options.segment_bytes / 2);
        const std::size_t slab = small ? round_up(options.segment_bytes, 4096) : std::max(slab_bytes, 4 * options.group_bytes_max);
        parts_.cache = std::make_unique<commitlog::tail_cache>(options.cache_bytes, slab);
        consumequeue::index_options index;
        index.directory = options.directory + "/index";
        index.tail_memory_max = options.index_tail_memory;
        index.open_files_max = options.open_files_max;
        index.write_together = options.index_write_together;
        parts_.index = std::make_unique<consumequeue::queue_index>(disk, index);
        journal_options journal;
        journal.directory = options.directory + "/checkpoint";
        journal.piece_bytes = options.journal_piece_bytes;
        journal.piece_log_bytes = options.journal_piece_log_bytes;
        journal.file_bytes_max = options.journal_bytes_max;
        journal.allocate_bytes = std::min(journal.allocate_bytes, options.segment_bytes);
        journal.log = options.log;
        parts_.journal = std::make_unique<index_journal>(disk, *parts_.segments, std::move(journal));
        // Syncs the folder that both have their files in.
        IMAGO_TRY(auto checkpoints, checkpoint_files::open(disk, options.directory + "/checkpoint", small ? 64 * 1024 : 1 << 20));

        log_position end;
        {
            IMAGO_TRY(auto ring, disk.make_ring({}));
            IMAGO_TRY(end, recover(parts_, *checkpoints, *ring));
        }
        IMAGO_TRY(auto log_ring, disk.make_ring({.entries = 64}));
        IMAGO_TRY(auto maintenance_ring, disk.make_ring({.entries = 64}));
        log_ = std::make_unique<log_thread>(parts_, std::move(log_ring));
        log_->start_at(end);
        maintenance_ = std::make_unique<maintenance>(parts_, *log_, std::move(checkpoints), std::move(maintenance_ring));
        log_->poke_maintenance = [this](unsigned what) { maintenance_->poke(what); };
        parts_.index->on_work = [this] { maintenance_->poke(0); };
        // A new folder gets its first checkpoint at once: from then on its absence means something. And what took the whole log
        // to make is not made a second time. The same where there is no journal to go on with; but damage is told of again.
        const bool walked_far = !parts_.journal->covering() && parts_.recovered.damaged_ranges == 0;
        if (parts_.segments->fresh() || parts_.recovered.rebuilt || walked_far) maintenance_->checkpoint_soon();
        if (options.threads) {
            log_runner_ = std::thread([this] { log_->run(); });
            maintenance_runner_ = std::thread([this] { maintenance_->run(); });
        }
        open_ = true;
        return {};
    }

    void close() override {
        if (!open_) return;
        open_ = false;
        // Maintenance may be waiting for the log thread (retention), so the log thread goes first; then nothing changes any more.
        log_->close();
        if (parts_.options.threads) {
            log_runner_.join();
            maintenance_->stop(!log_->failed());
            maintenance_runner_.join();
        } else {
            while (step() || maintain()) {
            }
            maintenance_->stop(!log_->failed());
            maintenance_->finish();
        }
        if (log_->failed()) return;
        const log_position end = log_->published();
        if (const auto error = maintenance_->stop_error()) {
            parts_.say(fmt::format("the last checkpoint could not be written ({}): the next start replays more of the log",
                                   error.message()));
            return;
        }
        if (const auto stamped = parts_.frontier->stamp_now(parts_.disk, end, true); !stamped) {
            parts_.say(fmt::format("the clean stop could not be recorded: {}", stamped.error().message()));
        }
    }

    void append(append_request& request) override {
        request.next = nullptr;
        log_->post(request);
    }
    void append_all(append_request* first) override {
        if (first != nullptr) log_->post(*first);
    }
    void change(change_request& request) override { log_->post(request); }
    queue_id new_queue_ids(std::uint32_t count) override { return {parts_.next_queue_id.fetch_add(count)}; }
    std::optional<queue_bounds> bounds(queue_id id) const override { return parts_.index->bounds(id); }
    std::uint64_t live_bytes(queue_id id) const override { return parts_.index->live_bytes(id); }
    bool wait(queue_id id, queue_offset past, waiter& waiter) override { return parts_.index->wait(id, past, waiter); }
    bool cancel(waiter& waiter) override { return parts_.index->cancel(waiter); }

    result<std::unique_ptr<reader>> make_reader() override {
        IMAGO_TRY(auto ring, parts_.disk.make_ring({}));
        return std::make_unique<store_reader>(parts_, counters_, std::move(ring));
    }

    void retention_changed() override { maintenance_->retention_changed(); }
    void checkpoint_soon() override { maintenance_->checkpoint_soon(); }
    recovery_report recovered() const override { return parts_.recovered; }

    store_statistics statistics() const override {
        store_statistics statistics;
        log_->fill(statistics);
        statistics.cache_reads = counters_.cache_reads.load(std::memory_order_relaxed);
        statistics.disk_reads = counters_.disk_reads.load(std::memory_order_relaxed);
        statistics.damaged_reads = counters_.damaged.load(std::memory_order_relaxed);
        statistics.segments = parts_.segments->list().size();
        statistics.checkpoints = maintenance_->checkpoints_written();
        const consumequeue::queue_index::usage used = parts_.index->used();
        statistics.index_blocks_written = used.blocks_written;
        statistics.index_blocks_waiting = used.blocks_waiting;
        statistics.index_tail_bytes = used.tail_bytes;
        statistics.queues = used.queues;
        statistics.waiters = used.waiters;
        statistics.cache_bytes = parts_.cache->bytes();
        statistics.out_of_space = parts_.segments->out_of_space();
        return statistics;
    }

    bool step() override { return log_->step() || log_->under_way(); }
    bool maintain() override { return maintenance_->step() || maintenance_->under_way(); }

private:
    store_parts parts_;
    read_counters counters_;
    std::unique_ptr<io::file> lock_;
    std::unique_ptr<log_thread> log_;
    std::unique_ptr<maintenance> maintenance_;
    std::thread log_runner_;
    std::thread maintenance_runner_;
    bool open_ = false;
};

table_change queue_change(queue_id id, queue_offset start) {
    table_change change{table_id::queues, queue_key(id), std::string(8, '\0'), false};
    store_le<std::int64_t>(reinterpret_cast<std::byte*>(change.value.data()), start.value);
    return change;
}

}  // namespace

std::uint64_t payload_hash(byte_view batch) { return commitlog::payload_checksum(batch); }

table_change store::queue_created(queue_id id) { return queue_change(id, {0}); }
table_change store::queue_trimmed(queue_id id, queue_offset start) { return queue_change(id, start); }
table_change store::queue_removed(queue_id id) { return {table_id::queues, queue_key(id), {}, true}; }

result<std::unique_ptr<store>> store::open(io::disk& disk, store_options options, std::vector<table_binding> tables) {
    auto opened = std::make_unique<store_on_disk>(disk, std::move(options), std::move(tables));
    IMAGO_CHECK(opened->start());
    return opened;
}

}  // namespace imago::store
