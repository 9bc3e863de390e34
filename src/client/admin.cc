#include <algorithm>
#include <set>

#include "client/admin_impl.h"
#include "client/list_offsets.h"
#include "wire/kafka/create_partitions.h"
#include "wire/kafka/create_topics.h"
#include "wire/kafka/delete_records.h"
#include "wire/kafka/delete_topics.h"
#include "wire/kafka/describe_configs.h"
#include "wire/kafka/incremental_alter_configs.h"

namespace imago::client {
namespace kafka = wire::kafka;

namespace {

constexpr std::int8_t topic_resource = 2;

named_outcome outcome_of(std::string_view name, std::int16_t code, const std::optional<std::string_view>& detail) {
    return {std::string(name), from_wire(code), std::string(detail.value_or(""))};
}

}  // namespace

admin::admin(asio::any_io_executor where, client_options options)
    : impl_(std::make_shared<impl>(std::move(where), std::move(options))) {}
admin::~admin() { impl_->cluster_.close(); }

asio::awaitable<void> admin::close() {
    impl_->cluster_.close();
    co_return;
}

asio::awaitable<result<std::vector<topic_info>>> admin::list_topics() {
    const auto all = co_await impl_->cluster_.all_topics();
    if (!all) co_return tl::unexpected(all.error());
    std::vector<topic_info> topics;
    for (const topic_ptr& each : *all) topics.push_back(*each);
    std::sort(topics.begin(), topics.end(), [](const topic_info& a, const topic_info& b) { return a.name < b.name; });
    co_return topics;
}

asio::awaitable<result<topic_info>> admin::describe_topic(std::string name) {
    const auto topic = co_await impl_->cluster_.topic(std::move(name), false);
    if (!topic) co_return tl::unexpected(topic.error());
    co_return **topic;
}

asio::awaitable<result<std::vector<broker_info>>> admin::describe_brokers() {
    std::vector<std::string> none;
    const result<> asked = co_await impl_->cluster_.refresh(std::move(none));
    if (!asked) co_return tl::unexpected(asked.error());
    std::vector<broker_info> brokers;
    for (const auto& [id, each] : impl_->cluster_.brokers()) brokers.push_back(each);
    co_return brokers;
}

asio::awaitable<result<std::vector<named_outcome>>> admin::create_topics(std::vector<new_topic> topics,
                                                                         bool validate_only) {
    kafka::create_topics_request request;
    request.timeout_ms = impl_->timeout_ms();
    request.validate_only = validate_only;
    for (const new_topic& each : topics) {
        auto& topic = request.topics.emplace_back();
        topic.name = each.name;
        topic.num_partitions = each.partitions;
        topic.replication_factor = each.replication_factor;
        for (const auto& [name, value] : each.configs) {
            auto& config = topic.configs.emplace_back();
            config.name = name;
            config.value = value;
        }
    }
    const auto got = co_await impl_->ask<kafka::create_topics_response>(request);
    if (!got) co_return tl::unexpected(got.error());
    std::vector<named_outcome> outcomes;
    for (const auto& each : got->message.topics)
        outcomes.push_back(outcome_of(each.name, each.error_code, each.error_message));
    co_return outcomes;
}

asio::awaitable<result<std::vector<named_outcome>>> admin::delete_topics(std::vector<std::string> names) {
    kafka::delete_topics_request request;
    request.timeout_ms = impl_->timeout_ms();
    for (const std::string& name : names) {
        request.topic_names.emplace_back(name);
        auto& topic = request.topics.emplace_back();
        topic.name = name;
    }
    const auto got = co_await impl_->ask<kafka::delete_topics_response>(request);
    if (!got) co_return tl::unexpected(got.error());
    std::vector<named_outcome> outcomes;
    for (const auto& each : got->message.responses)
        outcomes.push_back(outcome_of(each.name.value_or(""), each.error_code, each.error_message));
    co_return outcomes;
}

asio::awaitable<result<named_outcome>> admin::create_partitions(std::string topic, std::int32_t count) {
    kafka::create_partitions_request request;
    request.timeout_ms = impl_->timeout_ms();
    auto& wanted = request.topics.emplace_back();
    wanted.name = topic;
    wanted.count = count;
    const auto got = co_await impl_->ask<kafka::create_partitions_response>(request);
    if (!got) co_return tl::unexpected(got.error());
    if (got->message.results.empty()) co_return tl::unexpected(make_error_code(client_errc::bad_response));
    const auto& first = got->message.results.front();
    co_return outcome_of(first.name, first.error_code, first.error_message);
}

asio::awaitable<result<std::vector<config_entry>>> admin::describe_configs(std::string topic) {
    kafka::describe_configs_request request;
    auto& resource = request.resources.emplace_back();
    resource.resource_type = topic_resource;
    resource.resource_name = topic;
    const auto got = co_await impl_->ask<kafka::describe_configs_response>(request);
    if (!got) co_return tl::unexpected(got.error());
    if (got->message.results.empty()) co_return tl::unexpected(make_error_code(client_errc::bad_response));
    const auto& first = got->message.results.front();
    if (first.error_code != 0) co_return tl::unexpected(from_wire(first.error_code));
    std::vector<config_entry> entries;
    for (const auto& each : first.configs) {
        config_entry entry;
        entry.name = each.name;
        if (each.value) entry.value = std::string(*each.value);
        entry.is_default = each.config_source != 1;
        entry.read_only = each.read_only;
        entry.sensitive = each.is_sensitive;
        entries.push_back(std::move(entry));
    }
    std::sort(entries.begin(), entries.end(),
              [](const config_entry& a, const config_entry& b) { return a.name < b.name; });
    co_return entries;
}

asio::awaitable<result<named_outcome>> admin::alter_configs(std::string topic, std::vector<config_change> changes) {
    kafka::incremental_alter_configs_request request;
    auto& resource = request.resources.emplace_back();
    resource.resource_type = topic_resource;
    resource.resource_name = topic;
    for (const config_change& each : changes) {
        auto& config = resource.configs.emplace_back();
        config.name = each.name;
        config.config_operation = each.value ? 0 : 1;
        if (each.value) config.value = *each.value;
    }
    const auto got = co_await impl_->ask<kafka::incremental_alter_configs_response>(request);
    if (!got) co_return tl::unexpected(got.error());
    if (got->message.responses.empty()) co_return tl::unexpected(make_error_code(client_errc::bad_response));
    const auto& first = got->message.responses.front();
    co_return outcome_of(first.resource_name, first.error_code, first.error_message);
}

asio::awaitable<result<std::vector<found_offset>>> admin::list_offsets(std::vector<topic_partition> where,
                                                                       std::int64_t spec) {
    std::vector<found_offset> found = co_await client::list_offsets(impl_->cluster_, std::move(where), spec);
    co_return found;
}

asio::awaitable<result<std::vector<found_offset>>> admin::delete_records(
    std::map<topic_partition, std::int64_t> before) {
    std::map<std::int32_t, std::vector<topic_partition>> by_leader;
    std::vector<found_offset> outcomes;
    const auto failed = [&](const topic_partition& where, std::error_code error) {
        found_offset outcome;
        outcome.where = where;
        outcome.error = error;
        outcomes.push_back(std::move(outcome));
    };
    for (const auto& [where, offset] : before) {
        const result<topic_ptr> topic = co_await impl_->cluster_.topic(where.topic, false);
        if (!topic) failed(where, topic.error());
        else if (where.partition < 0 || static_cast<std::size_t>(where.partition) >= (*topic)->partitions.size())
            failed(where, make_error_code(client_errc::no_such_partition));
        else by_leader[(*topic)->partitions[static_cast<std::size_t>(where.partition)].leader].push_back(where);
    }
    for (const auto& [leader, mine] : by_leader) {
        kafka::delete_records_request request;
        request.timeout_ms = impl_->timeout_ms();
        for (const topic_partition& where : mine) {
            if (request.topics.empty() || request.topics.back().name != where.topic) {
                request.topics.emplace_back();
                request.topics.back().name = where.topic;
            }
            auto& partition = request.topics.back().partitions.emplace_back();
            partition.partition_index = where.partition;
            partition.offset = before.at(where);
        }
        std::error_code error;
        const result<connection_ptr> to = co_await impl_->cluster_.broker(leader);
        if (to) {
            const auto got = co_await (*to)->call<kafka::delete_records_response>(request);
            if (got) {
                std::set<topic_partition> answered;
                for (const auto& topic : got->message.topics) {
                    for (const auto& partition : topic.partitions) {
                        found_offset outcome;
                        outcome.where = {std::string(topic.name), partition.partition_index};
                        outcome.offset = partition.low_watermark;
                        outcome.error = from_wire(partition.error_code);
                        answered.insert(outcome.where);
                        outcomes.push_back(std::move(outcome));
                    }
                }
                for (const topic_partition& where : mine)
                    if (answered.count(where) == 0) failed(where, make_error_code(client_errc::bad_response));
                continue;
            }
            error = got.error();
        } else {
            error = to.error();
        }
        for (const topic_partition& where : mine) failed(where, error);
    }
    co_return outcomes;
}

}  // namespace imago::client
