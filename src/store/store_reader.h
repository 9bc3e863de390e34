// Reads for one thread: from the tail cache without a hop, from the disk through the thread's own ring.
#pragma once

#include <list>
#include <memory>
#include <vector>

#include "store/log_thread.h"
#include "store/waiting_reads.h"

namespace imago::store {

/// Counters of all readers.
struct read_counters {
    std::atomic<std::uint64_t> cache_reads{0};
    std::atomic<std::uint64_t> disk_reads{0};
    std::atomic<std::uint64_t> damaged{0};
};

class store_reader final : public reader {
public:
    store_reader(store_parts& parts, read_counters& counters, std::unique_ptr<io::ring> ring);
    ~store_reader() override;

    bool read(read_request& request) override;
    bool find(time_request& request) override;
    void start() override;
    io::ring& ring() override { return *ring_; }

private:
    struct fetch;  ///< one request that needs the disk
    struct piece;  ///< a part of the log that it wants
    struct disk_read;
    struct stream;  ///< somebody who reads a queue in order

    enum class outcome { answered, needs_disk };
    [[nodiscard]] outcome try_read(read_request& request, fetch*& waiting);
    [[nodiscard]] outcome try_find(time_request& request, fetch*& waiting);
    /// Adds slices for a run of entries that are in memory; how many.
    std::size_t take_cached(const std::vector<consumequeue::index_entry>& entries, read_request& request);
    [[nodiscard]] fetch& begin_fetch(queue_id queue, read_request* read, time_request* time);
    [[nodiscard]] std::shared_ptr<const consumequeue::block> block_of(const consumequeue::block_ref& ref,
                                                                      std::shared_ptr<io::file>& file);
    [[nodiscard]] bool has_file(log_position position) const;
    void read_block(fetch& fetch, const consumequeue::block_ref& ref, std::shared_ptr<io::file> file);
    void plan(fetch& fetch, std::size_t max_bytes) const;
    void want(fetch& fetch, piece& piece);
    void read_now(const waiting_reads::next_read& next);
    void read_came(disk_read& read);
    static void keep_apart(disk_read& read);
    void read_frames(fetch& fetch, std::size_t max_bytes);
    void came(piece& piece);
    void go_on(fetch& fetch);
    void take_frames(fetch& fetch);
    void answer(fetch& fetch);
    void release(fetch& fetch);
    void note_stream(const fetch& fetch);
    [[nodiscard]] bool read_ahead(fetch& ahead);
    [[nodiscard]] bool take_ahead(fetch& fetch, piece& wanted);
    void ahead_came(fetch& ahead);
    void drop_ahead(stream& of);
    void drop(fetch& ahead);
    void report_damage(queue_id queue, const consumequeue::index_entry& entry);
    [[nodiscard]] std::shared_ptr<const consumequeue::block> rebuild(const consumequeue::block_ref& ref);

    store_parts& parts_;
    read_counters& counters_;
    std::unique_ptr<io::ring> ring_;
    std::vector<consumequeue::index_entry> entries_;  ///< scratch
    std::vector<std::unique_ptr<fetch>> free_;
    std::size_t active_ = 0;
    waiting_reads waiting_;
    read_allowance allowance_;
    std::vector<std::unique_ptr<disk_read>> reads_;  ///< all there are
    std::vector<disk_read*> free_reads_;
    std::list<stream> streams_;                   ///< who asked last comes first
    std::vector<std::unique_ptr<fetch>> aheads_;  ///< of streams, and dropped ones that are under way still
    std::uint64_t ahead_bytes_ = 0;
};

}  // namespace imago::store
