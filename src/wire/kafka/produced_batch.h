// Whether what a producer sent for one queue may be stored.
#pragma once

#include "base/record_batch.h"
#include "wire/compression.h"
#include "wire/kafka/error_code.h"

#include <cstdint>
#include <string_view>
#include <vector>

namespace imago::wire::kafka {

/// What the topic and the request allow.
struct produce_rules {
    std::size_t batch_bytes_max = 1048588;  // max.message.bytes
    bool zstd_allowed = true;               // from Produce version 7 on
    bool keys_required = false;             // a compacted topic
    bool log_append_time = false;  // records get the time of the append: what they bring does not matter
    unix_ms now = 0;
    std::int64_t before_max_ms = INT64_MAX;  // message.timestamp.before.max.ms
    std::int64_t after_max_ms = INT64_MAX;   // message.timestamp.after.max.ms
    decompress_limits limits;
};

/// A record for which the batch was refused. `text` is a literal.
struct record_fault {
    std::int32_t index = 0;
    std::string_view text;
};

struct produced_batch {
    kafka_error error = kafka_error::none;
    std::string_view text;             // why; a literal
    std::vector<record_fault> faults;  // of single records, at most record_faults_max

    // Known when there is no error:
    std::int32_t count = 0;
    unix_ms max_timestamp = -1;  // of the records; the header may say another: see set_max_timestamp()
    compression codec = compression::none;
};

inline constexpr std::size_t record_faults_max = 100;

/// Looks at `records`, the whole records field for one queue, as Kafka does before it appends: exactly one
/// batch v2 of allowed size with a right CRC, whose records are whole, in order and within the rules.
/// Compressed records are decompressed piece by piece to see that; memory does not depend on their size. Any
/// bytes may be given.
[[nodiscard]] produced_batch check_produced(byte_view records, const produce_rules& rules);

}  // namespace imago::wire::kafka
