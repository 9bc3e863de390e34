// Options of the client, with defaults that suit most.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "imago/message.h"

namespace imago::client {

using std::chrono::milliseconds;

struct client_options {
    /// HOST:PORT or HOST (port 9092) or [V6]:PORT; any server of the cluster, the others are found through it.
    std::vector<std::string> brokers = {"127.0.0.1:9092"};
    std::string client_id = "imago";
    milliseconds connect_timeout{10'000};
    milliseconds request_timeout{30'000};  ///< for one request, sent and answered
    milliseconds retry_backoff{100};       ///< doubled with each attempt, up to a second
    milliseconds retry_timeout{60'000};    ///< for one call, with all its retries
    milliseconds metadata_max_age{300'000};
    std::size_t response_bytes_max = 256u << 20;  ///< a larger answer ends the connection
};

enum class codec : std::uint8_t { none = 0, gzip = 1, snappy = 2, lz4 = 3, zstd = 4 };

/// How a partition is chosen for a message that names none.
enum class partitioning : std::uint8_t {
    keyed_sticky,       ///< by key as Java does (murmur2); without a key the same one until its batch is full
    keyed_round_robin,  ///< by key as Java does (murmur2); without a key each in turn
    round_robin,        ///< each in turn, whatever the key
};

struct producer_options {
    std::int16_t acks = -1;          ///< -1 all, 1 the leader, 0 none (and no offsets in the reports)
    bool idempotent = true;          ///< no duplicates and no reordering by retries; needs acks -1
    codec compression = codec::none;
    partitioning partitioner = partitioning::keyed_sticky;
    std::size_t batch_bytes = 256u << 10;      ///< a batch is sent when it has this many bytes of records
    milliseconds linger{5};                    ///< or when its first message is this old
    std::size_t request_bytes = 4u << 20;      ///< batches of many partitions share a request up to this size
    std::size_t buffer_bytes = 64u << 20;      ///< all that is not acknowledged yet; then send waits
    int max_in_flight = 5;                     ///< requests for each broker; at most 5 if idempotent
    milliseconds delivery_timeout{120'000};    ///< from the message to its report
    /// One call for each batch whose fate is decided, on the client's thread; must not block.
    std::function<void(const delivery&)> on_delivery;
};

struct consumer_options {
    std::size_t fetch_bytes = 16u << 20;            ///< one answer
    std::size_t partition_bytes = 1u << 20;         ///< of one partition in one answer
    std::size_t min_bytes = 1;                      ///< the server waits for so much
    milliseconds max_wait{500};                     ///< or for so long
    std::size_t buffer_bytes = 64u << 20;           ///< fetched ahead of what was pulled
    bool read_committed = false;                    ///< leave out records of open and aborted transactions
    bool check_crc = true;                          ///< verify the CRC-32C of each batch
};

}  // namespace imago::client
