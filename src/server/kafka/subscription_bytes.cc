#include "server/kafka/subscription_bytes.h"

#include "wire/kafka/consumer_protocol.h"

namespace imago::kafka {
namespace {

namespace groups = broker::groups;
namespace wire = imago::wire::kafka;

std::vector<groups::classic_subscription::owned> to_groups(
    const std::vector<wire::consumer_topic_partitions>& list) {
    std::vector<groups::classic_subscription::owned> made;
    made.reserve(list.size());
    for (const auto& topic : list) made.push_back({topic.topic, topic.partitions});
    return made;
}

std::vector<wire::consumer_topic_partitions> to_wire(
    const std::vector<groups::classic_subscription::owned>& list) {
    std::vector<wire::consumer_topic_partitions> made;
    made.reserve(list.size());
    for (const auto& topic : list) made.push_back({topic.topic, topic.partitions});
    return made;
}

class codec final : public groups::subscription_codec {
public:
    [[nodiscard]] std::optional<groups::classic_subscription> read_subscription(
        std::string_view bytes) const override {
        const auto read = wire::decode_consumer_subscription(as_bytes(bytes));
        if (!read) return std::nullopt;
        return groups::classic_subscription{read->version,    read->topics, read->user_data.value_or(""),
                                            to_groups(read->owned_partitions), read->generation, read->rack};
    }
    [[nodiscard]] std::optional<groups::classic_assignment> read_assignment(
        std::string_view bytes) const override {
        const auto read = wire::decode_consumer_assignment(as_bytes(bytes));
        if (!read) return std::nullopt;
        return groups::classic_assignment{read->version, to_groups(read->partitions),
                                          read->user_data.value_or("")};
    }
    [[nodiscard]] std::string write_subscription(
        const groups::classic_subscription& subscription) const override {
        return encode(wire::consumer_subscription{subscription.version, subscription.topics,
                                                  some(subscription.user_data),
                                                  to_wire(subscription.owned_partitions),
                                                  subscription.generation, subscription.rack});
    }
    [[nodiscard]] std::string write_assignment(const groups::classic_assignment& assignment) const override {
        return encode(wire::consumer_assignment{assignment.version, to_wire(assignment.partitions),
                                                some(assignment.user_data)});
    }

private:
    static std::optional<std::string> some(const std::string& text) {
        if (text.empty()) return std::nullopt;
        return text;
    }
};

}  // namespace

const broker::groups::subscription_codec& subscription_bytes() {
    static const codec only;
    return only;
}

}  // namespace imago::kafka
