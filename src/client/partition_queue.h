// The batches of one partition on their way to the server: order, sequence numbers and retries, without any I/O.
#pragma once

#include <cstdint>
#include <deque>
#include <system_error>
#include <vector>

#include "client/outgoing_batch.h"

namespace imago::client {

/// Keeps the order of a partition's batches through failures.
///
/// Batches are sent from the front, at most `max_in_flight` at a time, with rising sequence numbers. When one comes
/// back to be sent again, nothing more is sent until all others are back too; then sending starts over at the front,
/// so that what the server has already written is recognised by its sequence, and what it refused follows in order.
/// Without idempotence order is kept by one batch in flight. One thread.
class partition_queue {
public:
    partition_queue(bool idempotent, int max_in_flight)
        : idempotent_(idempotent), max_in_flight_(idempotent ? max_in_flight : 1) {}

    void push(batch_ptr batch) { batches_.push_back(std::move(batch)); }

    [[nodiscard]] bool empty() const { return batches_.empty(); }
    [[nodiscard]] std::size_t size() const { return batches_.size(); }
    [[nodiscard]] int in_flight() const { return in_flight_; }
    [[nodiscard]] outgoing_batch* front() { return batches_.empty() ? nullptr : batches_.front().get(); }
    /// The batch that next_to_send() would give.
    [[nodiscard]] outgoing_batch* peek();
    /// Whether a batch pushed now could be sent at once.
    [[nodiscard]] bool can_send_next() const {
        return !draining_ && in_flight_ < max_in_flight_ && static_cast<std::size_t>(in_flight_) == batches_.size();
    }
    /// The next batch to be sent now, stamped and counted as in flight; null if there is none or it must wait.
    [[nodiscard]] outgoing_batch* next_to_send(producer_identity who);

    struct outcome {
        batch_ptr done;               ///< its fate is decided: report it with `error`
        std::error_code error;
        bool new_identity = false;    ///< sequence numbers are broken: reset() with a new identity before going on
    };
    /// The server wrote it.
    [[nodiscard]] outcome acknowledged(outgoing_batch& batch);
    /// The answer says that it was not written. `retry` = the error may pass.
    [[nodiscard]] outcome refused(outgoing_batch& batch, std::error_code error, bool retry);
    /// No answer will come.
    [[nodiscard]] outcome lost(outgoing_batch& batch);
    /// Gives up the front batch if its deadline has passed; only when nothing is in flight.
    [[nodiscard]] outcome expire(steady_time now);
    /// A new producer identity: sequences start at 0. Batches that may have been written under the old one must not
    /// be sent again; they are handed out. Only when nothing is in flight.
    [[nodiscard]] std::vector<batch_ptr> reset();
    /// Takes all out, to be failed.
    [[nodiscard]] std::vector<batch_ptr> take_all();

private:
    [[nodiscard]] batch_ptr remove(const outgoing_batch& batch);
    void back(outgoing_batch& batch);
    void settle();

    bool idempotent_;
    int max_in_flight_;
    int in_flight_ = 0;
    bool draining_ = false;        // a batch came back: wait for the others before sending again
    bool resequence_ = false;      // a sequenced batch left without being written: close the gap when drained
    std::int32_t next_sequence_ = 0;
    std::int32_t gap_sequence_ = 0;
    std::deque<batch_ptr> batches_;
};

/// `sequence + count`, wrapping from the largest int32 to 0 as servers do.
[[nodiscard]] std::int32_t advance_sequence(std::int32_t sequence, std::int32_t count);

}  // namespace imago::client
