// The consumer protocol (KIP-848): the server assigns; a member tells in its heartbeats what it holds.
#include "member.h"
#include "wire/kafka/consumer_group_heartbeat.h"

#include <fmt/core.h>

namespace imago::bench {
namespace kafka = wire::kafka;

namespace {
constexpr std::int16_t fenced_member_epoch = 110;
constexpr std::int16_t unknown_member_id = 25;
constexpr std::int16_t version = 1;

class consumer_member final : public member {
public:
    using member::member;

private:
    asio::awaitable<void> take_part() override {
        static std::uint64_t count = 0;
        id_ = fmt::format("member-{:08}", ++count);
        epoch_ = 0;
        bool tell = true;
        while (!leaving()) {
            const auto answer = co_await heartbeat(tell);
            if (!answer) break;
            const kafka::consumer_group_heartbeat_response& told = answer->message;
            if (told.error_code == fenced_member_epoch || told.error_code == unknown_member_id) {
                drop_all();
                epoch_ = 0;
                tell = true;
                continue;
            }
            if (told.error_code != 0) {
                unexpected("heartbeat", told.error_code);
                co_await pause(std::chrono::milliseconds(100));
                continue;
            }
            epoch_ = told.member_epoch;
            tell = false;
            if (told.assignment) {
                settled(false);
                queue_set wanted;
                for (const auto& topic : told.assignment->topic_partitions) {
                    wanted.insert(topic.partitions.begin(), topic.partitions.end());
                }
                tell = wanted != holds();
                co_await hold(std::move(wanted));
                // What changed hands is told at once: others may wait for it.
                if (tell) continue;
            }
            settled(true);
            co_await pause(std::chrono::milliseconds(told.heartbeat_interval_ms));
        }
        settled(false);
        co_await hold({});
        epoch_ = -1;
        (void)co_await heartbeat(true);
    }

    asio::awaitable<result<client::answer<kafka::consumer_group_heartbeat_response>>> heartbeat(bool tell) {
        kafka::consumer_group_heartbeat_request request;
        request.group_id = load().how().group;
        request.member_id = id_;
        request.member_epoch = epoch_;
        if (epoch_ == 0) {
            request.rebalance_timeout_ms = 60'000;
            request.subscribed_topic_names = {std::string_view(load().how().topic)};
        }
        if (tell && epoch_ >= 0) {
            auto& holding = request.topic_partitions.emplace();
            if (held() > 0) {
                auto& topic = holding.emplace_back();
                topic.topic_id = load().topic_id;
                const queue_set all = holds();
                topic.partitions.assign(all.begin(), all.end());
            }
        }
        const auto deadline = steady::now() + load().connect_options().request_timeout;
        co_return co_await coordinator().call<kafka::consumer_group_heartbeat_response>(request, version, deadline);
    }
};
}  // namespace

std::unique_ptr<member> make_consumer_member(group_load& load) { return std::make_unique<consumer_member>(load); }

}  // namespace imago::bench
