// What is sent and what is received. Views everywhere: nothing here owns bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>

namespace imago::client {

/// Milliseconds since 1970-01-01 UTC; -1 = none given.
using timestamp_ms = std::int64_t;

struct header {
    std::string_view name;
    std::optional<std::string_view> value;  ///< none = null, which is not the same as empty
};

/// A message to be sent. Its bytes are copied by the call that takes it.
struct message {
    std::optional<std::string_view> key;    ///< none = null; a key also chooses the partition
    std::optional<std::string_view> value;  ///< none = null, a tombstone in a compacted topic
    std::span<const header> headers;
    timestamp_ms timestamp = -1;  ///< -1 = now
    std::int32_t partition = -1;  ///< -1 = the partitioner's choice
    std::uint64_t tag = 0;        ///< comes back in the delivery report
};

/// A message that was received. Views into the chunk that it came in.
struct record {
    std::int64_t offset = 0;
    timestamp_ms timestamp = -1;
    std::optional<std::string_view> key;
    std::optional<std::string_view> value;
    std::span<const header> headers;
};

/// What became of the messages of one batch: all of them, in order, have the same fate.
struct delivery {
    std::string_view topic;
    std::int32_t partition = -1;
    std::error_code error;                  ///< no error: written, and acknowledged as acks asked
    std::int64_t base_offset = -1;          ///< of the first message; -1 = not known (acks=0, or an old duplicate)
    std::span<const std::uint64_t> tags;    ///< one for each message; message i has offset base_offset + i
    std::size_t bytes = 0;                  ///< of keys and values

    [[nodiscard]] std::int64_t offset_of(std::size_t i) const {
        return base_offset < 0 ? -1 : base_offset + static_cast<std::int64_t>(i);
    }
};

}  // namespace imago::client
