// Produce: checks batches and hands all of a request to the store at once, so that one flush makes all its
// queues durable.
//
// The batches stay where they were received: the store copies them into the log, and the frame lives until it
// has. After a few requests nothing here allocates any more.
#include "wire/kafka/produce.h"

#include "base/batch_builder.h"
#include "broker/broker.h"
#include "server/kafka/error_map.h"
#include "server/kafka/handlers.h"
#include "server/kafka/topic_lookup.h"
#include "server/kafka/worker.h"
#include "store/store.h"
#include "wire/kafka/produced_batch.h"

namespace imago::kafka {

namespace {

class produce final : public request {
public:
    produce(worker& worker, std::size_t kind) : request(worker, kind) {
        append_.done = [](store::append_request& done) { static_cast<produce*>(done.context)->come_back(); };
        append_.context = this;
    }

protected:
    void read(wire::reader& in) override;
    void returned() override;
    void clear() override;

private:
    using topic_asked = wire::produce_request::topic_produce_data;
    using partition_asked = topic_asked::partition_produce_data;
    using partition_told = wire::produce_response::topic_produce_response::partition_produce_response;

    void take_partition(const found_topic& found, const partition_asked& asked, partition_told& told);
    void refuse(partition_told& told, kafka_error error, std::string_view text = {});
    void reply_now();

    wire::produce_request asked_;
    wire::produce_response reply_;
    store::append_request append_;
    std::vector<store::append_batch> batches_;
    std::vector<partition_told*> told_;              // for each of batches_
    std::vector<std::vector<std::byte>> corrected_;  // batches that had to be changed
    unix_ms now_ = 0;  // one for all batches of the request
    bool any_error_ = false;
};

void produce::read(wire::reader& in) {
    if (const auto decoded = decode(in, version(), asked_); !decoded) return malformed(decoded.error());
    std::size_t count = 0;
    for (const topic_asked& topic : asked_.topic_data) count += topic.partition_data.size();
    batches_.reserve(count);
    any_error_ = false;
    now_ = with().options.clock();

    const bool by_id = version() >= 13;
    const bool acks_fine = asked_.acks >= -1 && asked_.acks <= 1;
    reply_.responses.resize(asked_.topic_data.size());
    for (std::size_t t = 0; t < asked_.topic_data.size(); ++t) {
        const topic_asked& topic = asked_.topic_data[t];
        auto& told = reply_.responses[t];
        told.name = topic.name;
        told.topic_id = topic.topic_id;
        told.partition_responses.resize(topic.partition_data.size());
        const found_topic found = find_topic(with().broker.topics, by_id, topic.topic_id, topic.name);
        for (std::size_t p = 0; p < topic.partition_data.size(); ++p) {
            partition_told& partition = told.partition_responses[p];
            partition = {};
            partition.index = topic.partition_data[p].index;
            if (!acks_fine) {
                refuse(partition, kafka_error::invalid_required_acks);
            } else {
                take_partition(found, topic.partition_data[p], partition);
            }
        }
    }
    if (batches_.empty()) return reply_now();
    append_.batches = batches_;
    home().append(append_);
}

void produce::take_partition(const found_topic& found, const partition_asked& asked, partition_told& told) {
    if (found.error != kafka_error::none) return refuse(told, found.error);
    const auto queue = found.topic->queue(asked.index);
    if (!queue) return refuse(told, kafka_error::unknown_topic_or_partition);
    const broker::topic_settings& settings = found.topic->settings;

    wire::produce_rules rules;
    rules.batch_bytes_max = static_cast<std::size_t>(settings.max_message_bytes);
    rules.zstd_allowed = version() >= 7;
    rules.keys_required = settings.compact;
    rules.log_append_time = settings.log_append_time;
    rules.now = now_;
    rules.before_max_ms = settings.timestamp_before_max_ms;
    rules.after_max_ms = settings.timestamp_after_max_ms;
    byte_view bytes = asked.records.view();
    const wire::produced_batch verdict = wire::check_produced(bytes, rules);
    if (verdict.error != kafka_error::none) {
        refuse(told, verdict.error, verdict.text);
        for (const wire::record_fault& fault : verdict.faults)
            told.record_errors.push_back({fault.index, fault.text});
        return;
    }
    const batch_view batch(bytes);
    if (batch.transactional())
        return refuse(told, kafka_error::invalid_txn_state, "transactions are not supported");
    if (!settings.log_append_time && batch.max_timestamp() != verdict.max_timestamp) {
        // Lookups by time rely on it: as Kafka does, what the header says is made true.
        auto& copy = corrected_.emplace_back(bytes.begin(), bytes.end());
        set_max_timestamp(copy, verdict.max_timestamp);
        bytes = copy;
    }
    store::append_batch& added = batches_.emplace_back();
    added.queue = *queue;
    added.bytes = bytes;
    added.hash = store::payload_hash(bytes);
    added.log_append_time = settings.log_append_time;
    told_.push_back(&told);
}

void produce::refuse(partition_told& told, kafka_error error, std::string_view text) {
    any_error_ = true;
    told.error_code = code_of(error);
    told.error_message = text.empty() ? error_text(error) : text;
    told.base_offset = -1;
}

void produce::returned() {
    for (std::size_t i = 0; i < batches_.size(); ++i) {
        const store::append_batch& done = batches_[i];
        partition_told& told = *told_[i];
        if (done.error) {
            refuse(told, to_kafka(done.error, with().options.log));
            continue;
        }
        told.base_offset = done.base.value;
        told.log_append_time_ms = done.append_time;
        told.log_start_offset = done.log_start.value;
    }
    reply_now();
}

void produce::reply_now() {
    if (asked_.acks == 0) {
        // Nobody waits for an answer. An error can only be told by closing, as Kafka does.
        return finish(any_error_ ? then::close : then::keep_open);
    }
    respond(reply_);
}

void produce::clear() {
    batches_.clear();
    told_.clear();
    corrected_.clear();
}

}  // namespace

IMAGO_MAKE_HANDLER(produce, produce)

}  // namespace imago::kafka
