#include "wire/kafka/consumer_protocol.h"

#include "wire/gather_buffer.h"
#include "wire/kafka/reader.h"
#include "wire/kafka/writer.h"

namespace imago::wire::kafka {
namespace {

// An array of strings, or of topics with partitions, takes at least two bytes an element.
std::vector<std::string> read_topics(reader& in) {
    std::vector<std::string> topics;
    for (std::int64_t left = in.count(false, false, 2); left > 0 && in.ok(); --left) {
        topics.emplace_back(in.string(false));
    }
    return topics;
}

std::vector<consumer_topic_partitions> read_partitions(reader& in) {
    std::vector<consumer_topic_partitions> list;
    for (std::int64_t left = in.count(false, false, 6); left > 0 && in.ok(); --left) {
        consumer_topic_partitions& topic = list.emplace_back();
        topic.topic = in.string(false);
        for (std::int64_t more = in.count(false, false, 4); more > 0 && in.ok(); --more) {
            topic.partitions.push_back(in.i32());
        }
    }
    return list;
}

std::optional<std::string> read_user_data(reader& in) {
    const auto bytes = in.nullable_bytes(false);
    if (!bytes) return std::nullopt;
    return std::string(as_text(*bytes));
}

void write_partitions(writer& to, const std::vector<consumer_topic_partitions>& list) {
    to.count(list.size(), false);
    for (const auto& topic : list) {
        to.string(topic.topic, false);
        to.count(topic.partitions.size(), false);
        for (const std::int32_t partition : topic.partitions) to.i32(partition);
    }
}

void write_user_data(writer& to, const std::optional<std::string>& user_data) {
    std::optional<byte_view> bytes;
    if (user_data) bytes = as_bytes(*user_data);
    to.nullable_bytes(bytes, false);
}

std::string text_of(gather_buffer& out) {
    const auto bytes = out.flatten();
    return std::string(as_text(bytes));
}

}  // namespace

result<consumer_subscription> decode_consumer_subscription(byte_view bytes) {
    reader in(bytes);
    consumer_subscription read;
    read.version = in.i16();
    if (read.version < 0) in.fail(wire_errc::bad_value);
    read.topics = read_topics(in);
    read.user_data = read_user_data(in);
    if (read.version >= 1) read.owned_partitions = read_partitions(in);
    if (read.version >= 2) read.generation = in.i32();
    if (read.version >= 3) {
        if (const auto rack = in.nullable_string(false)) read.rack = std::string(*rack);
    }
    IMAGO_CHECK(in.status());
    return read;
}

result<consumer_assignment> decode_consumer_assignment(byte_view bytes) {
    reader in(bytes);
    consumer_assignment read;
    read.version = in.i16();
    if (read.version < 0) in.fail(wire_errc::bad_value);
    read.partitions = read_partitions(in);
    read.user_data = read_user_data(in);
    IMAGO_CHECK(in.status());
    return read;
}

std::string encode(const consumer_subscription& subscription) {
    gather_buffer out;
    writer to(out);
    to.i16(subscription.version);
    to.count(subscription.topics.size(), false);
    for (const std::string& topic : subscription.topics) to.string(topic, false);
    write_user_data(to, subscription.user_data);
    if (subscription.version >= 1) write_partitions(to, subscription.owned_partitions);
    if (subscription.version >= 2) to.i32(subscription.generation);
    if (subscription.version >= 3) {
        std::optional<std::string_view> rack;
        if (subscription.rack) rack = *subscription.rack;
        to.nullable_string(rack, false);
    }
    return text_of(out);
}

std::string encode(const consumer_assignment& assignment) {
    gather_buffer out;
    writer to(out);
    to.i16(assignment.version);
    write_partitions(to, assignment.partitions);
    write_user_data(to, assignment.user_data);
    return text_of(out);
}

}  // namespace imago::wire::kafka
