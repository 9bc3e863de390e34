// A queue index on a simulated disk, and what tests do to it again and again.
#pragma once

#include "consumequeue/block_format.h"
#include "consumequeue/queue_index.h"
#include "io/sim_disk.h"
#include "support/catch.h"

#include <random>
#include <vector>

namespace imago::consumequeue {

inline bool operator==(const index_entry& a, const index_entry& b) {
    return a.base == b.base && a.position == b.position && a.max_timestamp == b.max_timestamp &&
           a.size == b.size && a.count == b.count && a.tag_hash == b.tag_hash && a.flags == b.flags;
}

/// Entry number `i` of a queue of one-record batches.
inline index_entry entry_at(std::int64_t i) {
    return {.base = {i},
            .position = {1000 + static_cast<std::uint64_t>(i) * 512},
            .max_timestamp = 1'000'000 + i,
            .size = 100,
            .count = 1,
            .tag_hash = static_cast<std::uint32_t>(i)};
}

struct index_fixture {
    explicit index_fixture(index_options options_in = {.directory = "/index"},
                           io::sim_options disk_options = {})
        : disk(disk_options), options(std::move(options_in)) {
        start();
    }

    void start() {
        ring.reset();  // before what is in flight on it
        index.reset();
        ring = *disk.make_ring();
        index = std::make_unique<queue_index>(disk, options);
    }

    void fill(queue_id id, std::int64_t count) {
        for (std::int64_t i = 0; i < count; ++i) {
            const std::int64_t next = index->bounds(id)->end.value;
            REQUIRE(index->publish(id, entry_at(next)));
        }
    }

    /// Writes all that waits.
    void write_all() {
        while (index->has_writes() || ring->in_flight() > 0) {
            if (index->pump(*ring, 8) > 0) ring->wait(std::chrono::nanoseconds(-1));
            REQUIRE_FALSE(index->error());
        }
    }
    void settle() {
        write_all();
        REQUIRE(index->sync_blocks(*ring));
    }

    [[nodiscard]] std::vector<queue_snapshot> snapshots() const {
        std::vector<queue_snapshot> all;
        index->snapshot([&](const queue_snapshot& one) { all.push_back(one); });
        return all;
    }
    /// A new index from the snapshot of the old one, as after a clean stop.
    void restart() {
        auto all = snapshots();
        start();
        for (auto& one : all) index->restore(std::move(one));
    }

    [[nodiscard]] result<std::shared_ptr<const block>> read(const block_ref& ref) {
        if (auto cached = index->cached_block(ref)) return cached;
        auto file = index->block_file(ref);
        if (!file) return fail(file.error());
        const aligned_bytes bytes = make_aligned_bytes(block_size);
        auto size = disk.read_at(**file, ref.byte_offset(), {bytes.get(), block_size});
        if (!size) return fail(size.error());
        return index->admit_block(ref, {bytes.get(), *size});
    }

    /// As the store does it: through blocks on disk.
    lookup locate(queue_id id, queue_offset from, std::size_t max_bytes, std::vector<index_entry>& found) {
        block_ref ref;
        const lookup where = index->locate(id, from, max_bytes, found, ref);
        if (where != lookup::in_block) return where;
        const auto block = read(ref);
        REQUIRE(block);
        const auto part = (*block)->locate(from, max_bytes);
        found.insert(found.end(), part.begin(), part.end());
        return lookup::found;
    }

    io::sim_disk disk;
    index_options options;
    std::unique_ptr<queue_index> index;
    std::unique_ptr<io::ring> ring;
};

}  // namespace imago::consumequeue
