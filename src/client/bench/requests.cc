#include "client/bench/requests.h"

#include "base/batch_builder.h"
#include "wire/gather_buffer.h"
#include "wire/kafka/fetch.h"
#include "wire/kafka/produce.h"
#include "wire/kafka/protocol.h"

#include <algorithm>
#include <chrono>
#include <random>

namespace imago::bench {
namespace kafka = wire::kafka;

namespace {
template <class Request>
request_frame frame_of(const Request& request, std::int16_t version) {
    wire::gather_buffer out;
    kafka::request_header header;
    header.version = version;
    header.client_id = "imago-bench";
    kafka::encode_request_frame(out, header, request);
    return {out.flatten()};
}

/// The channel has taken length and correlation id off; flexible answers go on with tags.
template <class Response>
bool read(byte_view body, std::int16_t version, Response& into) {
    kafka::reader in(body);
    in.skip_tags();
    return decode(in, version, into).has_value();
}
}  // namespace

request_frame produce_frame(const std::string& topic, std::span<const std::int32_t> queues, byte_view batch) {
    kafka::produce_request request;
    request.acks = -1;
    request.timeout_ms = 60'000;
    auto& data = request.topic_data.emplace_back();
    data.name = topic;
    data.partition_data.reserve(queues.size());
    for (const std::int32_t queue : queues) {
        auto& partition = data.partition_data.emplace_back();
        partition.index = queue;
        partition.records.add({batch, nullptr});
    }
    return frame_of(request, produce_version);
}

std::vector<std::byte> make_batch(std::size_t records, std::size_t size, std::int64_t mark) {
    static const std::vector<std::byte> noise = [] {
        std::vector<std::byte> made(1 << 20);
        std::mt19937 random(7);
        std::generate(made.begin(), made.end(), [&] { return static_cast<std::byte>(random()); });
        return made;
    }();
    std::vector<std::byte> value(size);
    batch_builder builder;
    const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::system_clock::now().time_since_epoch());
    for (std::size_t i = 0; i < records; ++i) {
        std::copy_n(noise.begin() + static_cast<std::ptrdiff_t>(i * 97 % (noise.size() / 2)),
                    std::min(size, noise.size() / 2), value.begin());
        if (size >= sizeof mark) store_be<std::int64_t>(value.data(), mark);
        builder.add(now.count(), std::nullopt, byte_view(value));
    }
    const byte_view batch = builder.finish();
    return {batch.begin(), batch.end()};
}

struct produce_answers::answer {
    kafka::produce_response read;
};
produce_answers::produce_answers() : answer_(std::make_unique<answer>()) {}
produce_answers::~produce_answers() = default;

std::int16_t produce_answers::error(byte_view body) {
    if (!read(body, produce_version, answer_->read)) return -1;
    for (const auto& topic : answer_->read.responses) {
        for (const auto& partition : topic.partition_responses) {
            if (partition.error_code != 0) return partition.error_code;
        }
    }
    return 0;
}

request_frame fetch_frame(const std::string& topic, std::span<const fetch_place> places, fetch_limits limits,
                          std::int32_t session, std::int32_t epoch) {
    kafka::fetch_request request;
    request.max_wait_ms = limits.wait_ms;
    request.min_bytes = 1;
    request.max_bytes = limits.bytes;
    request.session_id = session;
    request.session_epoch = epoch;
    if (!places.empty()) {
        auto& asked = request.topics.emplace_back();
        asked.topic = topic;
        asked.partitions.reserve(places.size());
        for (const fetch_place& place : places) {
            auto& partition = asked.partitions.emplace_back();
            partition.partition = place.queue;
            partition.fetch_offset = place.offset;
            partition.partition_max_bytes = limits.queue_bytes;
        }
    }
    return frame_of(request, fetch_version);
}

fetched read_fetch(byte_view body, const std::function<void(std::int32_t queue, byte_view records)>& tell) {
    kafka::fetch_response answer;
    if (!read(body, fetch_version, answer)) return {-1, 0};
    fetched outcome{answer.error_code, answer.session_id};
    for (const auto& topic : answer.responses) {
        for (const auto& partition : topic.partitions) {
            if (partition.error_code != 0) {
                if (outcome.error == 0) outcome.error = partition.error_code;
                continue;
            }
            if (const byte_view records = partition.records.view(); !records.empty()) {
                tell(partition.partition_index, records);
            }
        }
    }
    return outcome;
}

}  // namespace imago::bench
