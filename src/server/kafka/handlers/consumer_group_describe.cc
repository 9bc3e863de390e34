// ConsumerGroupDescribe: groups of the consumer protocol, what their members have and what they shall have.
// Classic groups are not there for it.
#include "wire/kafka/consumer_group_describe.h"

#include "server/kafka/group_handler.h"
#include "server/kafka/handlers.h"

#include <atomic>

namespace imago::kafka {

namespace {
/// READ, DELETE, DESCRIBE, as a bit field of Kafka's operation numbers.
constexpr std::int32_t group_operations = (1 << 3) | (1 << 6) | (1 << 8);

class consumer_group_describe final
    : public handler<wire::consumer_group_describe_request, wire::consumer_group_describe_response> {
public:
    using handler::handler;

protected:
    void run() override {
        found_.resize(asked().group_ids.size());
        left_ = found_.size();
        if (found_.empty()) return respond_now();
        const unix_ms now = group_now(with().options);
        for (std::size_t i = 0; i < found_.size(); ++i) {
            with().broker.group_work.describe(std::string(asked().group_ids[i]), now,
                                              [this, i](std::error_code error, groups::group_view view) {
                                                  found_[i] = {error, std::move(view)};
                                                  if (left_.fetch_sub(1) == 1) come_back();
                                              });
        }
    }

    void returned() override {
        for (std::size_t i = 0; i < found_.size(); ++i) tell(asked().group_ids[i], found_[i]);
        respond_now();
    }
    void clear() override {
        handler::clear();
        found_.clear();
    }

private:
    struct outcome {
        std::error_code error;
        groups::group_view view;
    };

    void tell(std::string_view name, const outcome& found) {
        auto& told = reply().groups.emplace_back();
        told.group_id = name;
        if (asked().include_authorized_operations) told.authorized_operations = group_operations;
        std::error_code error = found.error;
        if (!error && found.view.type != groups::group_type::consumer) {
            error = groups::group_errc::group_id_not_found;
            told.error_message = keep("Group " + std::string(name) + " is not a consumer group.");
        } else if (error) {
            told.error_message = keep("Group " + std::string(name) + " not found.");
        }
        told.error_code = code_of(to_kafka(error, with().options.log));
        if (error) return;
        told.group_state = name_of(found.view.state);
        told.group_epoch = found.view.epoch;
        told.assignment_epoch = found.view.assignment_epoch;
        told.assignor_name = found.view.protocol;
        for (const groups::member_view& member : found.view.members) {
            auto& one = told.members.emplace_back();
            one.member_id = member.member_id;
            one.instance_id = view_of(member.instance);
            one.rack_id = view_of(member.rack);
            one.member_epoch = member.epoch;
            one.client_id = member.client.id;
            one.client_host = member.client.host;
            one.subscribed_topic_names = {member.topics.begin(), member.topics.end()};
            if (!member.topic_regex.empty()) one.subscribed_topic_regex = member.topic_regex;
            list(member.current, one.assignment);
            list(member.target, one.target_assignment);
            one.member_type = member.classic_protocol ? 0 : 1;
        }
    }

    /// Topics that are gone are left out: they have no name.
    template <class Assignment>
    void list(const std::vector<groups::topic_partitions>& partitions, Assignment& into) {
        for (const auto& topic : partitions) {
            const auto fact = with().broker.directory.by_id(topic.topic);
            if (!fact) continue;
            auto& one = into.topic_partitions.emplace_back();
            one.topic_id = topic.topic;
            one.topic_name = keep(fact->name);
            one.partitions = topic.partitions;
        }
    }

    std::vector<outcome> found_;
    std::atomic<std::size_t> left_{0};
};
}  // namespace

IMAGO_MAKE_HANDLER(consumer_group_describe, consumer_group_describe)

}  // namespace imago::kafka
