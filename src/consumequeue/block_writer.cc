#include "consumequeue/block_writer.h"

#include "consumequeue/block_format.h"

#include <algorithm>

namespace imago::consumequeue {
namespace {

constexpr std::size_t sync_depth = 32;

/// Blocks in one write. A write costs the file system and the device about the same whether it has one block
/// or these.
constexpr std::size_t write_blocks_max = 64;

/// What waits for company must not take the memory that all of the index may have.
std::uint64_t together_at_most(const index_options& options) {
    return std::max<std::uint64_t>(
        1, std::min<std::uint64_t>(options.write_together, options.tail_memory_max / 16 / block_size));
}

/// Errors that may go away by themselves: what could not be written stays in memory until then.
bool is_transient(std::error_code error) {
    return error == std::errc::no_space_on_device || error == std::errc::too_many_files_open ||
           error == std::errc::too_many_files_open_in_system || error == std::errc::not_enough_memory ||
           error == std::error_code(EDQUOT, std::system_category());
}

}  // namespace

block_writer::block_writer(queue_table& table, index_memory& memory, open_files& files, io::disk& disk,
                           const index_options& options, std::function<void()> on_work)
    : table_(table),
      memory_(memory),
      files_(files),
      disk_(disk),
      written_bytes_max_(options.tail_memory_max / 4),
      write_together_(together_at_most(options)),
      blocks_per_file_(options.blocks_per_file),
      on_work_(std::move(on_work)),
      space_(options.blocks_per_file) {}

block_writer::~block_writer() = default;

void block_writer::added() {
    if (work_.fetch_add(1, std::memory_order_acq_rel) == 0) on_work_();
}

void block_writer::add(sealed_block* block) {
    bool enough;
    {
        const std::lock_guard hold(mutex_);
        sealed_.push_back(block);
        enough = sealed_waiting_.fetch_add(1, std::memory_order_acq_rel) + 1 == write_together_;
    }
    waiting_.fetch_add(1, std::memory_order_relaxed);
    if (enough) on_work_();
}

void block_writer::add_rewrite(const block_ref& ref, std::shared_ptr<const block> content) {
    {
        const std::lock_guard hold(mutex_);
        rewrites_.push_back({ref, std::move(content)});
    }
    waiting_.fetch_add(1, std::memory_order_relaxed);
    added();
}

void block_writer::add_dead(std::vector<block_place> places) {
    {
        const std::lock_guard hold(mutex_);
        const bool first = dead_.empty();
        dead_.insert(dead_.end(), places.begin(), places.end());
        if (!first) return;
    }
    added();
}

std::size_t block_writer::remove_unknown() {
    std::vector<std::string> paths = files_.list_old();
    for (const std::uint32_t number : files_.list()) {
        if (!space_.knows(number)) {
            paths.push_back(files_.path_of(number));
        } else if (const auto file = files_.open(number); file && !space_.begun()) {
            const auto size = disk_.size(**file);
            const std::uint64_t blocks = size ? *size / block_size : 0;
            space_.settle(number,
                          static_cast<std::uint32_t>(std::min<std::uint64_t>(blocks, blocks_per_file_)));
        }
    }
    take_freed();
    for (const std::string& path : paths) {
        removals_.push_back(path);
        added();
    }
    return paths.size();
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
    done.blocks.clear();
    done.run = {};
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

void block_writer::take_freed() {
    for (const std::uint32_t number : space_.take_empty()) {
        files_.forget(number);
        removals_.push_back(files_.path_of(number));
        work_.fetch_add(1, std::memory_order_acq_rel);
    }
    for (const block_run& run : space_.take_holes()) {
        holes_.push_back(run);
        work_.fetch_add(1, std::memory_order_acq_rel);
    }
}

void block_writer::housekeep(std::size_t count) {
    {
        const std::lock_guard hold(mutex_);
        dying_.swap(dead_);
        if (!dying_.empty()) work_.fetch_sub(1, std::memory_order_acq_rel);
    }
    for (const block_place place : dying_) space_.dead(place);
    dying_.clear();
    take_freed();
    for (std::size_t i = 0; i < count; ++i) {
        if (!removals_.empty()) {
            // A file that stays is lost space, not lost data: nothing else depends on it, and its number is
            // not used again in this life.
            (void)disk_.remove(removals_.front());
            removals_.pop_front();
        } else if (!holes_.empty()) {
            const block_run hole = holes_.front();
            holes_.pop_front();
            if (auto file = files_.open(hole.first.file))
                (void)disk_.punch_hole(**file, std::uint64_t{hole.first.block} * block_size,
                                       std::uint64_t{hole.count} * block_size);
        } else {
            return;
        }
        work_.fetch_sub(1, std::memory_order_acq_rel);
    }
    if (!removals_.empty() || !holes_.empty()) on_work_();
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

void block_writer::take_sealed(std::vector<sealed_block*>& blocks) {
    {
        const std::lock_guard hold(mutex_);
        const std::size_t count = std::min(sealed_.size(), write_blocks_max);
        blocks.assign(sealed_.begin(), sealed_.begin() + static_cast<std::ptrdiff_t>(count));
        sealed_.erase(sealed_.begin(), sealed_.begin() + static_cast<std::ptrdiff_t>(count));
        sealed_waiting_.fetch_sub(count, std::memory_order_acq_rel);
        waiting_.fetch_sub(count, std::memory_order_relaxed);
    }
    std::erase_if(blocks, [this](sealed_block* block) {
        if (!is_dropped(*block)) return false;
        memory_.give_block(block);
        return true;
    });
}

void block_writer::wait_again(std::span<sealed_block* const> blocks) {
    const std::lock_guard hold(mutex_);
    sealed_.insert(sealed_.begin(), blocks.begin(), blocks.end());
    sealed_waiting_.fetch_add(blocks.size(), std::memory_order_acq_rel);
    waiting_.fetch_add(blocks.size(), std::memory_order_relaxed);
}

bool block_writer::open_for(operation& write, std::uint32_t number) {
    auto file = files_.open_or_create(number);
    if (!file) {
        note_error(file.error());
        put_back(write);
        return false;
    }
    write.file = std::move(*file);
    if (!write.bytes) write.bytes = make_aligned_bytes(write_blocks_max * block_size);
    return true;
}

bool block_writer::start_write(io::ring& ring) {
    if (!enough_sealed()) return false;
    operation& write = take_operation();
    take_sealed(write.blocks);
    if (write.blocks.empty()) {
        release(write);
        return enough_sealed() && start_write(ring);
    }
    if (!space_.begun()) {
        // What is there may be what one of the two checkpoints names: it stays as it is.
        const std::vector<std::uint32_t> there = files_.list();
        const std::uint32_t highest = std::max(space_.highest(), there.empty() ? 0 : there.back());
        space_.begin_above(there.empty() && !space_.knows(highest) ? 0 : highest + 1);
    }
    write.run = space_.take(static_cast<std::uint32_t>(write.blocks.size()));
    if (write.run.count < write.blocks.size()) {
        // The rest goes into the next file.
        wait_again(std::span(write.blocks).subspan(write.run.count));
        write.blocks.resize(write.run.count);
    }
    if (!open_for(write, write.run.first.file)) return false;
    std::byte* to = write.bytes.get();
    block_place place = write.run.first;
    for (sealed_block* block : write.blocks) {
        block->place = place;
        const block_header header{.queue = block->queue,
                                  .number = block->number,
                                  .first = block->first,
                                  .end = block->end,
                                  .first_position = block->entries[0].position};
        encode_block(to, header, {block->entries, block->count});
        to += block_size;
        ++place.block;
    }
    // A write into room that is there is one system call and one device write; one that makes the file longer
    // goes through a kernel worker. If there is no room the write will say so.
    if (const block_run room = space_.room_for(write.run); room.count > 0)
        (void)disk_.allocate(*write.file, std::uint64_t{room.first.block} * block_size,
                             std::uint64_t{room.count} * block_size);
    submit_write(ring, write, std::uint64_t{write.run.first.block} * block_size,
                 write.blocks.size() * block_size);
    return true;
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
        if (!open_for(write, ref.place.file)) return false;
        const block_header header{.queue = ref.queue,
                                  .number = ref.number,
                                  .first = ref.first,
                                  .end = ref.end,
                                  .first_position = ref.from_position};
        encode_block(write.bytes.get(), header, write.again.content->entries);
        submit_write(ring, write, ref.byte_offset(), block_size);
        return true;
    }
}

void block_writer::submit_write(io::ring& ring, operation& write, std::uint64_t offset, std::size_t size) {
    write.request.what = io::request::kind::write;
    write.request.target = write.file.get();
    write.request.offset = offset;
    write.request.data = write.bytes.get();
    write.request.size = size;
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
    blocks_written_.fetch_add(std::max<std::size_t>(write.blocks.size(), 1), std::memory_order_relaxed);
    for (sealed_block* block : write.blocks) {
        written_.push_back(block);
        written_bytes_ += index_memory::bytes_of(block->size_class) + sizeof(sealed_block);
    }
    if (write.blocks.empty()) rewritten_.push_back(write.again.ref.place.file);
    release(write);
}

void block_writer::put_back(operation& write) {
    if (!write.blocks.empty()) {
        space_.give_back(write.run);
        take_freed();
        wait_again(write.blocks);
    } else {
        {
            const std::lock_guard hold(mutex_);
            rewrites_.push_front(std::move(write.again));
        }
        waiting_.fetch_add(1, std::memory_order_relaxed);
        work_.fetch_add(1, std::memory_order_acq_rel);
    }
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
    round_.files.swap(rewritten_);
    for (const sealed_block* block : round_.blocks) round_.files.push_back(block->place.file);
    std::sort(round_.files.begin(), round_.files.end());
    round_.files.erase(std::unique(round_.files.begin(), round_.files.end()), round_.files.end());
}

void block_writer::advance_round(io::ring& ring, std::size_t depth) {
    if (!round_.active) return;
    while (!round_.error && in_flight_ < depth && round_.next < round_.files.size()) {
        auto file = files_.open(round_.files[round_.next++]);
        if (!file) {
            // No file: it was removed meanwhile, by us or by somebody else; reading will find that out.
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
    if (round_.in_flight == 0 && (round_.error || round_.next == round_.files.size())) end_round();
}

void block_writer::end_round() {
    if (!round_.error && !round_.files.empty()) {
        if (auto synced = files_.sync_names(); !synced) round_.error = synced.error();
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
                    space_.dead(blocks[i]->place);
                    unused.push_back(blocks[i]);
                    continue;
                }
                sealed_part& sealed = *table_.find(id)->sealed;
                sealed.marks[blocks[i]->number - sealed.first_block].place = blocks[i]->place;
                blocks[i]->durable = any = true;
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
    take_freed();
}

}  // namespace imago::consumequeue
