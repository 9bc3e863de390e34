// Random operations against a plain list of entries, with checkpoints, clean restarts and power losses.
#include "consumequeue/index_fixture.h"

#include <algorithm>
#include <map>
#include <variant>

using namespace imago;
using namespace imago::consumequeue;

namespace {

struct model_queue {
    queue_offset start;
    queue_offset end;
    std::vector<index_entry> entries;  // all, also below the start
};

struct journal_entry {
    enum { create, remove, trim, publish } what;
    queue_id id;
    queue_offset start{};
    index_entry entry{};
};

class model {
public:
    explicit model(std::uint64_t seed)
        : random_(seed),
          f_({.directory = "/index",
              .tail_memory_max = pick(0, 2) == 0 ? std::size_t{24} << 10 : std::size_t{4} << 20,
              .block_cache_bytes = 8 * block_size,
              .open_files_max = 2,
              .write_together = static_cast<std::size_t>(pick(1, 3)),
              .blocks_per_file = static_cast<std::uint32_t>(pick(1, 40))},
             {.seed = seed}) {
        checkpoint();
    }

    void run(int steps) {
        for (int i = 0; i < steps; ++i) {
            step();
            if (pick(0, 19) == 0) check();
        }
        check();
    }

private:
    std::int64_t pick(std::int64_t from, std::int64_t to) {
        return std::uniform_int_distribution<std::int64_t>(from, to)(random_);
    }
    queue_id any_queue() {
        auto at = queues_.begin();
        std::advance(at, pick(0, static_cast<std::int64_t>(queues_.size()) - 1));
        return at->first;
    }

    void apply(const journal_entry& entry) {
        switch (entry.what) {
            case journal_entry::create:
                f_.index->create(entry.id, entry.start);
                break;
            case journal_entry::remove:
                f_.index->remove(entry.id);
                break;
            case journal_entry::trim:
                f_.index->trim(entry.id, entry.start);
                break;
            case journal_entry::publish:
                REQUIRE(f_.index->publish(entry.id, entry.entry));
                break;
        }
        journal_.push_back(entry);
    }

    void step() {
        const std::int64_t what = pick(0, 99);
        if (queues_.empty() || (what < 3 && queues_.size() < 12)) {
            const queue_id id{next_id_ += static_cast<std::uint32_t>(pick(1, 300))};
            const queue_offset start{pick(0, 1000)};
            queues_[id] = {start, start, {}};
            apply({.what = journal_entry::create, .id = id, .start = start});
        } else if (what < 4) {
            const queue_id id = any_queue();
            queues_.erase(id);
            apply({.what = journal_entry::remove, .id = id});
        } else if (what < 60) {
            const queue_id id = any_queue();
            for (std::int64_t n = pick(1, 150); n > 0; --n) publish(id);
        } else if (what < 70) {
            const queue_id id = any_queue();
            model_queue& queue = queues_[id];
            const queue_offset to{pick(queue.start.value, queue.end.value + 5)};
            queue.start = std::max(queue.start, std::min(to, queue.end));
            apply({.what = journal_entry::trim, .id = id, .start = to});
        } else if (what < 90) {
            if (f_.index->pump(*f_.ring, static_cast<std::size_t>(pick(1, 8))) > 0 && pick(0, 2) > 0)
                f_.ring->reap();
        } else if (what < 95) {
            checkpoint();
        } else if (what < 97) {
            if (!power_fails_) {
                f_.write_all();
                f_.restart();
                journal_.clear();
                checkpoint();
            }
        } else if (what < 98) {
            power_fails_ = true;
            f_.disk.power_off_after(static_cast<std::uint64_t>(pick(0, 30)));
        } else {
            crash();
        }
    }

    void publish(queue_id id) {
        model_queue& queue = queues_[id];
        index_entry entry;
        entry.base = queue.end;
        if (pick(0, 60) == 0) entry.base = entry.base + pick(1, 9);  // lost to damage
        entry.position = position_ = position_ + static_cast<std::uint64_t>(pick(1, 4)) * 512;
        entry.max_timestamp = 1000 + pick(0, 500);
        entry.size = static_cast<std::uint32_t>(pick(1, 300));
        entry.count = static_cast<std::uint32_t>(pick(1, 4));
        entry.flags = pick(0, 30) == 0 ? entry_damaged : 0;
        queue.end = entry.end();
        queue.entries.push_back(entry);
        apply({.what = journal_entry::publish, .id = id, .entry = entry});
    }

    void checkpoint() {
        if (!f_.index->sync_blocks(*f_.ring)) return;  // the power went off
        checkpoint_ = f_.snapshots();
        journal_.clear();
    }

    void crash() {
        f_.disk.crash();
        power_fails_ = false;
        f_.start();
        for (const auto& one : checkpoint_) f_.index->restore(queue_snapshot(one));
        if (pick(0, 3) > 0) (void)f_.index->remove_unknown_files();
        const auto replay = std::move(journal_);
        journal_.clear();
        for (const auto& each : replay) apply(each);
    }

    // Blocks cannot be read while the power is off.
    bool readable(const block_ref& ref) {
        return !f_.disk.powered_off() || f_.index->cached_block(ref) != nullptr;
    }

    void check() {
        std::vector<queue_id> ids;
        for (const auto& [id, queue] : queues_) ids.push_back(id);
        REQUIRE(f_.index->queues() == ids);
        for (const auto& [id, queue] : queues_) check(id, queue);
    }

    void check(queue_id id, const model_queue& queue) {
        REQUIRE(f_.index->bounds(id)->start == queue.start);
        REQUIRE(f_.index->bounds(id)->end == queue.end);
        std::uint64_t live = 0;
        for (const auto& entry : queue.entries) live += entry.end() > queue.start ? entry.size : 0;
        const std::uint64_t estimate = f_.index->live_bytes(id);
        REQUIRE(estimate >= live);
        REQUIRE(estimate <= live + 100 * 300);
        auto next = queue.entries.begin();
        for (queue_offset at = queue.start; at < queue.end; at = at + pick(1, 7)) {
            while (next->end() <= at) ++next;
            block_ref ref;
            std::vector<index_entry> found;
            const std::size_t bytes = static_cast<std::size_t>(pick(0, 2000));
            lookup where = f_.index->locate(id, at, bytes, found, ref);
            if (where == lookup::in_block) {
                if (!readable(ref)) continue;
                const auto block = f_.read(ref);
                REQUIRE(block);
                const auto part = (*block)->locate(at, bytes);
                found.assign(part.begin(), part.end());
                where = lookup::found;
            }
            REQUIRE(where == lookup::found);
            REQUIRE_FALSE(found.empty());
            std::size_t sum = 0;
            for (std::size_t i = 0; i < found.size(); ++i) {
                REQUIRE(found[i] == *(next + static_cast<std::ptrdiff_t>(i)));
                sum += found[i].size;
            }
            REQUIRE((found.size() == 1 || sum <= bytes));
        }
        for (int i = 0; i < 5; ++i) check_time(id, queue, 950 + pick(0, 600));
        check_max(id, queue);
    }

    void check_time(queue_id id, const model_queue& queue, unix_ms time) {
        const auto expected =
            std::find_if(queue.entries.begin(), queue.entries.end(), [&](const index_entry& entry) {
                return entry.end() > queue.start && entry.max_timestamp >= time;
            });
        queue_offset from{};
        for (;;) {
            index_entry entry;
            block_ref ref;
            const lookup where = f_.index->locate_time(id, time, entry, ref, from);
            if (where == lookup::in_block) {
                if (!readable(ref)) return;
                const auto block = f_.read(ref);
                REQUIRE(block);
                const index_entry* found = (*block)->locate_time(time, queue.start);
                from = ref.end;
                if (found == nullptr) continue;
                entry = *found;
            } else if (where == lookup::at_end) {
                REQUIRE(expected == queue.entries.end());
                return;
            }
            REQUIRE(expected != queue.entries.end());
            REQUIRE(entry == *expected);
            return;
        }
    }

    void check_max(queue_id id, const model_queue& queue) {
        const index_entry* expected = nullptr;
        for (const auto& entry : queue.entries)
            if (entry.end() > queue.start &&
                (expected == nullptr || entry.max_timestamp > expected->max_timestamp))
                expected = &entry;
        std::optional<index_entry> best;
        queue_offset from{};
        for (;;) {
            index_entry entry;
            block_ref ref;
            const lookup where = f_.index->locate_max_timestamp(id, entry, ref, from);
            bool last = true;
            if (where == lookup::in_block) {
                if (!readable(ref)) return;
                const auto block = f_.read(ref);
                REQUIRE(block);
                const index_entry* found = (*block)->locate_max_timestamp(std::max(queue.start, from));
                last = found != nullptr && found->max_timestamp == ref.max_timestamp;
                from = ref.end;
                if (found != nullptr && (!best || found->max_timestamp > best->max_timestamp)) best = *found;
            } else if (where == lookup::found && (!best || entry.max_timestamp > best->max_timestamp)) {
                best = entry;
            }
            if (last) break;
        }
        REQUIRE(best.has_value() == (expected != nullptr));
        if (best) REQUIRE(*best == *expected);
    }

    std::mt19937_64 random_;
    index_fixture f_;
    std::map<queue_id, model_queue> queues_;
    std::uint32_t next_id_ = 0;
    log_position position_{4096};
    std::vector<queue_snapshot> checkpoint_;
    std::vector<journal_entry> journal_;
    bool power_fails_ = false;  // soon or already
};

}  // namespace

TEST_CASE("random operations, restarts and power losses agree with a plain list", "[consumequeue][model]") {
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        INFO("seed " << seed);
        model(seed).run(120);
    }
}
