#include "store/checkpoint.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <type_traits>

#include "base/check.h"
#include "base/checksum.h"

namespace imago::store {
namespace {

// head (first sector):  magic u32 | version u32 | sequence u64 | replay_from u64 | end u64 | next_queue u32 | pieces u32 |
//                       piece_bytes u64 | checksum u64
// piece i at head_bytes + i * piece_bytes: magic u32 | number u32 | sequence u64 | used u64 | checksum u64 (of the piece
//                       without this field) | content
// content of all pieces together: section*;  section := kind u8 | fields (see the put and take functions below)
constexpr std::uint32_t head_magic = 0x50434D49;   // "IMCP"
constexpr std::uint32_t piece_magic = 0x45504D49;  // "IMPE"
// 2: a mark says where its block lies.
constexpr std::uint32_t checkpoint_version = 2;
constexpr std::size_t head_bytes = 4096;
constexpr std::size_t head_described = 48;
constexpr std::size_t piece_head = 32;

enum section_kind : std::uint8_t { end_section = 0, table_section = 1, queue_section = 2, producer_section = 3, usage_section = 4 };

// Marks and entries are on disk what they are in memory, on the little-endian machines that we run on: most of a checkpoint
// is these, and is copied as a whole.
static_assert(std::is_trivially_copyable_v<consumequeue::block_mark> && sizeof(consumequeue::block_mark) == 40 &&
              offsetof(consumequeue::block_mark, first) == 0 && offsetof(consumequeue::block_mark, position) == 8 &&
              offsetof(consumequeue::block_mark, max_timestamp) == 16 && offsetof(consumequeue::block_mark, bytes_before) == 24 &&
              offsetof(consumequeue::block_mark, place) == 32 && offsetof(consumequeue::block_place, block) == 4);
static_assert(std::is_trivially_copyable_v<consumequeue::index_entry> && sizeof(consumequeue::index_entry) == 40 &&
              offsetof(consumequeue::index_entry, position) == 8 && offsetof(consumequeue::index_entry, max_timestamp) == 16 &&
              offsetof(consumequeue::index_entry, size) == 24 && offsetof(consumequeue::index_entry, count) == 28 &&
              offsetof(consumequeue::index_entry, tag_hash) == 32 && offsetof(consumequeue::index_entry, flags) == 36);

std::uint64_t piece_checksum(const std::byte* piece, std::size_t used) {
    return xxh3({piece + piece_head, used - piece_head}, xxh3({piece, piece_head - 8}));
}

}  // namespace

// ---- writing ----

checkpoint_writer::checkpoint_writer(io::disk& disk, io::file& file, std::uint64_t sequence, std::size_t piece_bytes)
    : disk_(disk), file_(file), sequence_(sequence), piece_bytes_(piece_bytes), piece_(make_aligned_bytes(piece_bytes)),
      used_(piece_head), offset_(head_bytes) {}

void checkpoint_writer::put(const void* bytes, std::size_t size) {
    const auto* from = static_cast<const std::byte*>(bytes);
    while (size > 0) {
        if (used_ == piece_bytes_) flush_piece();
        const std::size_t part = std::min(size, piece_bytes_ - used_);
        std::memcpy(piece_.get() + used_, from, part);
        used_ += part;
        from += part;
        size -= part;
    }
}

void checkpoint_writer::flush_piece() {
    std::byte* at = piece_.get();
    store_le<std::uint32_t>(at, piece_magic);
    store_le<std::uint32_t>(at + 4, pieces_);
    store_le<std::uint64_t>(at + 8, sequence_);
    store_le<std::uint64_t>(at + 16, used_);
    store_le<std::uint64_t>(at + 24, piece_checksum(at, used_));
    const std::size_t padded = round_up(used_, 4096);
    std::memset(at + used_, 0, padded - used_);
    if (!error_) {
        if (const auto written = disk_.write_at(file_, offset_, {at, padded}); !written) error_ = written.error();
    }
    offset_ += piece_bytes_;
    pieces_ += 1;
    used_ = piece_head;
}

void checkpoint_writer::section(std::uint8_t kind) { put(kind); }

void checkpoint_writer::table(table_id table, byte_view key, byte_view value) {
    section(table_section);
    put(static_cast<std::uint8_t>(table));
    put(static_cast<std::uint32_t>(key.size()));
    put(static_cast<std::uint32_t>(value.size()));
    put(key.data(), key.size());
    put(value.data(), value.size());
}

void checkpoint_writer::queue(const consumequeue::queue_snapshot& queue) {
    section(queue_section);
    put(queue.id.value);
    put(queue.start.value);
    put(queue.end.value);
    put(queue.first_block);
    put(queue.bytes_total);
    put(queue.tail_first.value);
    put(static_cast<std::uint32_t>(queue.marks.size()));
    put(static_cast<std::uint32_t>(queue.tail.size()));
    put(queue.marks.data(), queue.marks.size() * sizeof(consumequeue::block_mark));
    put(queue.tail.data(), queue.tail.size() * sizeof(consumequeue::index_entry));
}

void checkpoint_writer::producer(const producer_state& producer) {
    section(producer_section);
    put(producer.queue.value);
    put(producer.producer_id);
    put(producer.epoch);
    put(producer.last_used);
    put(producer.count);
    for (std::size_t i = 0; i < producer.count; ++i) {
        put(producer.batches[i].first_sequence);
        put(producer.batches[i].last_sequence);
        put(producer.batches[i].base.value);
        put(producer.batches[i].time);
    }
}

void checkpoint_writer::usage(const segment_usage& usage) {
    section(usage_section);
    put(usage.base.value);
    put(static_cast<std::uint32_t>(usage.entries.size()));
    for (const usage_entry& entry : usage.entries) {
        put(entry.queue.value);
        put(entry.end.value);
        put(entry.max_timestamp);
        put(entry.bytes);
    }
}

// ---- reading ----

namespace {

/// The content of verified pieces as one stream.
class piece_stream {
public:
    piece_stream(io::disk& disk, io::file& file, std::uint32_t pieces, std::size_t piece_bytes)
        : disk_(disk), file_(file), pieces_(pieces), piece_bytes_(piece_bytes), piece_(make_aligned_bytes(piece_bytes)) {}

    bool take(void* bytes, std::size_t size) {
        auto* to = static_cast<std::byte*>(bytes);
        while (size > 0) {
            if (at_ == used_ && !next()) return false;
            const std::size_t part = std::min(size, used_ - at_);
            std::memcpy(to, piece_.get() + at_, part);
            at_ += part;
            to += part;
            size -= part;
        }
        return true;
    }
    template <class T>
    bool take(T& value) { return take(&value, sizeof value); }

private:
    bool next() {
        if (number_ == pieces_) return false;
        const std::uint64_t offset = head_bytes + std::uint64_t{number_} * piece_bytes_;
        const auto got = disk_.read_at(file_, offset, {piece_.get(), piece_bytes_});
        if (!got || *got < piece_head) return false;
        number_ += 1;
        at_ = piece_head;
        used_ = load_le<std::uint64_t>(piece_.get() + 16);
        return used_ <= *got;
    }

    io::disk& disk_;
    io::file& file_;
    std::uint32_t pieces_;
    std::size_t piece_bytes_;
    aligned_bytes piece_;
    std::uint32_t number_ = 0;
    std::size_t at_ = 0;
    std::size_t used_ = 0;
};

bool take_queue(piece_stream& in, consumequeue::queue_snapshot& queue) {
    std::uint32_t marks = 0;
    std::uint32_t tail = 0;
    if (!in.take(queue.id.value) || !in.take(queue.start.value) || !in.take(queue.end.value) || !in.take(queue.first_block) ||
        !in.take(queue.bytes_total) || !in.take(queue.tail_first.value) || !in.take(marks) || !in.take(tail)) {
        return false;
    }
    for (std::uint32_t i = 0; i < marks; ++i) {
        consumequeue::block_mark mark{};
        if (!in.take(mark.first.value) || !in.take(mark.position.value) || !in.take(mark.max_timestamp) ||
            !in.take(mark.bytes_before) || !in.take(mark.place.file) || !in.take(mark.place.block)) {
            return false;
        }
        queue.marks.push_back(mark);
    }
    for (std::uint32_t i = 0; i < tail; ++i) {
        consumequeue::index_entry entry;
        if (!in.take(entry.base.value) || !in.take(entry.position.value) || !in.take(entry.max_timestamp) ||
            !in.take(entry.size) || !in.take(entry.count) || !in.take(entry.tag_hash) || !in.take(entry.flags)) {
            return false;
        }
        queue.tail.push_back(entry);
    }
    return true;
}

bool take_producer(piece_stream& in, producer_state& producer) {
    if (!in.take(producer.queue.value) || !in.take(producer.producer_id) || !in.take(producer.epoch) ||
        !in.take(producer.last_used) || !in.take(producer.count) || producer.count > producer.batches.size()) {
        return false;
    }
    for (std::size_t i = 0; i < producer.count; ++i) {
        producer_batch& batch = producer.batches[i];
        if (!in.take(batch.first_sequence) || !in.take(batch.last_sequence) || !in.take(batch.base.value) ||
            !in.take(batch.time)) {
            return false;
        }
    }
    return true;
}

bool take_usage(piece_stream& in, segment_usage& usage) {
    std::uint32_t count = 0;
    if (!in.take(usage.base.value) || !in.take(count)) return false;
    for (std::uint32_t i = 0; i < count; ++i) {
        usage_entry entry;
        if (!in.take(entry.queue.value) || !in.take(entry.end.value) || !in.take(entry.max_timestamp) || !in.take(entry.bytes)) {
            return false;
        }
        usage.entries.push_back(entry);
    }
    return true;
}

}  // namespace

result<std::unique_ptr<checkpoint_files>> checkpoint_files::open(io::disk& disk, const std::string& directory,
                                                                 std::size_t piece_bytes) {
    std::unique_ptr<checkpoint_files> files(new checkpoint_files(disk, piece_bytes));
    IMAGO_CHECK(disk.make_directories(directory));
    const aligned_bytes head = make_aligned_bytes(io::sector_size);
    for (int i = 0; i < 2; ++i) {
        slot& slot = files->slots_[i];
        IMAGO_TRY(slot.file, disk.open(directory + (i == 0 ? "/checkpoint.a" : "/checkpoint.b"),
                                       {.write = true, .create = true, .direct = true}));
        const auto got = disk.read_at(*slot.file, 0, {head.get(), io::sector_size});
        if (!got || *got < head_described + 8) continue;
        const std::byte* at = head.get();
        if (load_le<std::uint32_t>(at) != head_magic) continue;
        if (load_le<std::uint64_t>(at + head_described) != xxh3({at, head_described})) continue;
        if (const auto version = load_le<std::uint32_t>(at + 4); version != checkpoint_version) {
            files->other_version_ = version;
            continue;
        }
        if (load_le<std::uint64_t>(at + 40) != piece_bytes) continue;
        slot.head = checkpoint_head{load_le<std::uint64_t>(at + 8), {load_le<std::uint64_t>(at + 16)},
                                    {load_le<std::uint64_t>(at + 24)}, load_le<std::uint32_t>(at + 32)};
        slot.pieces = load_le<std::uint32_t>(at + 36);
        files->sequence_ = std::max(files->sequence_, slot.head->sequence);
    }
    IMAGO_CHECK(disk.sync_directory(directory));
    return files;
}

bool checkpoint_files::verify(slot& slot) {
    const aligned_bytes piece = make_aligned_bytes(piece_bytes_);
    for (std::uint32_t i = 0; i < slot.pieces; ++i) {
        const auto got = disk_.read_at(*slot.file, head_bytes + std::uint64_t{i} * piece_bytes_, {piece.get(), piece_bytes_});
        if (!got || *got < piece_head) return false;
        const std::byte* at = piece.get();
        const auto used = load_le<std::uint64_t>(at + 16);
        if (load_le<std::uint32_t>(at) != piece_magic || load_le<std::uint32_t>(at + 4) != i ||
            load_le<std::uint64_t>(at + 8) != slot.head->sequence || used < piece_head || used > *got ||
            load_le<std::uint64_t>(at + 24) != piece_checksum(at, used)) {
            return false;
        }
    }
    return true;
}

bool checkpoint_files::parse(slot& slot, checkpoint_visitor& visitor) {
    piece_stream in(disk_, *slot.file, slot.pieces, piece_bytes_);
    std::vector<std::byte> bytes;
    for (;;) {
        std::uint8_t kind = 0;
        if (!in.take(kind)) return false;
        if (kind == end_section) return true;
        if (kind == table_section) {
            std::uint8_t table = 0;
            std::uint32_t key = 0;
            std::uint32_t value = 0;
            if (!in.take(table) || !in.take(key) || !in.take(value)) return false;
            bytes.resize(std::size_t{key} + value);
            if (!in.take(bytes.data(), bytes.size())) return false;
            visitor.on_table(static_cast<table_id>(table), byte_view(bytes).first(key), byte_view(bytes).subspan(key));
        } else if (kind == queue_section) {
            consumequeue::queue_snapshot queue;
            if (!take_queue(in, queue)) return false;
            visitor.on_queue(std::move(queue));
        } else if (kind == producer_section) {
            producer_state producer;
            if (!take_producer(in, producer)) return false;
            visitor.on_producer(producer);
        } else if (kind == usage_section) {
            segment_usage usage;
            if (!take_usage(in, usage)) return false;
            visitor.on_usage(std::move(usage));
        } else {
            return false;
        }
    }
}

int checkpoint_files::older() const {
    if (!slots_[0].head) return 0;
    if (!slots_[1].head) return 1;
    return slots_[0].head->sequence < slots_[1].head->sequence ? 0 : 1;
}

std::optional<checkpoint_head> checkpoint_files::load(checkpoint_visitor& visitor) {
    for (const int i : {1 - older(), older()}) {
        slot& slot = slots_[i];
        if (!slot.head) continue;
        if (!verify(slot)) {
            slot.head.reset();
            continue;
        }
        // A verified stream that does not parse was written by another version of this code: nothing was applied that
        // replay from an earlier point would not set right, but do not build on it.
        if (!parse(slot, visitor)) return std::nullopt;
        return slot.head;
    }
    return std::nullopt;
}

checkpoint_writer checkpoint_files::begin() {
    return checkpoint_writer(disk_, *slots_[older()].file, sequence_ + 1, piece_bytes_);
}

result<> checkpoint_files::commit(checkpoint_writer& writer, checkpoint_head head) {
    writer.section(end_section);
    writer.flush_piece();
    if (writer.error()) return fail(writer.error());
    slot& slot = slots_[older()];
    IMAGO_ASSERT(&writer.file_ == slot.file.get());
    IMAGO_CHECK(disk_.sync(*slot.file));
    head.sequence = sequence_ + 1;
    const aligned_bytes bytes = make_aligned_bytes(io::sector_size);
    std::byte* at = bytes.get();
    std::memset(at, 0, io::sector_size);
    store_le<std::uint32_t>(at, head_magic);
    store_le<std::uint32_t>(at + 4, checkpoint_version);
    store_le<std::uint64_t>(at + 8, head.sequence);
    store_le<std::uint64_t>(at + 16, head.replay_from.value);
    store_le<std::uint64_t>(at + 24, head.end.value);
    store_le<std::uint32_t>(at + 32, head.next_queue_id);
    store_le<std::uint32_t>(at + 36, writer.pieces_);
    store_le<std::uint64_t>(at + 40, piece_bytes_);
    store_le<std::uint64_t>(at + head_described, xxh3({at, head_described}));
    slot.head.reset();
    IMAGO_CHECK(disk_.write_at(*slot.file, 0, {at, io::sector_size}));
    IMAGO_CHECK(disk_.sync(*slot.file));
    sequence_ = head.sequence;
    slot.head = head;
    slot.pieces = writer.pieces_;
    return {};
}

log_position checkpoint_files::needed_from() const {
    // Without two good checkpoints the log itself is the only other source: everything in it is needed.
    if (!slots_[0].head || !slots_[1].head) return {0};
    return std::min(slots_[0].head->replay_from, slots_[1].head->replay_from);
}

}  // namespace imago::store
