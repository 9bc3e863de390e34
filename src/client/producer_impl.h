// Inside the producer: where messages wait, and what wakes the requests that carry them away.
//
//   try_send -> partition.open (a batch being filled) --full, or linger passed--> partition.queue --pump--> request
//
// A lane is the way to one server; a partition is in the lane of its leader. Trouble (a lost connection, a new leader)
// takes partitions out of their lanes; recover() finds their leaders and puts them back. All on one thread.
#pragma once

#include <deque>
#include <list>
#include <unordered_map>

#include "client/background.h"
#include "client/partition_queue.h"
#include "client/partitioner.h"
#include "imago/async.h"
#include "wire/kafka/produce.h"

namespace imago::client {

struct partition_state {
    producer::topic* home = nullptr;
    std::int32_t index = 0;
    std::int32_t leader = -1;
    batch_ptr open;              ///< being filled; has at least one message
    steady_time due{};           ///< when the open batch is sent even if not full
    bool overdue = false;        ///< that time has passed, or flush() does not wait for it
    bool lingering = false;      ///< in the list of those that wait for it
    partition_queue queue;
    bool ready = false;          ///< in the ready list of its lane
    bool troubled = false;       ///< in the care of recover()
    std::list<partition_state*>::iterator place{};  ///< there

    partition_state(bool idempotent, int in_flight) : queue(idempotent, in_flight) {}
};

struct producer::topic {
    std::string name;
    std::array<std::uint8_t, 16> id{};
    std::deque<partition_state> partitions;  ///< grows, never moves
    partitioner chooser;
    steady_time refreshed{};

    topic(std::string n, partitioning kind, std::uint32_t seed) : name(std::move(n)), chooser(kind, seed) {}
};

struct producer::impl : background<producer::impl> {
    struct sent_batch {
        partition_state* partition;
        outgoing_batch* batch;
    };
    /// One Produce request and what it carries. Reused.
    struct exchange {
        wire::kafka::produce_request request;
        std::vector<sent_batch> batches;  ///< in the order of the request
        std::size_t bytes = 0;
    };
    struct lane {
        std::int32_t id = -1;
        connection_ptr to;
        bool connecting = false;
        int in_flight = 0;
        std::deque<partition_state*> ready;  ///< has a batch that may go, or an open one that is due
    };

    impl(asio::any_io_executor where, client_options options, producer_options how);

    [[nodiscard]] asio::awaitable<result<topic*>> open_topic(std::string name);
    [[nodiscard]] result<> try_send(topic& where, const message& what);
    [[nodiscard]] asio::awaitable<result<>> room();
    [[nodiscard]] asio::awaitable<result<>> flush();
    [[nodiscard]] asio::awaitable<void> close();

    // Filling batches (producer.cc)
    [[nodiscard]] batch_ptr new_batch();
    void recycle(batch_ptr batch);
    void start_batch(partition_state& partition);
    void seal(partition_state& partition);
    void stop_lingering(partition_state& partition);
    void arm_linger();
    void on_linger();
    void adopt(topic& into, const topic_info& info);

    // Sending (producer_send.cc)
    void make_ready(partition_state& partition);
    void pump(lane& to);
    [[nodiscard]] asio::awaitable<void> connect(lane& to);
    [[nodiscard]] std::unique_ptr<exchange> gather(lane& from);
    void add(exchange& into, partition_state& partition);
    [[nodiscard]] asio::awaitable<void> carry(lane& by, connection_ptr to, std::unique_ptr<exchange> load);
    void settle(exchange& load, const wire::kafka::produce_response& response, bool by_id);
    void lost(exchange& load);
    void decide(partition_state& partition, outgoing_batch& batch, std::error_code error, std::int64_t base_offset);
    void finish(partition_state& partition, partition_queue::outcome& outcome, std::int64_t base_offset);
    void report(partition_state& partition, batch_ptr batch, std::error_code error, std::int64_t base_offset);

    // Trouble and identity (producer_recover.cc)
    void trouble(partition_state& partition);
    [[nodiscard]] asio::awaitable<void> recover();
    void need_identity();
    [[nodiscard]] asio::awaitable<void> acquire_identity();
    void expire_all();
    void end(std::error_code why);

    producer_options how_;
    std::error_code ended_;  ///< set: nothing is taken or sent any more

    std::unordered_map<std::string, std::unique_ptr<topic>> topics_;
    std::map<std::int32_t, lane> lanes_;
    std::list<partition_state*> lingering_;  ///< partitions with an open batch, oldest first
    std::list<partition_state*> linger_spares_;
    asio::steady_timer linger_;
    bool linger_armed_ = false;
    bool flushing_ = false;

    producer_identity identity_;
    bool identity_ready_ = false;
    bool acquiring_ = false;

    std::vector<partition_state*> troubled_;
    bool recovering_ = false;

    std::size_t buffered_ = 0;       ///< bytes of batches, open, queued or sent
    std::size_t outstanding_ = 0;    ///< batches not yet decided, the open ones included
    int in_flight_ = 0;              ///< requests, over all lanes
    event changed_;                  ///< room was made, or something was decided
    std::vector<batch_ptr> spare_batches_;
    std::vector<std::unique_ptr<exchange>> spare_exchanges_;
    producer::statistics counted_;
};

}  // namespace imago::client
