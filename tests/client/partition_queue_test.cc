#include "client/partition_queue.h"

#include <string>

#include "imago/errors.h"
#include "support/catch.h"

using namespace imago;
using namespace imago::client;

namespace {

constexpr producer_identity me{7, 0};
const std::error_code too_large = make_error_code(kafka_errc::message_too_large);
const std::error_code out_of_order = make_error_code(kafka_errc::out_of_order_sequence_number);
const std::error_code not_leader = make_error_code(kafka_errc::not_leader_or_follower);

batch_ptr batch_of(int count, steady_time deadline = steady_time::max()) {
    auto batch = std::make_unique<outgoing_batch>();
    for (int i = 0; i < count; ++i) {
        message m;
        m.value = "v";
        REQUIRE(batch->append(m, 1, 1 << 20));
    }
    batch->deadline = deadline;
    return batch;
}

std::int32_t stamped(const outgoing_batch& batch) { return batch_view(batch.bytes()).base_sequence(); }

}  // namespace

TEST_CASE("five batches go out in order and no more", "[client]") {
    partition_queue queue(true, 5);
    for (int i = 0; i < 7; ++i) queue.push(batch_of(3));
    outgoing_batch* sent[5];
    for (int i = 0; i < 5; ++i) {
        sent[i] = queue.next_to_send(me);
        REQUIRE(sent[i] != nullptr);
        CHECK(stamped(*sent[i]) == 3 * i);
    }
    CHECK(queue.next_to_send(me) == nullptr);
    CHECK(queue.acknowledged(*sent[0]).done.get() == sent[0]);
    outgoing_batch* next = queue.next_to_send(me);
    REQUIRE(next != nullptr);
    CHECK(stamped(*next) == 15);
}

TEST_CASE("a batch that must be sent again stops the others until all are back, then order starts over", "[client]") {
    partition_queue queue(true, 5);
    for (int i = 0; i < 4; ++i) queue.push(batch_of(1));
    outgoing_batch* a = queue.next_to_send(me);
    outgoing_batch* b = queue.next_to_send(me);
    outgoing_batch* c = queue.next_to_send(me);
    CHECK_FALSE(queue.refused(*a, not_leader, true).done);
    CHECK(queue.next_to_send(me) == nullptr);
    auto out = queue.refused(*b, out_of_order, false);
    CHECK_FALSE(out.done);
    CHECK_FALSE(out.new_identity);
    CHECK(queue.next_to_send(me) == nullptr);
    CHECK_FALSE(queue.refused(*c, out_of_order, false).done);
    CHECK(queue.next_to_send(me) == a);
    CHECK(queue.next_to_send(me) == b);
    CHECK(queue.next_to_send(me) == c);
    CHECK(stamped(*a) == 0);
    CHECK(stamped(*b) == 1);
    CHECK(stamped(*c) == 2);
}

TEST_CASE("a lost connection: everything goes out again under the same sequence numbers", "[client]") {
    partition_queue queue(true, 5);
    for (int i = 0; i < 3; ++i) queue.push(batch_of(2));
    outgoing_batch* a = queue.next_to_send(me);
    outgoing_batch* b = queue.next_to_send(me);
    CHECK_FALSE(queue.lost(*a).done);
    CHECK(queue.next_to_send(me) == nullptr);
    CHECK_FALSE(queue.lost(*b).done);
    CHECK(queue.next_to_send(me) == a);
    CHECK(queue.next_to_send(me) == b);
    CHECK(stamped(*a) == 0);
    CHECK(stamped(*b) == 2);
    CHECK(stamped(*queue.next_to_send(me)) == 4);
}

TEST_CASE("a batch refused for good is reported, and those behind it close the gap", "[client]") {
    partition_queue queue(true, 5);
    queue.push(batch_of(1));
    queue.push(batch_of(4));
    queue.push(batch_of(2));
    outgoing_batch* a = queue.next_to_send(me);
    outgoing_batch* b = queue.next_to_send(me);
    outgoing_batch* c = queue.next_to_send(me);
    REQUIRE(queue.acknowledged(*a).done);
    auto out = queue.refused(*b, too_large, false);
    CHECK(out.done.get() == b);
    CHECK(out.error == too_large);
    CHECK_FALSE(out.new_identity);
    CHECK_FALSE(queue.refused(*c, out_of_order, false).new_identity);
    CHECK(queue.next_to_send(me) == c);
    CHECK(stamped(*c) == 1);
    queue.push(batch_of(1));
    CHECK(stamped(*queue.next_to_send(me)) == 3);
}

TEST_CASE("a server that takes a batch behind a refused one sets where numbering goes on", "[client]") {
    partition_queue queue(true, 5);
    queue.push(batch_of(2));
    queue.push(batch_of(3));
    outgoing_batch* a = queue.next_to_send(me);
    outgoing_batch* b = queue.next_to_send(me);
    CHECK(queue.refused(*a, too_large, false).done);
    CHECK(queue.acknowledged(*b).done);
    queue.push(batch_of(1));
    CHECK(stamped(*queue.next_to_send(me)) == 5);
}

TEST_CASE("out of order with nothing wrong before it asks for a new identity", "[client]") {
    partition_queue queue(true, 5);
    queue.push(batch_of(1));
    queue.push(batch_of(1));
    outgoing_batch* a = queue.next_to_send(me);
    outgoing_batch* b = queue.next_to_send(me);
    REQUIRE(queue.acknowledged(*a).done);
    auto out = queue.refused(*b, out_of_order, false);
    CHECK(out.new_identity);
    CHECK_FALSE(out.done);
    CHECK(queue.reset().empty());
    CHECK(queue.next_to_send({8, 0}) == b);
    CHECK(stamped(*b) == 0);
    CHECK(batch_view(b->bytes()).producer_id() == 8);
}

TEST_CASE("what may have been written is not sent again under another identity", "[client]") {
    partition_queue queue(true, 5);
    for (int i = 0; i < 3; ++i) queue.push(batch_of(1));
    outgoing_batch* a = queue.next_to_send(me);
    outgoing_batch* b = queue.next_to_send(me);
    CHECK_FALSE(queue.lost(*a).done);
    CHECK_FALSE(queue.lost(*b).done);
    CHECK(queue.next_to_send(me) == a);
    CHECK(queue.refused(*a, out_of_order, false).new_identity);
    const auto unknown = queue.reset();
    REQUIRE(unknown.size() == 2);
    CHECK(unknown[0].get() == a);
    CHECK(unknown[1].get() == b);
    outgoing_batch* c = queue.next_to_send({8, 0});
    REQUIRE(c != nullptr);
    CHECK(stamped(*c) == 0);
}

TEST_CASE("a batch expires only when nothing is in flight, and says whether it may have been written", "[client]") {
    const steady_time now{std::chrono::seconds(100)};
    partition_queue queue(true, 5);
    queue.push(batch_of(1, now));
    queue.push(batch_of(1, now));
    outgoing_batch* a = queue.next_to_send(me);
    CHECK_FALSE(queue.expire(now).done);
    CHECK_FALSE(queue.lost(*a).done);
    auto out = queue.expire(now);
    CHECK(out.done.get() == a);
    CHECK(out.error == client_errc::outcome_unknown);
    CHECK(out.new_identity);
    CHECK(queue.reset().empty());
    out = queue.expire(now);  // was never sent
    CHECK(out.error == client_errc::timed_out);
    CHECK_FALSE(out.new_identity);
    CHECK(queue.empty());
}

TEST_CASE("without idempotence one batch is in flight", "[client]") {
    partition_queue queue(false, 5);
    queue.push(batch_of(1));
    queue.push(batch_of(1));
    outgoing_batch* a = queue.next_to_send({});
    REQUIRE(a != nullptr);
    CHECK(batch_view(a->bytes()).producer_id() == -1);
    CHECK(stamped(*a) == -1);
    CHECK(queue.next_to_send({}) == nullptr);
    CHECK_FALSE(queue.lost(*a).done);
    CHECK(queue.next_to_send({}) == a);
    CHECK(queue.acknowledged(*a).done);
    CHECK(queue.next_to_send({}) != nullptr);
}

TEST_CASE("sequence numbers wrap from the largest to zero", "[client]") {
    CHECK(advance_sequence(2147483647, 1) == 0);
    CHECK(advance_sequence(2147483640, 10) == 2);
    CHECK(advance_sequence(5, 3) == 8);
}
