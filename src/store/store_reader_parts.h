// The inside of store_reader.
#pragma once

#include "store/store_reader.h"

namespace imago::store {

/// A contiguous part of one segment, holding one or more of the wanted frames.
struct store_reader::piece : log_range {
    std::size_t first = 0;  ///< entries [first, last) of the fetch
    std::size_t last = 0;
    fetch* owner = nullptr;
    // What came:
    bool arrived = false;
    std::error_code error;
    std::uint64_t transferred = 0;
    std::shared_ptr<std::byte[]> bytes;  ///< a part of what was read, which it holds all of; or a copy
    // Read ahead, and wanted before it came: by this piece of a fetch.
    piece* borrower = nullptr;
};

/// One read of the disk, for one or more pieces.
struct store_reader::disk_read {
    store_reader* self = nullptr;
    log_range range;
    std::vector<piece*> pieces;
    std::shared_ptr<std::byte[]> bytes;
    io::request request;
};

struct store_reader::fetch {
    store_reader* self = nullptr;
    read_request* read = nullptr;  ///< neither read nor time: read ahead
    time_request* time = nullptr;
    queue_id queue;
    const void* consumer = nullptr;
    std::vector<consumequeue::index_entry> entries;
    std::vector<piece> pieces;  ///< unmoved once reading began
    std::size_t pending = 0;
    // A block of the index on its way:
    consumequeue::block_ref ref;
    aligned_bytes block_bytes;
    std::shared_ptr<io::file> block_file;
    io::request block_request;
    bool block_pending = false;
    // Reading ahead:
    queue_offset from;
    queue_offset end;            ///< of the last entry that is read; `from` until that is known
    std::size_t max_bytes = 0;
    std::uint64_t charged = 0;   ///< of ahead_bytes_
    bool dropped = false;        ///< goes away once nothing of it is under way

    [[nodiscard]] bool is_ahead() const { return read == nullptr && time == nullptr; }
    [[nodiscard]] bool under_way() const { return pending > 0 || block_pending; }
};

/// Somebody who reads a queue from the disk, one request after the other.
struct store_reader::stream {
    queue_id queue;
    queue_offset next;          ///< where the next request will begin
    std::vector<fetch*> ahead;  ///< in order, the first one begins at or before `next`
};

}  // namespace imago::store
