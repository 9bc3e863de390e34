#include "client/group/subscription.h"

#include <map>

#include "imago/errors.h"
#include "wire/kafka/reader.h"
#include "wire/kafka/writer.h"

namespace imago::client {
namespace kafka = wire::kafka;
namespace {

constexpr bool classic = false;  // not the flexible encoding

void put_partitions(kafka::writer& out, const partition_set& partitions) {
    std::map<std::string_view, std::vector<std::int32_t>> by_topic;
    for (const topic_partition& each : partitions) by_topic[each.topic].push_back(each.partition);
    out.count(by_topic.size(), classic);
    for (const auto& [topic, indexes] : by_topic) {
        out.string(topic, classic);
        out.count(indexes.size(), classic);
        for (const std::int32_t index : indexes) out.i32(index);
    }
}

partition_set get_partitions(kafka::reader& in) {
    partition_set partitions;
    for (std::int64_t topics = in.count(classic, true, 6); topics > 0 && in.ok(); --topics) {
        const std::string topic(in.string(classic));
        for (std::int64_t left = in.count(classic, true, 4); left > 0 && in.ok(); --left)
            partitions.insert({topic, in.i32()});
    }
    return partitions;
}

}  // namespace

std::vector<std::byte> encode_subscription(const group_subscription& from, bool generation_in_user_data) {
    wire::gather_buffer buffer;
    kafka::writer out(buffer);
    out.i16(3);
    out.count(from.topics.size(), classic);
    for (const std::string& topic : from.topics) out.string(topic, classic);
    if (generation_in_user_data) {
        std::byte generation[4];
        store_be<std::int32_t>(generation, from.generation);
        out.bytes(generation, classic);
    } else {
        out.nullable_bytes(std::nullopt, classic);
    }
    put_partitions(out, from.owned);
    out.i32(from.generation);
    out.nullable_string(from.rack.empty() ? std::nullopt : std::optional<std::string_view>(from.rack), classic);
    return buffer.flatten();
}

result<group_subscription> decode_subscription(byte_view bytes) {
    kafka::reader in(bytes);
    group_subscription got;
    const std::int16_t version = in.i16();
    for (std::int64_t left = in.count(classic, true, 2); left > 0 && in.ok(); --left)
        got.topics.emplace_back(in.string(classic));
    const std::optional<byte_view> user_data = in.nullable_bytes(classic);
    if (version >= 1) got.owned = get_partitions(in);
    if (version >= 2) got.generation = in.i32();
    else if (user_data && user_data->size() == 4) got.generation = load_be<std::int32_t>(user_data->data());
    if (version >= 3) got.rack = in.nullable_string(classic).value_or("");
    if (!in.ok() || version < 0) return tl::unexpected(make_error_code(client_errc::bad_response));
    return got;
}

std::vector<std::byte> encode_assignment(const partition_set& from) {
    wire::gather_buffer buffer;
    kafka::writer out(buffer);
    out.i16(1);
    put_partitions(out, from);
    out.nullable_bytes(std::nullopt, classic);
    return buffer.flatten();
}

result<partition_set> decode_assignment(byte_view bytes) {
    if (bytes.empty()) return partition_set{};
    kafka::reader in(bytes);
    const std::int16_t version = in.i16();
    partition_set got = get_partitions(in);
    if (!in.ok() || version < 0) return tl::unexpected(make_error_code(client_errc::bad_response));
    return got;
}

}  // namespace imago::client
