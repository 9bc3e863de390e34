// The classic protocol, eager, with the range assignor: all let everything go, join anew, and one of them assigns.
#include "base/bytes.h"
#include "member.h"
#include "wire/kafka/heartbeat.h"
#include "wire/kafka/join_group.h"
#include "wire/kafka/leave_group.h"
#include "wire/kafka/sync_group.h"

#include <cstring>

namespace imago::bench {
namespace kafka = wire::kafka;

namespace {
constexpr std::int16_t illegal_generation = 22;
constexpr std::int16_t unknown_member_id = 25;
constexpr std::int16_t rebalance_in_progress = 27;
constexpr std::int16_t member_id_required = 79;

/// The embedded formats of the "consumer" protocol type, version 0.
class writer {
public:
    template <class Number>
    void number(Number value) {
        const std::size_t at = bytes_.size();
        bytes_.resize(at + sizeof value);
        store_be<Number>(bytes_.data() + at, value);
    }
    void text(std::string_view value) {
        number(static_cast<std::int16_t>(value.size()));
        const std::size_t at = bytes_.size();
        bytes_.resize(at + value.size());
        std::memcpy(bytes_.data() + at, value.data(), value.size());
    }
    [[nodiscard]] std::vector<std::byte> take() { return std::move(bytes_); }

private:
    std::vector<std::byte> bytes_;
};

std::vector<std::byte> subscription(const std::string& topic) {
    writer out;
    out.number<std::int16_t>(0);
    out.number<std::int32_t>(1);
    out.text(topic);
    out.number<std::int32_t>(-1);
    return out.take();
}

std::vector<std::byte> assignment(const std::string& topic, std::int32_t first, std::int32_t count) {
    writer out;
    out.number<std::int16_t>(0);
    out.number<std::int32_t>(1);
    out.text(topic);
    out.number<std::int32_t>(count);
    for (std::int32_t i = 0; i < count; ++i) out.number(first + i);
    out.number<std::int32_t>(-1);
    return out.take();
}

/// The queues of an assignment with at most one topic.
queue_set read_assignment(byte_view bytes) {
    queue_set queues;
    if (bytes.size() < 8 || load_be<std::int32_t>(bytes.data() + 2) == 0) return queues;
    const auto name = static_cast<std::size_t>(load_be<std::int16_t>(bytes.data() + 6));
    const std::byte* at = bytes.data() + 8 + name;
    const auto count = load_be<std::int32_t>(at);
    for (std::int32_t i = 0; i < count; ++i) queues.insert(load_be<std::int32_t>(at + 4 + 4 * i));
    return queues;
}

class classic_member final : public member {
public:
    using member::member;

private:
    template <class Response, class Request>
    asio::awaitable<result<client::answer<Response>>> ask(const Request& request, std::int16_t version) {
        const auto deadline = steady::now() + std::chrono::seconds(120);
        co_return co_await coordinator().call<Response>(request, version, deadline);
    }

    asio::awaitable<void> take_part() override {
        while (!leaving()) {
            if (!co_await join()) {
                // At once in the usual order of things, but no faster than this if something is wrong.
                if (errors_ != load().errors) co_await pause(std::chrono::milliseconds(100));
                errors_ = load().errors;
                continue;
            }
            settled(true);
            co_await keep_up();
            settled(false);
        }
        co_await hold({});
        kafka::leave_group_request request;
        request.group_id = load().how().group;
        request.members.emplace_back().member_id = id_;
        (void)co_await ask<kafka::leave_group_response>(request, 4);
    }

    /// Until another round is due.
    asio::awaitable<void> keep_up() {
        while (!leaving()) {
            co_await pause(load().how().heartbeat);
            if (leaving()) break;
            kafka::heartbeat_request request;
            request.group_id = load().how().group;
            request.generation_id = epoch_;
            request.member_id = id_;
            const auto got = co_await ask<kafka::heartbeat_response>(request, 4);
            if (!got) break;
            if (got->message.error_code == 0) continue;
            if (got->message.error_code == rebalance_in_progress) {
                settled(false);
                co_await hold({});
            } else {
                lost(got->message.error_code, "heartbeat");
            }
            break;
        }
    }

    void lost(std::int16_t error, std::string_view where) {
        if (error == rebalance_in_progress) return;
        drop_all();
        if (error == unknown_member_id) id_.clear();
        if (error != unknown_member_id && error != illegal_generation) unexpected(where, error);
    }

    asio::awaitable<bool> join() {
        const std::vector<std::byte> mine = subscription(load().how().topic);
        kafka::join_group_request request;
        request.group_id = load().how().group;
        request.session_timeout_ms = 45'000;
        request.rebalance_timeout_ms = 60'000;
        request.member_id = id_;
        request.protocol_type = "consumer";
        auto& protocol = request.protocols.emplace_back();
        protocol.name = "range";
        protocol.metadata = mine;
        const auto joined = co_await ask<kafka::join_group_response>(request, 7);
        if (!joined) co_return false;
        const kafka::join_group_response& told = joined->message;
        if (told.error_code == member_id_required) {
            id_ = told.member_id;
            co_return false;
        }
        if (told.error_code != 0) {
            lost(told.error_code, "join");
            co_return false;
        }
        id_ = told.member_id;
        epoch_ = told.generation_id;

        kafka::sync_group_request sync;
        sync.group_id = load().how().group;
        sync.generation_id = epoch_;
        sync.member_id = id_;
        sync.protocol_type = "consumer";
        sync.protocol_name = "range";
        std::vector<std::vector<std::byte>> shares;
        if (told.leader == told.member_id) {
            const auto members = static_cast<std::int32_t>(told.members.size());
            std::int32_t first = 0;
            for (std::int32_t m = 0; m < members; ++m) {
                const std::int32_t count = load().how().queues / members + (m < load().how().queues % members ? 1 : 0);
                shares.push_back(assignment(load().how().topic, first, count));
                first += count;
            }
            for (std::size_t m = 0; m < told.members.size(); ++m) {
                auto& share = sync.assignments.emplace_back();
                share.member_id = told.members[m].member_id;
                share.assignment = shares[m];
            }
        }
        const auto synced = co_await ask<kafka::sync_group_response>(sync, 5);
        if (!synced) co_return false;
        if (synced->message.error_code != 0) {
            lost(synced->message.error_code, "sync");
            co_return false;
        }
        queue_set wanted = read_assignment(synced->message.assignment);
        co_await hold(std::move(wanted));
        co_return true;
    }

    std::uint64_t errors_ = 0;
};
}  // namespace

std::unique_ptr<member> make_classic_member(group_load& load) { return std::make_unique<classic_member>(load); }

}  // namespace imago::bench
