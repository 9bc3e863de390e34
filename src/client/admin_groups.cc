#include <algorithm>
#include <unordered_map>

#include "client/admin_impl.h"
#include "client/coordinators.h"
#include "wire/kafka/consumer_group_describe.h"
#include "wire/kafka/delete_groups.h"
#include "wire/kafka/describe_groups.h"
#include "wire/kafka/list_groups.h"

namespace imago::client {
namespace kafka = wire::kafka;

namespace {

using outcome_map = std::map<std::string, std::error_code>;
using name_list = std::vector<std::string>;

/// What a consumer of the classic protocol is given: a version, topics with their partitions, bytes of its own.
std::vector<topic_partition> classic_assignment(byte_view bytes) {
    std::vector<topic_partition> places;
    kafka::reader in(bytes);
    static_cast<void>(in.i16());
    for (std::int64_t topics = in.count(false, true, 6); topics > 0; --topics) {
        const std::string name(in.string(false));
        for (std::int64_t left = in.count(false, true, 4); left > 0; --left) places.push_back({name, in.i32()});
    }
    if (!in.ok()) places.clear();
    std::sort(places.begin(), places.end());
    return places;
}

/// What a consumer of the classic protocol asks for: a version, topics, and more that is of no interest here.
name_list classic_subscription(byte_view bytes) {
    name_list names;
    kafka::reader in(bytes);
    static_cast<void>(in.i16());
    for (std::int64_t left = in.count(false, true, 2); left > 0; --left) names.emplace_back(in.string(false));
    if (!in.ok()) names.clear();
    return names;
}

template <class Assignment>
std::vector<topic_partition> places_of(const Assignment& from) {
    std::vector<topic_partition> places;
    for (const auto& topic : from.topic_partitions)
        for (const std::int32_t partition : topic.partitions) places.push_back({std::string(topic.topic_name), partition});
    std::sort(places.begin(), places.end());
    return places;
}

void fill(group_description& into, const kafka::consumer_group_describe_response& answer, std::size_t at) {
    const auto& from = answer.groups[at];
    into.state = from.group_state;
    into.type = "consumer";
    into.protocol_type = "consumer";
    into.assignor = from.assignor_name;
    into.epoch = from.group_epoch;
    into.assignment_epoch = from.assignment_epoch;
    for (const auto& each : from.members) {
        group_member& member = into.members.emplace_back();
        member.id = each.member_id;
        if (each.instance_id) member.instance_id = std::string(*each.instance_id);
        member.client_id = each.client_id;
        member.client_host = each.client_host;
        member.epoch = each.member_epoch;
        member.classic = each.member_type == 0;
        member.assignment = places_of(each.assignment);
        member.target = places_of(each.target_assignment);
        for (const auto& name : each.subscribed_topic_names) member.subscribed.emplace_back(name);
        if (each.subscribed_topic_regex) member.subscribed_regex = std::string(*each.subscribed_topic_regex);
    }
}

void fill(group_description& into, const kafka::describe_groups_response& answer, std::size_t at) {
    const auto& from = answer.groups[at];
    into.state = from.group_state;
    into.type = "classic";
    into.protocol_type = from.protocol_type;
    into.assignor = from.protocol_data;
    for (const auto& each : from.members) {
        group_member& member = into.members.emplace_back();
        member.id = each.member_id;
        if (each.group_instance_id) member.instance_id = std::string(*each.group_instance_id);
        member.client_id = each.client_id;
        member.client_host = each.client_host;
        if (into.protocol_type != "consumer") continue;
        member.assignment = classic_assignment(each.member_assignment);
        member.subscribed = classic_subscription(each.member_metadata);
    }
}

/// Sets the same error for all.
void note_all(outcome_map& errors, const name_list& groups, std::error_code error) {
    for (const std::string& group : groups) errors[group] = error;
}

}  // namespace

asio::awaitable<result<std::vector<group_listing>>> admin::list_groups(group_filter which) {
    cluster& servers = impl_->cluster_;
    name_list none;
    const result<> refreshed = co_await servers.refresh(std::move(none));
    if (!refreshed) co_return tl::unexpected(refreshed.error());
    std::vector<std::int32_t> ids;
    for (const auto& [id, info] : servers.brokers()) ids.push_back(id);
    kafka::list_groups_request request;
    for (const std::string& each : which.states) request.states_filter.emplace_back(each);
    for (const std::string& each : which.types) request.types_filter.emplace_back(each);
    const std::int16_t needed = which.types.empty() ? which.states.empty() ? 0 : 4 : 5;
    std::map<std::string, group_listing> by_name;
    for (const std::int32_t id : ids) {
        backoff pause(servers.options());
        for (;;) {
            const result<connection_ptr> to = co_await servers.broker(id);
            if (!to) co_return tl::unexpected(to.error());
            const result<std::int16_t> version = (*to)->version_of(kafka::api_key::list_groups);
            if (!version) co_return tl::unexpected(version.error());
            if (*version < needed) co_return tl::unexpected(make_error_code(client_errc::no_common_version));
            const auto got = co_await (*to)->call<kafka::list_groups_response>(request);
            if (!got) co_return tl::unexpected(got.error());
            const std::error_code error = from_wire(got->message.error_code);
            if (coordinator_moved(error) && co_await pause.again()) continue;
            if (error) co_return tl::unexpected(error);
            for (const auto& each : got->message.groups)
                by_name[std::string(each.group_id)] = {std::string(each.group_id), std::string(each.group_state),
                                                       *version >= 5 ? std::string(each.group_type) : "classic",
                                                       std::string(each.protocol_type)};
            break;
        }
    }
    std::vector<group_listing> groups;
    for (auto& [name, each] : by_name) groups.push_back(std::move(each));
    co_return groups;
}

asio::awaitable<result<std::vector<group_description>>> admin::describe_groups(std::vector<std::string> groups) {
    cluster& servers = impl_->cluster_;
    std::map<std::string, group_description> described;
    outcome_map errors;
    for (const std::string& group : groups) errors[group] = {};

    // Both requests have the same shape: one entry for each group, matched by name.
    const auto take = [&](const auto& message, const name_list& mine, std::int32_t server) {
        note_all(errors, mine, make_error_code(client_errc::bad_response));
        for (std::size_t i = 0; i < message.groups.size(); ++i) {
            const std::string name(message.groups[i].group_id);
            if (errors.count(name) == 0) continue;
            group_description& into = described[name];
            into = {};
            into.id = name;
            into.coordinator = server;
            errors[name] = from_wire(message.groups[i].error_code);
            if (errors[name]) into.detail = message.groups[i].error_message.value_or("");
            else fill(into, message, i);
        }
    };
    const auto as_consumer = [&](const connection_ptr& to, std::int32_t server, const name_list& mine) -> asio::awaitable<void> {
        if (!to->version_of(kafka::api_key::consumer_group_describe)) {
            note_all(errors, mine, make_error_code(kafka_errc::group_id_not_found));
            co_return;
        }
        kafka::consumer_group_describe_request request;
        for (const std::string& group : mine) request.group_ids.emplace_back(group);
        const auto got = co_await to->call<kafka::consumer_group_describe_response>(request);
        if (!got) note_all(errors, mine, got.error());
        else take(got->message, mine, server);
    };
    const auto as_classic = [&](const connection_ptr& to, std::int32_t server, const name_list& mine) -> asio::awaitable<void> {
        kafka::describe_groups_request request;
        for (const std::string& group : mine) request.groups.emplace_back(group);
        const auto got = co_await to->call<kafka::describe_groups_response>(request);
        if (!got) {
            note_all(errors, mine, got.error());
            co_return;
        }
        take(got->message, mine, server);
        // Before version 6 a group that is not there is told as a dead one.
        for (const std::string& group : mine)
            if (!errors[group] && described[group].state == "Dead")
                errors[group] = make_error_code(kafka_errc::group_id_not_found);
    };
    co_await ask_coordinators(servers, errors, as_consumer);
    const outcome_map first = errors;
    errors.clear();
    for (const auto& [group, error] : first)
        if (error == kafka_errc::group_id_not_found || error == kafka_errc::unsupported_version) errors[group] = {};
    co_await ask_coordinators(servers, errors, as_classic);

    std::vector<group_description> all;
    for (const std::string& group : groups) {
        group_description each = described[group];
        const auto second = errors.find(group);
        each.error = second != errors.end() ? second->second : first.at(group);
        if (each.error) {
            group_description bare;
            bare.error = each.error;
            bare.detail = std::move(each.detail);
            each = std::move(bare);
        }
        each.id = group;
        all.push_back(std::move(each));
    }
    co_return all;
}

asio::awaitable<result<std::vector<named_outcome>>> admin::delete_groups(std::vector<std::string> groups) {
    outcome_map errors;
    for (const std::string& group : groups) errors[group] = {};
    const auto ask = [&](const connection_ptr& to, std::int32_t, const name_list& mine) -> asio::awaitable<void> {
        kafka::delete_groups_request request;
        for (const std::string& group : mine) request.groups_names.emplace_back(group);
        const auto got = co_await to->call<kafka::delete_groups_response>(request);
        if (!got) {
            note_all(errors, mine, got.error());
            co_return;
        }
        note_all(errors, mine, make_error_code(client_errc::bad_response));
        for (const auto& each : got->message.results) errors[std::string(each.group_id)] = from_wire(each.error_code);
    };
    co_await ask_coordinators(impl_->cluster_, errors, ask);
    std::vector<named_outcome> outcomes;
    for (const std::string& group : groups) outcomes.push_back({group, errors[group], ""});
    co_return outcomes;
}

}  // namespace imago::client
