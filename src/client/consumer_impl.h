// Inside the consumer: one fetch at a time to each server, whose answers wait, undecoded, to be pulled.
//
//   lane (a server) --Fetch--> chunk (one partition's bytes of one answer) --pull--> batch -> records
//
// Where the next fetch starts is known from the headers of the batches, so that fetching runs ahead of pulling until
// buffer_bytes wait. All on one thread.
#pragma once

#include <deque>
#include <map>
#include <set>

#include "client/background.h"
#include "client/batch_reader.h"
#include "imago/async.h"
#include "wire/kafka/fetch.h"

namespace imago::client {

struct consumer::impl : background<consumer::impl> {
    struct partition {
        topic_partition where;
        std::int64_t position = 0;      ///< the next record that pull() gives
        std::int64_t fetch_offset = 0;  ///< the next that is asked for
        std::int64_t end_offset = -1;
        std::uint64_t generation = 0;   ///< changes with each seek: chunks of an older one are stale
        std::int32_t leader = -1;
        bool troubled = true;           ///< its leader must be looked up
        bool paused = false;
        bool error_told = false;
        std::error_code error;
    };
    using partition_ptr = std::shared_ptr<partition>;
    struct aborted {
        std::int64_t producer_id;
        std::int64_t first_offset;
    };
    struct chunk {
        partition_ptr of;
        std::uint64_t generation = 0;
        frame_handle frame;
        std::size_t charged = 0;
        batch_cursor batches;
        std::vector<aborted> aborts;           ///< by first offset; those at the front begin first
        std::set<std::int64_t> aborting;       ///< producers whose transaction at this point was aborted
    };
    struct lane {
        std::int32_t id = -1;
        bool running = false;
        std::int64_t turn = 0;
    };

    impl(asio::any_io_executor where, client_options options, consumer_options how);

    [[nodiscard]] asio::awaitable<result<>> assign(topic_partition where, std::int64_t offset);
    [[nodiscard]] result<> place(topic_partition where, std::int64_t offset);
    void pause(const topic_partition& where, bool paused);
    [[nodiscard]] result<> seek(const topic_partition& where, std::int64_t offset);
    [[nodiscard]] asio::awaitable<result<pulled>> pull(milliseconds max_wait);
    [[nodiscard]] asio::awaitable<void> close();
    void end();

    // Fetching (consumer_fetch.cc)
    void kick();
    [[nodiscard]] asio::awaitable<void> fetch_from(lane& by);
    [[nodiscard]] std::vector<partition_ptr> wanted_from(lane& by);
    void take(const std::vector<partition_ptr>& asked, const answer<wire::kafka::fetch_response>& got);
    void take_partition(const partition_ptr& of, const frame_handle& frame,
                        const wire::kafka::fetch_response::fetchable_topic_response::partition_data& data);
    void trouble(partition& of);
    [[nodiscard]] asio::awaitable<void> recover();

    // Decoding (consumer.cc)
    [[nodiscard]] bool next_records(chunk& from, pulled& into);
    [[nodiscard]] bool skipped_as_aborted(chunk& from, batch_view batch);

    consumer_options how_;
    bool ended_ = false;
    std::map<topic_partition, partition_ptr> partitions_;
    std::map<std::int32_t, lane> lanes_;
    std::deque<chunk> chunks_;
    std::size_t buffered_ = 0;
    bool recovering_ = false;
    std::error_code unreachable_;  ///< why the leaders could not be found, while they cannot
    event changed_;
    bool woken_ = false;
    batch_reader reader_;
};

}  // namespace imago::client
