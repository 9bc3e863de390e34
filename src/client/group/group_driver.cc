// Carries out what the member asks for.
#include "client/coordinators.h"
#include "client/group/classic_member.h"
#include "client/group/consumer_member.h"
#include "client/group/group_impl.h"
#include "wire/kafka/consumer_group_heartbeat.h"
#include "wire/kafka/heartbeat.h"
#include "wire/kafka/join_group.h"
#include "wire/kafka/leave_group.h"
#include "wire/kafka/sync_group.h"

namespace imago::client {
namespace kafka = wire::kafka;
namespace {

std::vector<std::byte> copy_of(byte_view bytes) { return {bytes.begin(), bytes.end()}; }

std::int32_t in_ms(milliseconds time) {
    return static_cast<std::int32_t>(std::min<std::int64_t>(time.count(), 0x7fffffff));
}

}  // namespace

std::unique_ptr<membership> group_consumer::impl::make_member() {
    if (how_.protocol == group_protocol::classic) return std::make_unique<classic_member>(how_, options_);
    return std::make_unique<consumer_member>(how_, options_, uuid::random().to_base64());
}

std::optional<std::string_view> group_consumer::impl::instance() const {
    if (how_.instance_id.empty()) return std::nullopt;
    return how_.instance_id;
}

asio::awaitable<void> group_consumer::impl::run() {
    while (!ended_) {
        member_action action = member_->next(now());
        after_input();
        if (std::get_if<group_action::ended>(&action) != nullptr) break;
        if (const auto* idle = std::get_if<group_action::idle>(&action)) co_await changed_.wait_until(idle->until);
        else co_await carry_out(action);
        after_input();
    }
    running_member_ = false;
    if (line_) line_->close();
    fetching_.wake();
    changed_.notify();
}

// What the inputs may have changed: what is fetched, who the coordinator is, what pull() has to tell.
void group_consumer::impl::after_input() {
    if (member_->take_coordinator_lost()) {
        coordinator_ = -1;
        if (line_) line_->close();
    }
    std::vector<topic_partition> gone;
    for (const partition_set* each : {&placed_, &unplaced_})
        for (const topic_partition& where : *each)
            if (member_->owned().count(where) == 0) gone.push_back(where);
    for (const topic_partition& where : gone) forget(where);
    if (member_->has_event() || member_->error()) fetching_.wake();
}

asio::awaitable<void> group_consumer::impl::carry_out(member_action& action) {
    using namespace group_action;
    if (const auto* a = std::get_if<group_action::join>(&action)) co_return co_await join(*a);
    if (const auto* a = std::get_if<group_action::sync>(&action)) co_return co_await sync(*a);
    if (const auto* a = std::get_if<group_action::heartbeat>(&action)) co_return co_await heartbeat(*a);
    if (const auto* a = std::get_if<group_action::leave>(&action)) co_return co_await leave(*a);
    if (const auto* a = std::get_if<group_action::consumer_heartbeat>(&action)) co_return co_await consumer_heartbeat(*a);
    if (const auto* a = std::get_if<count_partitions>(&action)) co_return co_await count(*a);
    if (const auto* a = std::get_if<name_topics>(&action)) co_return co_await name(*a);
}

asio::awaitable<result<std::int32_t>> group_consumer::impl::coordinator() {
    if (coordinator_ >= 0) co_return coordinator_;
    std::vector<std::string> group(1, how_.group);
    const auto found = co_await find_coordinators(cluster_, std::move(group));
    const auto mine = found.find(how_.group);
    if (mine == found.end()) co_return tl::unexpected(make_error_code(client_errc::bad_response));
    if (mine->second) coordinator_ = *mine->second;
    co_return mine->second;
}

asio::awaitable<result<connection_ptr>> group_consumer::impl::member_line() {
    if (line_ && line_->is_open()) co_return line_;
    const result<std::int32_t> id = co_await coordinator();
    if (!id) co_return tl::unexpected(id.error());
    const auto info = cluster_.brokers().find(*id);
    if (info == cluster_.brokers().end()) {
        coordinator_ = -1;
        co_return tl::unexpected(make_error_code(kafka_errc::coordinator_not_available));
    }
    endpoint to{info->second.host, info->second.port};
    result<connection_ptr> opened = co_await connection::open(cluster_.executor(), std::move(to), options_);
    if (!opened) co_return tl::unexpected(opened.error());
    if (ended_) {
        (*opened)->close();
        co_return tl::unexpected(make_error_code(client_errc::closed));
    }
    line_ = *opened;
    co_return line_;
}

template <class Response, class Request>
asio::awaitable<result<answer<Response>>> group_consumer::impl::ask(const Request& request, std::int16_t version_max,
                                                                    milliseconds patience) {
    const result<connection_ptr> to = co_await member_line();
    if (!to) co_return tl::unexpected(to.error());
    const result<std::int16_t> version = (*to)->version_of(Request::api, version_max);
    if (!version) co_return tl::unexpected(version.error());
    co_return co_await (*to)->call<Response>(request, *version, now() + patience);
}

asio::awaitable<void> group_consumer::impl::join(const group_action::join& what) {
    kafka::join_group_request request;
    request.group_id = how_.group;
    request.session_timeout_ms = in_ms(how_.session_timeout);
    request.rebalance_timeout_ms = in_ms(how_.max_poll_interval);
    request.member_id = what.member_id;
    request.group_instance_id = instance();
    request.protocol_type = "consumer";
    for (const auto& each : what.protocols) {
        auto& protocol = request.protocols.emplace_back();
        protocol.name = each.name;
        protocol.metadata = each.metadata;
    }
    // The answer comes when all members have joined, or their time for that is over.
    may_interrupt_ = true;
    const auto got = co_await ask<kafka::join_group_response>(request, 9, how_.max_poll_interval + options_.request_timeout);
    may_interrupt_ = false;
    if (!got) co_return member_->failed(got.error(), now());
    const kafka::join_group_response& from = got->message;
    join_answer answer;
    answer.error = from_wire(from.error_code);
    answer.generation = from.generation_id;
    answer.member_id = from.member_id;
    answer.leader = from.leader;
    answer.protocol = from.protocol_name.value_or("");
    answer.skip_assignment = from.skip_assignment;
    for (const auto& each : from.members) {
        join_answer::member member;
        member.id = each.member_id;
        if (each.group_instance_id) member.instance_id = std::string(*each.group_instance_id);
        member.metadata = copy_of(each.metadata);
        answer.members.push_back(std::move(member));
    }
    member_->joined(answer, now());
}

asio::awaitable<void> group_consumer::impl::sync(const group_action::sync& what) {
    kafka::sync_group_request request;
    request.group_id = how_.group;
    request.generation_id = what.generation;
    request.member_id = what.member_id;
    request.group_instance_id = instance();
    request.protocol_type = "consumer";
    request.protocol_name = what.protocol;
    for (const auto& [member, assignment] : what.assignments) {
        auto& each = request.assignments.emplace_back();
        each.member_id = member;
        each.assignment = assignment;
    }
    may_interrupt_ = true;
    const auto got = co_await ask<kafka::sync_group_response>(request, 5, how_.max_poll_interval + options_.request_timeout);
    may_interrupt_ = false;
    if (!got) co_return member_->failed(got.error(), now());
    sync_answer answer;
    answer.error = from_wire(got->message.error_code);
    answer.assignment = copy_of(got->message.assignment);
    member_->synced(answer, now());
}

asio::awaitable<void> group_consumer::impl::heartbeat(const group_action::heartbeat& what) {
    kafka::heartbeat_request request;
    request.group_id = how_.group;
    request.generation_id = what.generation;
    request.member_id = what.member_id;
    request.group_instance_id = instance();
    // No answer within the session would come too late.
    const auto patience = std::min(options_.request_timeout, how_.session_timeout);
    const auto got = co_await ask<kafka::heartbeat_response>(request, 4, patience);
    if (!got) co_return member_->failed(got.error(), now());
    member_->heartbeat_answered(from_wire(got->message.error_code), now());
}

asio::awaitable<void> group_consumer::impl::leave(const group_action::leave& what) {
    kafka::leave_group_request request;
    request.group_id = how_.group;
    request.member_id = what.member_id;
    auto& mine = request.members.emplace_back();
    mine.member_id = what.member_id;
    mine.group_instance_id = instance();
    mine.reason = what.reason;
    // Whatever the answer: without one, the session expires.
    static_cast<void>(co_await ask<kafka::leave_group_response>(request, 5, std::min(options_.request_timeout, milliseconds(5000))));
    member_->left();
}

asio::awaitable<void> group_consumer::impl::consumer_heartbeat(const group_action::consumer_heartbeat& what) {
    kafka::consumer_group_heartbeat_request request;
    request.group_id = how_.group;
    request.member_id = what.member_id;
    request.member_epoch = what.epoch;
    request.instance_id = instance();
    if (what.full) {
        if (!how_.rack.empty()) request.rack_id = how_.rack;
        if (!how_.server_assignor.empty()) request.server_assignor = how_.server_assignor;
        request.rebalance_timeout_ms = in_ms(how_.max_poll_interval);
    }
    if (what.topics) {
        request.subscribed_topic_names.emplace();
        for (const std::string& each : *what.topics) request.subscribed_topic_names->emplace_back(each);
    }
    if (what.pattern) request.subscribed_topic_regex = *what.pattern;
    if (what.owned) {
        request.topic_partitions.emplace();
        for (const auto& [id, partitions] : *what.owned) {
            auto& topic = request.topic_partitions->emplace_back();
            topic.topic_id = id;
            topic.partitions = partitions;
        }
    }
    const auto patience = what.epoch < 0 ? std::min(options_.request_timeout, milliseconds(5000)) : options_.request_timeout;
    const auto got = co_await ask<kafka::consumer_group_heartbeat_response>(request, 1, patience);
    if (got && got->version < 1 && !pattern_.empty())
        co_return member_->failed(make_error_code(client_errc::no_common_version), now());
    if (!got) co_return member_->failed(got.error(), now());
    const kafka::consumer_group_heartbeat_response& from = got->message;
    consumer_heartbeat_answer answer;
    answer.error = from_wire(from.error_code);
    answer.member_id = from.member_id.value_or("");
    answer.epoch = from.member_epoch;
    answer.interval = milliseconds(from.heartbeat_interval_ms);
    if (from.assignment) {
        answer.assignment.emplace();
        for (const auto& topic : from.assignment->topic_partitions)
            (*answer.assignment)[topic.topic_id] = topic.partitions;
    }
    member_->consumer_heartbeat_answered(answer, now());
}

asio::awaitable<void> group_consumer::impl::count(const group_action::count_partitions& what) {
    std::vector<std::string> names = what.topics;
    const result<> asked = co_await cluster_.refresh(std::move(names));
    if (!asked) co_return member_->failed(asked.error(), now());
    partition_counts counts;
    for (const std::string& each : what.topics) {
        const topic_ptr topic = cluster_.known(each);
        counts[each] = topic ? static_cast<std::int32_t>(topic->partitions.size()) : 0;
    }
    member_->counted(counts, now());
}

asio::awaitable<void> group_consumer::impl::name(const group_action::name_topics& what) {
    std::vector<uuid> ids = what.ids;
    const auto names = co_await cluster_.names_of(std::move(ids));
    if (!names) co_return member_->failed(names.error(), now());
    member_->named(*names, now());
}

}  // namespace imago::client
