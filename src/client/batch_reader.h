// Fetched bytes: whole batches out of them, and records out of those.
#pragma once

#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/record_batch.h"
#include "imago/message.h"
#include "imago/result.h"

namespace imago::client {

/// Reads the records of batches into memory of its own, which it uses again: what it gave is good until the next
/// read(). One thread.
class batch_reader {
public:
    /// The records with offset >= `from` of a whole batch, decompressed to at most `limit` bytes. Fails with
    /// corrupt_message on anything malformed, unsupported_compression_type on codec bits that are none.
    [[nodiscard]] result<std::span<const record>> read(batch_view batch, std::int64_t from, std::size_t limit);

private:
    std::vector<std::byte> uncompressed_;
    std::vector<record> records_;
    std::vector<header> headers_;
    std::vector<std::pair<std::size_t, std::size_t>> with_headers_;  // record, its first header
};

/// Cuts fetched bytes into whole batches, in order. A last one that is not whole is left out.
class batch_cursor {
public:
    explicit batch_cursor(byte_view bytes = {}) : left_(bytes) {}
    /// The next whole batch; empty at the end. A size that no batch can have ends it with bad() set.
    [[nodiscard]] byte_view next();
    [[nodiscard]] bool bad() const { return bad_; }

private:
    byte_view left_;
    bool bad_ = false;
};

}  // namespace imago::client
