#include "consumequeue/block_writer.h"

#include "consumequeue/block_format.h"

#include <algorithm>

namespace imago::consumequeue {
namespace {

constexpr std::size_t sync_depth = 32;

/// Blocks to give room to before block `number` is written. A write into room that is there is one system call and one
/// device write; one that makes the file longer goes through a kernel worker and costs five times as much. Small steps at
/// first, for queues that never have more than a few blocks.
std::uint64_t blocks_to_allocate(std::uint64_t number) {
    if (number == 0) return 1;
    if (number == 1) return 3;
    if (number == 4) return 12;
    return number >= 16 && number % 16 == 0 ? 16 : 0;
}

/// Errors that may go away by themselves: what could not be written stays in memory until then.
bool is_transient(std::error_code error) {
    return error == std::errc::no_space_on_device || error == std::errc::too_many_files_open ||
           error == std::errc::too_many_files_open_in_system || error == std::errc::not_enough_memory ||
           error == std::error_code(EDQUOT, std::system_category());
}

}  // namespace

block_writer::block_writer(queue_table& table, index_memory& memory, open_files& files, io::disk& disk,
                           std::uint64_t written_bytes_max, std::function<void()> on_work)
    : table_(table),
      memory_(memory),
      files_(files),
      disk_(disk),
      written_bytes_max_(written_bytes_max),
      on_work_(std::move(on_work)) {}

block_writer::~block_writer() = default;

void block_writer::added() {
    if (work_.fetch_add(1, std::memory_order_acq_rel) == 0) on_work_();
}

void block_writer::add(sealed_block* block) {
    {
        const std::lock_guard hold(mutex_);
        sealed_.push_back(block);
    }
    waiting_.fetch_add(1, std::memory_order_relaxed);
    added();
}

void block_writer::add_rewrite(const block_ref& ref, std::shared_ptr<const block> content) {
    {
        const std::lock_guard hold(mutex_);
        rewrites_.push_back({ref, std::move(content)});
    }
    waiting_.fetch_add(1, std::memory_order_relaxed);
    added();
}

void block_writer::add_removal(queue_id queue) {
    {
        const std::lock_guard hold(mutex_);
        removals_.push_back(queue);
    }
    added();
}

void block_writer::add_hole(queue_id queue, std::uint64_t from, std::uint64_t to) {
    {
        const std::lock_guard hold(mutex_);
        holes_.push_back({queue, from, to});
    }
    added();
}

std::error_code block_writer::error() const {
    const std::lock_guard hold(mutex_);
    return error_;
}

void block_writer::note_error(std::error_code error) {
    const std::lock_guard hold(mutex_);
    if (!error_ || is_transient(error_)) error_ = error;
}

void block_writer::note_success() {
    const std::lock_guard hold(mutex_);
    if (is_transient(error_)) error_ = {};
}

block_writer::operation& block_writer::take_operation() {
    if (idle_.empty()) {
        operations_.push_back(std::make_unique<operation>());
        idle_.push_back(operations_.back().get());
    }
    operation& taken = *idle_.back();
    idle_.pop_back();
    taken.request = {};
    taken.request.context = &taken;
    taken.self = this;
    ++in_flight_;
    return taken;
}

void block_writer::release(operation& done) {
    done.file.reset();
    done.block = nullptr;
    done.again = {};
    idle_.push_back(&done);
    --in_flight_;
}

std::size_t block_writer::pump(io::ring& ring, std::size_t depth) {
    ring.reap();
    housekeep(depth);
    if (!round_.active && wants_round()) begin_round();
    advance_round(ring, depth);
    while (in_flight_ < depth) {
        const std::error_code broken = error();
        // While the disk is full one block tries for all.
        if (broken && (!is_transient(broken) || in_flight_ > 0)) break;
        if (!start_write(ring) && !start_rewrite(ring)) break;
    }
    ring.flush();
    return in_flight_;
}

void block_writer::housekeep(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        std::unique_lock hold(mutex_);
        if (!removals_.empty()) {
            const queue_id queue = removals_.front();
            removals_.pop_front();
            hold.unlock();
            // A file that stays is lost space, not lost data: nothing else depends on it, ids are never
            // reused.
            (void)files_.remove(queue);
        } else if (!holes_.empty()) {
            const hole punched = holes_.front();
            holes_.pop_front();
            hold.unlock();
            if (auto file = files_.open(punched.queue))
                (void)disk_.punch_hole(**file, punched.from * block_size,
                                       (punched.to - punched.from) * block_size);
        } else {
            return;
        }
        work_.fetch_sub(1, std::memory_order_acq_rel);
    }
    bool more;
    {
        const std::lock_guard hold(mutex_);
        more = !removals_.empty() || !holes_.empty();
    }
    if (more) on_work_();
}

bool block_writer::is_dropped(const sealed_block& block) const {
    const std::lock_guard hold(table_.stripe_of(block.queue).mutex);
    return block.dropped;
}

bool block_writer::is_live(const block_ref& ref) const {
    const std::lock_guard hold(table_.stripe_of(ref.queue).mutex);
    const queue_state* queue = table_.find(ref.queue);
    return queue != nullptr && queue->sealed != nullptr && ref.number >= queue->sealed->first_block;
}

bool block_writer::start_write(io::ring& ring) {
    for (;;) {
        sealed_block* block = nullptr;
        {
            const std::lock_guard hold(mutex_);
            if (sealed_.empty()) return false;
            block = sealed_.front();
            sealed_.pop_front();
        }
        waiting_.fetch_sub(1, std::memory_order_relaxed);
        work_.fetch_sub(1, std::memory_order_acq_rel);
        if (is_dropped(*block)) {
            memory_.give_block(block);
            continue;
        }
        operation& write = take_operation();
        write.block = block;
        auto file = files_.open_or_create(block->queue);
        if (!file) {
            note_error(file.error());
            put_back(write);
            return false;
        }
        write.file = std::move(*file);
        if (!write.bytes) write.bytes = make_aligned_bytes(block_size);
        const block_header header{.queue = block->queue,
                                  .number = block->number,
                                  .first = block->first,
                                  .end = block->end,
                                  .first_position = block->entries[0].position};
        encode_block(write.bytes.get(), header, {block->entries, block->count});
        // If there is no room the write will say so.
        if (const std::uint64_t count = blocks_to_allocate(block->number); count > 0)
            (void)disk_.allocate(*write.file, block->number * block_size, count * block_size);
        submit_write(ring, write, block->number);
        return true;
    }
}

bool block_writer::start_rewrite(io::ring& ring) {
    for (;;) {
        rewrite again;
        {
            const std::lock_guard hold(mutex_);
            if (rewrites_.empty()) return false;
            again = std::move(rewrites_.front());
            rewrites_.pop_front();
        }
        waiting_.fetch_sub(1, std::memory_order_relaxed);
        work_.fetch_sub(1, std::memory_order_acq_rel);
        if (!is_live(again.ref)) continue;
        operation& write = take_operation();
        write.again = std::move(again);
        const block_ref& ref = write.again.ref;
        auto file = files_.open_or_create(ref.queue);
        if (!file) {
            note_error(file.error());
            put_back(write);
            return false;
        }
        write.file = std::move(*file);
        if (!write.bytes) write.bytes = make_aligned_bytes(block_size);
        const block_header header{.queue = ref.queue,
                                  .number = ref.number,
                                  .first = ref.first,
                                  .end = ref.end,
                                  .first_position = ref.from_position};
        encode_block(write.bytes.get(), header, write.again.content->entries);
        submit_write(ring, write, ref.number);
        return true;
    }
}

void block_writer::submit_write(io::ring& ring, operation& write, std::uint64_t number) {
    write.request.what = io::request::kind::write;
    write.request.target = write.file.get();
    write.request.offset = number * block_size;
    write.request.data = write.bytes.get();
    write.request.size = block_size;
    write.request.done = [](io::request& request) {
        auto& done = *static_cast<operation*>(request.context);
        done.self->write_done(done);
    };
    ring.submit(write.request);
}

void block_writer::write_done(operation& write) {
    if (write.request.error) {
        note_error(write.request.error);
        put_back(write);
        return;
    }
    note_success();
    blocks_written_.fetch_add(1, std::memory_order_relaxed);
    if (write.block != nullptr) {
        written_.push_back(write.block);
        written_bytes_ += index_memory::bytes_of(write.block->size_class) + sizeof(sealed_block);
    } else {
        rewritten_.push_back(write.again.ref.queue);
    }
    release(write);
}

void block_writer::put_back(operation& write) {
    {
        const std::lock_guard hold(mutex_);
        if (write.block != nullptr) {
            sealed_.push_front(write.block);
        } else {
            rewrites_.push_front(std::move(write.again));
        }
    }
    waiting_.fetch_add(1, std::memory_order_relaxed);
    work_.fetch_add(1, std::memory_order_acq_rel);
    release(write);
}

result<> block_writer::sync(io::ring& ring) {
    const auto finish = [&] {
        while (round_.active) {
            advance_round(ring, in_flight_ + sync_depth);
            if (round_.active) ring.wait(std::chrono::nanoseconds(-1));
        }
    };
    finish();
    if (const std::error_code broken = error(); broken && !is_transient(broken)) return fail(broken);
    begin_round();
    finish();
    if (round_.error) return fail(round_.error);
    return {};
}

bool block_writer::wants_round() const {
    if (written_bytes_ <= written_bytes_max_) return false;
    const std::error_code broken = error();
    return !broken || is_transient(broken);
}

void block_writer::begin_round() {
    round_ = {};
    round_.active = true;
    round_.blocks.swap(written_);
    written_bytes_ = 0;
    round_.queues.swap(rewritten_);
    for (const sealed_block* block : round_.blocks) round_.queues.push_back(block->queue);
    std::sort(round_.queues.begin(), round_.queues.end());
    round_.queues.erase(std::unique(round_.queues.begin(), round_.queues.end()), round_.queues.end());
}

void block_writer::advance_round(io::ring& ring, std::size_t depth) {
    if (!round_.active) return;
    while (!round_.error && in_flight_ < depth && round_.next < round_.queues.size()) {
        auto file = files_.open(round_.queues[round_.next++]);
        if (!file) {
            // No file: the queue was removed meanwhile, or the file was, and reading will find that out.
            if (file.error() != std::errc::no_such_file_or_directory) round_.error = file.error();
            continue;
        }
        operation& sync = take_operation();
        sync.file = std::move(*file);
        sync.request.what = io::request::kind::sync_data;
        sync.request.target = sync.file.get();
        sync.request.done = [](io::request& request) {
            auto& done = *static_cast<operation*>(request.context);
            block_writer& self = *done.self;
            if (request.error) self.round_.error = request.error;
            --self.round_.in_flight;
            self.release(done);
        };
        ++round_.in_flight;
        ring.submit(sync.request);
    }
    ring.flush();
    if (round_.in_flight == 0 && (round_.error || round_.next == round_.queues.size())) end_round();
}

void block_writer::end_round() {
    for (const queue_id queue : round_.queues) {
        if (round_.error) break;
        if (auto synced = files_.sync_directory_of(queue); !synced) round_.error = synced.error();
    }
    round_.active = false;
    if (round_.error) {
        // What a failed sync should have made durable may never be: the blocks stay in memory, and an error
        // that is not transient ends all writing.
        note_error(round_.error);
        for (sealed_block* block : round_.blocks) {
            written_.push_back(block);
            written_bytes_ += index_memory::bytes_of(block->size_class) + sizeof(sealed_block);
        }
        return;
    }
    retire(round_.blocks);
    round_.blocks.clear();
}

void block_writer::retire(std::vector<sealed_block*>& blocks) {
    std::sort(blocks.begin(), blocks.end(), [](const sealed_block* a, const sealed_block* b) {
        return a->queue != b->queue ? a->queue < b->queue : a->number < b->number;
    });
    std::vector<sealed_block*> unused;
    for (std::size_t i = 0; i < blocks.size();) {
        const queue_id id = blocks[i]->queue;
        unused.clear();
        {
            const std::lock_guard hold(table_.stripe_of(id).mutex);
            bool any = false;
            for (; i < blocks.size() && blocks[i]->queue == id; ++i) {
                if (blocks[i]->dropped) {
                    unused.push_back(blocks[i]);
                } else {
                    blocks[i]->durable = any = true;
                }
            }
            if (any) {
                auto& memory = table_.find(id)->sealed->memory;
                const auto kept = std::find_if(memory.begin(), memory.end(),
                                               [](const sealed_block* block) { return !block->durable; });
                unused.insert(unused.end(), memory.begin(), kept);
                memory.erase(memory.begin(), kept);
            }
        }
        for (sealed_block* block : unused) memory_.give_block(block);
    }
}

}  // namespace imago::consumequeue
