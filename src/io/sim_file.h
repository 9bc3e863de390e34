// The content of one file on the simulated disk, and what a crash makes of it.
//
//   pages     the content as readers see it now, 4 KiB each; holes and untouched zeros take no memory
//   earlier   for each write that is not durable and each sector of it: what the sector held before
//   changes   sizes and holes that are not durable, in order, with the pages they took away
//
// So a write costs its own size, a sync forgets, and a crash walks over what is not durable: never over the
// file.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "io/disk.h"
#include "io/sim_random.h"

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

namespace imago::io {

inline constexpr std::size_t sim_page_size = 4096;

struct sim_page {
    struct earlier_sector {
        std::uint64_t sequence;  ///< of the write that replaced it
        std::uint32_t sector;    ///< within the page
        bool lost;               ///< a sync failed: no later sync makes that write durable
        std::array<std::byte, sector_size> bytes;
    };
    std::array<std::byte, sim_page_size> bytes;
    std::vector<earlier_sector> earlier;  ///< in the order of the writes
    bool listed = false;                  ///< in its file's list of pages with earlier sectors
};

/// Gives out pages and takes them back, and counts the space of the disk.
class sim_pages {
public:
    /// A page of zeros that is never written: stands for allocated space that nobody wrote to yet.
    static sim_page* zeros();
    sim_page* take();
    void give_back(sim_page* page);

    std::uint64_t capacity = UINT64_MAX;
    std::uint64_t used = 0;

private:
    std::vector<std::unique_ptr<sim_page>> all_;
    std::vector<sim_page*> free_;
};

class sim_content {
public:
    explicit sim_content(sim_pages& pages) : pages_(pages) {}
    ~sim_content();
    sim_content(const sim_content&) = delete;
    sim_content& operator=(const sim_content&) = delete;

    [[nodiscard]] std::uint64_t size() const { return size_; }
    /// Counts writes and changes; a sync covers those up to the value when it started.
    [[nodiscard]] std::uint64_t sequence() const { return sequence_; }
    [[nodiscard]] std::uint64_t space() const { return space_; }

    std::size_t read(std::uint64_t offset, byte_span into) const;
    /// Fails with ENOSPC when the disk is full; what fitted is written then.
    result<> write(std::uint64_t offset, byte_view bytes, bool durable);
    result<> allocate(std::uint64_t offset, std::uint64_t size);
    void truncate(std::uint64_t size);
    void punch_hole(std::uint64_t offset, std::uint64_t size);
    void sync(std::uint64_t up_to);
    /// A sync that failed: the writes stay readable, but only writing them again can make them durable.
    void fail_sync(std::uint64_t up_to);
    /// Changes stored bytes behind everybody's back.
    void overwrite(std::uint64_t offset, byte_view bytes);

    /// The content after a power loss; everything that is left is durable.
    void crash(sim_random& random);
    /// After crash(): a write that was under way. Each sector comes back old, new or garbage.
    void tear(std::uint64_t offset, byte_view bytes, sim_random& random);

private:
    struct change {
        std::uint64_t sequence;
        std::uint64_t size_before;
        std::size_t first_page;
        std::vector<sim_page*> pages_before;  // empty: the file only grew
    };

    sim_page* page_at(std::size_t index) const { return index < table_.size() ? table_[index] : nullptr; }
    void set_page(std::size_t index, sim_page* page);
    bool reserve_page(std::size_t index);
    sim_page& own_page(std::size_t index);
    void list_page(std::size_t index, sim_page& page);
    void keep_earlier(std::size_t index, sim_page& page, std::size_t from, std::size_t to);
    void grow(std::uint64_t size, bool durable, bool log);
    void erase(std::uint64_t from, std::uint64_t to);
    bool overwrites_settled_space(std::uint64_t offset, std::size_t size) const;
    void forget_changes(std::uint64_t up_to);
    void undo_last_change();
    void cut_pages();
    void release(sim_page* page);

    sim_pages& pages_;
    std::uint64_t size_ = 0;
    std::uint64_t sequence_ = 0;
    std::uint64_t space_ = 0;       // bytes of pages that are no hole
    std::vector<sim_page*> table_;  // null: a hole
    std::vector<std::size_t>
        unsettled_;  // pages with earlier sectors; may name a page twice or a settled one
    std::vector<change> changes_;
};

}  // namespace imago::io
