// ConsumerGroupDescribe: groups of the consumer protocol, what their members have and what they shall have.
// Classic groups are not there for it.
#include "wire/kafka/consumer_group_describe.h"

#include "server/kafka/handlers.h"
#include "server/kafka/many_groups_handler.h"

namespace imago::kafka {

namespace {
class consumer_group_describe final
    : public many_groups_handler<wire::consumer_group_describe_request, wire::consumer_group_describe_response,
                                 described_group> {
public:
    using many_groups_handler::many_groups_handler;

protected:
    [[nodiscard]] std::size_t count() const override { return asked().group_ids.size(); }
    void ask(std::size_t which, std::function<void(described_group)> done) override {
        describe(asked().group_ids[which], std::move(done));
    }
    void tell(std::size_t which, const described_group& found) override {
        const std::string_view name = asked().group_ids[which];
        auto& told = reply().groups.emplace_back();
        told.group_id = name;
        if (asked().include_authorized_operations) told.authorized_operations = group_operations;
        std::error_code error = found.error;
        if (!error && found.view.type != groups::group_type::consumer) {
            error = groups::group_errc::group_id_not_found;
            told.error_message = keep("Group " + std::string(name) + " is not a consumer group.");
        } else if (error == groups::group_errc::group_id_not_found) {
            told.error_message = keep("Group " + std::string(name) + " not found.");
        }
        told.error_code = error_of(error);
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

private:
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
};
}  // namespace

IMAGO_MAKE_HANDLER(consumer_group_describe, consumer_group_describe)

}  // namespace imago::kafka
