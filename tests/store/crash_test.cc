// Seeded power cuts: a store on a simulated disk is stopped at a random step of its disk operations, again and again, and
// each time must come back with everything it acknowledged. Replay one seed: IMAGO_CRASH_SEED=n; more of them: IMAGO_CRASHES=n.
#include <algorithm>
#include <cstdlib>
#include <random>
#include <set>

#include "store_fixture.h"
#include "support/catch.h"

using namespace imago;
using namespace imago::store;
using namespace imago::store::test;

namespace {

/// What an idempotent producer has sent and heard nothing of: it may be there or not, at most once, and is sent again.
struct unanswered {
    std::int32_t sequence = 0;
    std::string payload;
};

struct model_queue {
    queue_id id;
    std::map<std::int64_t, std::string> known;  ///< acknowledged, or seen by a reader: must stay as it is
    std::vector<unanswered> waiting;            ///< at most five, as in the protocol
    std::int64_t start = 0;                     ///< trims that were acknowledged
    std::int64_t start_asked = 0;
    std::int32_t sequence = 0;
    std::int64_t producer = 0;
};

struct simulation {
    io::sim_disk disk;
    std::mt19937_64 random;
    std::vector<model_queue> queues;
    std::map<std::string, std::string> table;                      // acknowledged
    std::map<std::string, std::set<std::string>> table_unanswered;  // may have become the value
    std::uint64_t payloads = 0;
    std::uint64_t acknowledged = 0;
    std::uint64_t blocks = 0;  ///< of the index, written
    std::uint64_t starts = 0;  ///< after an unclean stop, with a checkpoint
    std::uint64_t starts_from_journal = 0;

    std::uint64_t below(std::uint64_t n) { return random() % n; }

    /// Works until the power goes or enough was done. False: the power went.
    bool work(harness& h) {
        if (!retry(h)) return end(h);
        std::list<sent> under_way;
        std::vector<std::pair<sent*, std::vector<std::size_t>>> where;
        const int rounds = 2 + static_cast<int>(below(6));
        for (int round = 0; round < rounds; ++round) {
            if (queues.size() < 3) {
                const queue_id id = h.opened->new_queue_ids(1);
                if (!h.change({store::store::queue_created(id)})) {
                    queues.push_back({id, {}, {}, 0, 0, 0, static_cast<std::int64_t>(100 + id.value)});
                }
            }
            if (queues.empty()) return false;
            if (below(4) == 0) change_table(h);
            if (below(12) == 0) trim(h);
            if (below(6) == 0) h.opened->checkpoint_soon();
            if (below(2) == 0) h.keep_journal();
            sent& request = under_way.emplace_back();
            std::vector<std::size_t> into;
            const std::size_t batches = 1 + below(4);
            for (std::size_t b = 0; b < batches; ++b) {
                const std::size_t q = below(queues.size());
                model_queue& queue = queues[q];
                if (queue.waiting.size() == 5) continue;
                std::string payload = std::to_string(payloads++) + ":" + std::string(below(below(8) == 0 ? 12'000 : 400), 'p');
                request.add(queue.id, make_batch(payload, 1, queue.producer, 0, queue.sequence));
                queue.waiting.push_back({queue.sequence++, std::move(payload)});
                into.push_back(q);
            }
            h.opened->append(request.ready());
            where.emplace_back(&request, std::move(into));
            for (std::uint64_t steps = below(4); steps > 0; --steps) (void)(below(3) == 0 ? h.opened->maintain() : h.opened->step());
        }
        h.settle();
        blocks += h.opened->statistics().index_blocks_written;
        for (auto& [request, into] : where) {
            for (std::size_t b = 0; b < into.size(); ++b) {
                const append_batch& batch = request->batches[b];
                if (!request->done || batch.error) continue;
                REQUIRE_FALSE(batch.duplicate);
                settled(queues[into[b]], payload_of(request->bytes[b]), batch.base);
            }
        }
        return end(h);
    }

    void settled(model_queue& queue, std::string payload, queue_offset base) {
        std::erase_if(queue.waiting, [&](const unanswered& u) { return u.payload == payload; });
        const auto [known, fresh] = queue.known.emplace(base.value, payload);
        REQUIRE(known->second == payload);
        acknowledged += 1;
    }

    /// The producers come back and send again what was not answered, under the same sequence numbers. False: the power went.
    bool retry(harness& h) {
        for (model_queue& queue : queues) {
            while (!queue.waiting.empty()) {
                const unanswered again = queue.waiting.front();
                const append_batch batch = h.append(queue.id, make_batch(again.payload, 1, queue.producer, 0, again.sequence));
                if (disk.powered_off()) return false;
                INFO("queue " << queue.id.value << " sequence " << again.sequence << ": " << batch.error.message());
                REQUIRE_FALSE(batch.error);
                if (batch.duplicate) REQUIRE((queue.known.contains(batch.base.value) || batch.base.value < queue.start));
                if (!batch.duplicate) {
                    for (const auto& [offset, payload] : queue.known) REQUIRE(payload != again.payload);
                }
                if (batch.base.value >= queue.start) {
                    settled(queue, again.payload, batch.base);
                } else {
                    queue.waiting.erase(queue.waiting.begin());
                }
            }
        }
        return true;
    }

    /// A clean stop, or none.
    bool end(harness& h) {
        const bool alive = !disk.powered_off();
        h.reads.reset();
        if (!alive || below(2) == 0) {
            if (alive) disk.power_off();
            h.opened.reset();
            return false;
        }
        h.shut();
        return true;
    }

    void change_table(harness& h) {
        const std::string key = "key" + std::to_string(below(5));
        const std::string value = std::to_string(payloads++);
        table_unanswered[key].insert(value);
        if (h.change({{table_id::topics, key, value, false}})) return;
        table[key] = value;
        table_unanswered[key] = {};
    }

    void trim(harness& h) {
        model_queue& queue = queues[below(queues.size())];
        const auto bounds = h.opened->bounds(queue.id);
        if (!bounds || bounds->end == bounds->start) return;
        const std::int64_t start = bounds->start.value + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(bounds->end - bounds->start) + 1));
        queue.start_asked = std::max(queue.start_asked, start);
        if (!h.change({store::store::queue_trimmed(queue.id, {start})})) queue.start = std::max(queue.start, start);
    }

    void count_start(const harness& h) {
        const recovery_report report = h.opened->recovered();
        if (report.clean || report.rebuilt) return;
        starts += 1;
        starts_from_journal += report.journal_entries > 0 ? 1 : 0;
    }

    void check(harness& h) {
        std::string said;
        for (const auto& line : h.lines) said += "\n  " + line;
        INFO("the store said:" << said);
        for (model_queue& queue : queues) {
            const auto bounds = h.opened->bounds(queue.id);
            REQUIRE(bounds);
            REQUIRE(bounds->start.value >= queue.start);
            REQUIRE(bounds->start.value <= std::max(queue.start, queue.start_asked));
            queue.start = bounds->start.value;
            std::error_code error;
            const auto found = h.read_all(queue.id, bounds->start, &error);
            INFO("queue " << queue.id.value << " [" << bounds->start.value << ", " << bounds->end.value << "), read " << found.size() << ", last said: " << (h.lines.empty() ? std::string("nothing") : h.lines.back()));
            REQUIRE_FALSE(error);
            REQUIRE(static_cast<std::int64_t>(found.size()) == bounds->end - bounds->start);
            for (const auto& [offset, payload] : queue.known) {
                if (offset < queue.start) continue;
                const auto there = found.find(offset);
                REQUIRE(there != found.end());
                REQUIRE(there->second == payload);
            }
            for (const auto& [offset, payload] : found) {
                if (queue.known.contains(offset)) continue;
                // Nothing but what was sent and not answered, once.
                const std::string& text = payload;
                REQUIRE(std::count_if(queue.waiting.begin(), queue.waiting.end(),
                                      [&](const unanswered& u) { return u.payload == text; }) == 1);
                for (const auto& [other, known] : queue.known) REQUIRE(known != text);
                queue.known[offset] = payload;
            }
            REQUIRE((queue.known.empty() || queue.known.rbegin()->first < bounds->end.value));
        }
        for (const auto& [key, value] : h.topics.state) {
            REQUIRE((table[key] == value || table_unanswered[key].contains(value)));
            table[key] = value;
        }
        for (const auto& [key, value] : table) REQUIRE((value.empty() || h.topics.state.contains(key)));
        table_unanswered.clear();
    }
};

void run_seed(std::uint64_t seed, int crashes, simulation& sim) {
    sim.random.seed(seed);
    sim.disk.reset(seed);
    sim.queues.clear();
    sim.table.clear();
    sim.table_unanswered.clear();
    store_options options = small_options();
    // Little memory for the index: its blocks are written, and read, before they have a hundred entries.
    if (sim.below(2) == 0) options.index_tail_memory = 8 * 1024;
    // The journal is written again and again, and now and then its files are full; or hardly ever.
    if (sim.below(8) != 0) options.journal_piece_log_bytes = 512ULL << sim.below(4);
    if (sim.below(8) == 0) options.journal_bytes_max = 4096 * (1 + sim.below(8));
    for (int i = 0; i < crashes; ++i) {
        harness h(sim.disk, options);
        if (i > 0 || sim.below(4) != 0) sim.disk.power_off_after(1 + sim.below(i == 0 ? 120 : 60));
        const bool opened = h.open().has_value();
        if (opened) sim.count_start(h);
        if (opened && i > 0 && !sim.disk.powered_off()) sim.check(h);
        // A clean stop is followed by a power cut, too.
        if (opened && !sim.disk.powered_off()) (void)sim.work(h);
        h.reads.reset();
        if (!sim.disk.powered_off()) sim.disk.power_off();
        h.opened.reset();
        sim.disk.crash();
    }
    harness h(sim.disk, options);
    const auto opened = h.open();
    INFO("open: " << (opened ? "fine" : opened.error().message()));
    REQUIRE(opened);
    sim.count_start(h);
    sim.check(h);
}

}  // namespace

TEST_CASE("everything acknowledged survives power cuts at any step", "[crash]") {
    constexpr int crashes_per_seed = 8;
    const char* one = std::getenv("IMAGO_CRASH_SEED");
    const char* many = std::getenv("IMAGO_CRASHES");
    const std::uint64_t first = one != nullptr ? std::strtoull(one, nullptr, 10) : 1;
    const std::uint64_t seeds = one != nullptr ? 1 : (many != nullptr ? std::strtoull(many, nullptr, 10) : 1600) / crashes_per_seed;
    simulation sim;
    for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
        INFO("IMAGO_CRASH_SEED=" << seed);
        run_seed(seed, crashes_per_seed, sim);
    }
    CHECK(sim.acknowledged > seeds * 5);
    CHECK((seeds < 100 || sim.blocks > seeds / 4));
    CHECK((seeds < 100 || sim.starts_from_journal > sim.starts / 4));
    WARN("acknowledged " << sim.acknowledged << " batches over " << seeds * crashes_per_seed << " power cuts; "
                         << sim.starts_from_journal << " of " << sim.starts << " starts after one went by the journal");
}
