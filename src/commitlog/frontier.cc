#include "commitlog/frontier.h"

#include <cstring>

#include "base/check.h"
#include "base/checksum.h"

namespace imago::commitlog {
namespace {

// slot := magic u32 | version u32 | sequence u64 | frontier u64 | clean u64 | checksum u64; slots at 0 and 4096
constexpr std::uint32_t frontier_magic = 0x54524D49;  // "IMRT"
constexpr std::size_t slot_bytes = 4096;
constexpr std::size_t slot_described = 32;

}  // namespace

result<std::unique_ptr<frontier_file>> frontier_file::open(io::disk& disk, const std::string& path) {
    auto opened = std::make_unique<frontier_file>();
    IMAGO_TRY(opened->file_, disk.open(path, {.write = true, .create = true, .direct = true}));
    IMAGO_TRY(const std::uint64_t size, disk.size(*opened->file_));
    if (size < 2 * slot_bytes) IMAGO_CHECK(disk.allocate(*opened->file_, 0, 2 * slot_bytes));
    opened->slot_ = make_aligned_bytes(slot_bytes);
    for (std::uint64_t i = 0; i < 2; ++i) {
        const byte_span slot{opened->slot_.get(), io::sector_size};
        const auto got = disk.read_at(*opened->file_, i * slot_bytes, slot);
        if (!got || *got < slot_described + 8) continue;
        if (load_le<std::uint32_t>(slot.data()) != frontier_magic) continue;
        if (load_le<std::uint64_t>(slot.data() + slot_described) != xxh3(slot.first(slot_described))) continue;
        const auto sequence = load_le<std::uint64_t>(slot.data() + 8);
        if (sequence < opened->sequence_) continue;
        opened->sequence_ = sequence;
        opened->stored_ = {load_le<std::uint64_t>(slot.data() + 16)};
        opened->clean_ = load_le<std::uint64_t>(slot.data() + 24) == 1;
    }
    std::memset(opened->slot_.get(), 0, slot_bytes);
    return opened;
}

void frontier_file::fill_slot(log_position frontier, bool clean) {
    sequence_ += 1;
    stored_ = frontier;
    clean_ = clean;
    std::byte* at = slot_.get();
    store_le<std::uint32_t>(at, frontier_magic);
    store_le<std::uint32_t>(at + 4, 1);
    store_le<std::uint64_t>(at + 8, sequence_);
    store_le<std::uint64_t>(at + 16, frontier.value);
    store_le<std::uint64_t>(at + 24, clean ? 1 : 0);
    store_le<std::uint64_t>(at + slot_described, xxh3({at, slot_described}));
}

void frontier_file::stamp(io::ring& ring, log_position frontier) {
    IMAGO_ASSERT(!writing_);
    fill_slot(frontier, false);
    request_.what = io::request::kind::write;
    request_.durable = true;
    request_.target = file_.get();
    request_.offset = (sequence_ % 2) * slot_bytes;
    request_.data = slot_.get();
    request_.size = io::sector_size;
    request_.context = this;
    request_.done = [](io::request& request) { static_cast<frontier_file*>(request.context)->writing_ = false; };
    writing_ = true;
    ring.submit(request_);
}

result<> frontier_file::stamp_now(io::disk& disk, log_position frontier, bool clean) {
    IMAGO_ASSERT(!writing_);
    fill_slot(frontier, clean);
    IMAGO_CHECK(disk.write_at(*file_, (sequence_ % 2) * slot_bytes, {slot_.get(), io::sector_size}));
    return disk.sync(*file_);
}

}  // namespace imago::commitlog
