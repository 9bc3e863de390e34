// ListOffsets: the offset for a time, and the ends of a queue.
#include "wire/kafka/list_offsets.h"

#include "broker/broker.h"
#include "server/kafka/error_map.h"
#include "server/kafka/handlers.h"
#include "server/kafka/topic_lookup.h"
#include "server/kafka/worker.h"
#include "store/store.h"
#include "wire/compression.h"
#include "wire/record_scanner.h"

namespace imago::kafka {

namespace {

// Times below zero are questions.
constexpr std::int64_t latest = -1;
constexpr std::int64_t earliest = -2;
constexpr std::int64_t of_max_timestamp = -3;
constexpr std::int64_t earliest_local = -4;
constexpr std::int64_t latest_tiered = -5;
constexpr std::int64_t earliest_pending_upload = -6;

struct found_record {
    queue_offset offset;
    unix_ms timestamp = -1;
    bool found = false;
};

/// The first record of a batch at or above `start` with a timestamp of at least `time`.
found_record first_at(const batch_view& batch, unix_ms time, queue_offset start, std::error_code& error) {
    found_record result;
    if (batch.log_append_time()) {
        // All its records have the one time.
        if (batch.max_timestamp() >= time)
            result = {std::max(batch.base_offset(), start), batch.max_timestamp(), true};
        return result;
    }
    compression codec{};
    if (!imago::wire::codec_of(batch, codec)) return result;
    imago::wire::record_scanner scanner;
    const auto scanned =
        imago::wire::decompress(codec, batch.bytes().subspan(batch_header_size), {}, [&](byte_view piece) {
            return scanner.take(piece, [&](const imago::wire::scanned_record& record) {
                const unix_ms at = batch.base_timestamp() + record.timestamp_delta;
                const queue_offset offset = batch.base_offset() + record.offset_delta;
                if (at < time || offset < start) return true;
                result = {offset, at, true};
                return false;
            });
        });
    if (!scanned && !result.found) error = scanned.error();
    return result;
}

class list_offsets final : public handler<wire::list_offsets_request, wire::list_offsets_response> {
public:
    list_offsets(worker& worker, std::size_t kind) : handler(worker, kind) {
        find_.done = [](store::time_request& done) {
            auto* self = static_cast<list_offsets*>(done.context);
            if (self->take_found()) self->go_on();
        };
        find_.context = this;
        read_.done = [](store::read_request& done) {
            auto* self = static_cast<list_offsets*>(done.context);
            if (self->take_read()) self->go_on();
        };
        read_.context = this;
    }

protected:
    void run() override {
        reply().topics.resize(asked().topics.size());
        for (std::size_t t = 0; t < asked().topics.size(); ++t) {
            reply().topics[t].name = asked().topics[t].name;
            reply().topics[t].partitions.resize(asked().topics[t].partitions.size());
        }
        topic_ = partition_ = 0;
        begin_topic();
        go_on();
    }

    void clear() override {
        handler::clear();
        found_ = nullptr;
        find_.batch = {};
        read_.slices.clear();
    }

private:
    void begin_topic() {
        found_ =
            topic_ < asked().topics.size() ? with().broker.topics.find(asked().topics[topic_].name) : nullptr;
    }

    /// Answers partition after partition; a search that goes to the disk comes back here.
    void go_on() {
        while (topic_ < asked().topics.size()) {
            if (partition_ == asked().topics[topic_].partitions.size()) {
                ++topic_;
                partition_ = 0;
                begin_topic();
                continue;
            }
            if (!answer_partition()) return;
        }
        respond_now();
    }

    /// False when the answer comes later.
    bool answer_partition() {
        const auto& wanted = asked().topics[topic_].partitions[partition_];
        auto& told = now();
        told.partition_index = wanted.partition_index;
        const auto queue = found_ != nullptr ? found_->queue(wanted.partition_index) : std::nullopt;
        const auto bounds = queue ? with().store.bounds(*queue) : std::nullopt;
        if (!bounds) return done(kafka_error::unknown_topic_or_partition);
        const kafka_error epoch = check_leader_epoch(wanted.current_leader_epoch, leader_epoch_now);
        if (epoch != kafka_error::none) return done(epoch);
        start_ = bounds->start;
        switch (wanted.timestamp) {
            case latest:
                return done_at(bounds->end);
            case earliest:
            case earliest_local:
                return done_at(bounds->start);
            case latest_tiered:
            case earliest_pending_upload:
                return done(kafka_error::none);  // nothing is ever kept elsewhere
            case of_max_timestamp:
                find_.what = store::time_request::kind::max_timestamp;
                break;
            default:
                if (wanted.timestamp < 0) return done(kafka_error::invalid_request);
                find_.what = store::time_request::kind::at_or_after;
        }
        find_.queue = *queue;
        find_.time = wanted.timestamp;
        find_.error = {};
        find_.found = false;
        find_.batch = {};
        if (!home().find(find_)) return false;
        return take_found();
    }

    // Each of these answers the partition, or is false: it has sent for more and will be back.

    bool take_found() {
        if (find_.error) return done(to_kafka(find_.error, with().options.log));
        if (!find_.found) return done(kafka_error::none);
        const byte_view bytes = find_.batch.bytes;
        if (bytes.size() < batch_header_size) return done(kafka_error::corrupt_message);
        const bool newest = find_.what == store::time_request::kind::max_timestamp;
        const unix_ms time = newest ? find_.max_timestamp : find_.time;
        return look_into(batch_view(bytes), time);
    }

    bool look_into(const batch_view& batch, unix_ms time) {
        std::error_code error;
        const found_record record = first_at(batch, time, start_, error);
        if (error) return done(to_kafka(error, with().options.log));
        if (record.found) {
            now().timestamp = record.timestamp;
            return done_at(record.offset);
        }
        // Its records of that time lie below the queue's start: go on with the next batch.
        read_.queue = find_.queue;
        read_.from = batch.base_offset() + batch.last_offset_delta() + 1;
        read_.max_bytes = 1;
        read_.at_least_one = true;
        read_.error = {};
        read_.slices.clear();
        time_ = time;
        if (!home().read(read_)) return false;
        return take_read();
    }

    bool take_read() {
        if (read_.error) return done(to_kafka(read_.error, with().options.log));
        if (read_.slices.empty()) return done(kafka_error::none);
        const store::slice slice = std::move(read_.slices.front());
        return look_into(batch_view(slice.bytes), time_);
    }

    bool done_at(queue_offset offset) {
        now().offset = offset.value;
        now().leader_epoch = leader_epoch_now;
        return done(kafka_error::none);
    }
    bool done(kafka_error error) {
        now().error_code = code_of(error);
        ++partition_;
        return true;
    }
    wire::list_offsets_response::list_offsets_topic_response::list_offsets_partition_response& now() {
        return reply().topics[topic_].partitions[partition_];
    }

    std::size_t topic_ = 0;
    std::size_t partition_ = 0;
    broker::topic_ptr found_;
    queue_offset start_;
    unix_ms time_ = -1;
    store::time_request find_;
    store::read_request read_;
};

}  // namespace

IMAGO_MAKE_HANDLER(list_offsets, list_offsets)

}  // namespace imago::kafka
