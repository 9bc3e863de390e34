#include <algorithm>

#include "client/admin_impl.h"
#include "client/coordinators.h"
#include "wire/kafka/offset_commit.h"
#include "wire/kafka/offset_delete.h"
#include "wire/kafka/offset_fetch.h"

namespace imago::client {
namespace kafka = wire::kafka;

namespace {

// The last versions that name topics; later ones have ids, which say nothing of topics that are gone.
constexpr std::int16_t fetch_by_name = 9;
constexpr std::int16_t commit_by_name = 9;

template <class Topics>
void take(std::vector<group_offset>& into, const Topics& topics) {
    for (const auto& topic : topics) {
        for (const auto& each : topic.partitions) {
            group_offset& offset = into.emplace_back();
            offset.where = {std::string(topic.name), each.partition_index};
            offset.offset = each.committed_offset;
            offset.leader_epoch = each.committed_leader_epoch;
            offset.metadata = each.metadata.value_or("");
            offset.error = from_wire(each.error_code);
        }
    }
    std::sort(into.begin(), into.end(), [](const group_offset& a, const group_offset& b) { return a.where < b.where; });
}

/// The outcomes of `answer` in the order of `all`; what was not answered keeps the error that stands there.
template <class Topics>
void match(std::map<topic_partition, group_offset>& all, const Topics& answer) {
    for (const auto& topic : answer) {
        for (const auto& each : topic.partitions) {
            const auto place = all.find({std::string(topic.name), each.partition_index});
            if (place != all.end()) place->second.error = from_wire(each.error_code);
        }
    }
}

void fail_all(std::map<topic_partition, group_offset>& all, std::error_code error) {
    for (auto& [where, each] : all) each.error = error;
}

/// The first of the errors that means the coordinator has to be looked up again.
std::error_code moved(const std::map<topic_partition, group_offset>& all) {
    for (const auto& [where, each] : all)
        if (coordinator_moved(each.error)) return each.error;
    return {};
}

std::vector<group_offset> in_order(std::map<topic_partition, group_offset>& all) {
    std::vector<group_offset> list;
    for (auto& [where, each] : all) list.push_back(std::move(each));
    return list;
}

}  // namespace

asio::awaitable<result<std::vector<group_offsets>>> admin::list_group_offsets(std::vector<std::string> groups) {
    std::map<std::string, std::error_code> errors;
    for (const std::string& group : groups) errors[group] = {};
    std::map<std::string, std::vector<group_offset>> found;
    const auto ask = [&](const connection_ptr& to, std::int32_t, const std::vector<std::string>& mine) -> asio::awaitable<void> {
        const result<std::int16_t> version = to->version_of(kafka::api_key::offset_fetch, fetch_by_name);
        for (const std::string& group : mine)
            errors[group] = version && *version >= 2 ? std::error_code{} : make_error_code(client_errc::no_common_version);
        if (!version || *version < 2) co_return;
        const std::size_t step = *version >= 8 ? mine.size() : 1;
        for (std::size_t at = 0; at < mine.size(); at += step) {
            kafka::offset_fetch_request request;
            request.group_id = mine[at];
            request.topics.reset();  // all
            for (std::size_t i = at; i < at + step; ++i) {
                auto& group = request.groups.emplace_back();
                group.group_id = mine[i];
                group.topics.reset();
                errors[mine[i]] = make_error_code(client_errc::bad_response);
            }
            const steady_time deadline = std::chrono::steady_clock::now() + impl_->cluster_.options().request_timeout;
            const auto got = co_await to->call<kafka::offset_fetch_response>(request, *version, deadline);
            if (!got) {
                for (std::size_t i = at; i < at + step; ++i) errors[mine[i]] = got.error();
                continue;
            }
            if (*version < 8) {
                errors[mine[at]] = from_wire(got->message.error_code);
                found[mine[at]].clear();
                take(found[mine[at]], got->message.topics);
            }
            for (const auto& each : got->message.groups) {
                const std::string name(each.group_id);
                errors[name] = from_wire(each.error_code);
                found[name].clear();
                take(found[name], each.topics);
            }
        }
    };
    co_await ask_coordinators(impl_->cluster_, errors, ask);
    std::vector<group_offsets> all;
    for (const std::string& group : groups) all.push_back({group, errors[group], std::move(found[group])});
    co_return all;
}

asio::awaitable<result<std::vector<group_offset>>> admin::alter_group_offsets(
    std::string group, std::map<topic_partition, std::int64_t> offsets) {
    std::map<topic_partition, group_offset> all;
    for (const auto& [where, offset] : offsets) {
        group_offset& each = all[where];
        each.where = where;
        each.offset = offset;
    }
    std::map<std::string, std::error_code> errors{{group, {}}};
    const auto ask = [&](const connection_ptr& to, std::int32_t, const std::vector<std::string>&) -> asio::awaitable<void> {
        const result<std::int16_t> version = to->version_of(kafka::api_key::offset_commit, commit_by_name);
        if (!version) {
            errors[group] = version.error();
            co_return;
        }
        kafka::offset_commit_request request;
        request.group_id = group;
        for (const auto& [where, each] : all) {
            if (request.topics.empty() || request.topics.back().name != where.topic) {
                request.topics.emplace_back();
                request.topics.back().name = where.topic;
            }
            auto& partition = request.topics.back().partitions.emplace_back();
            partition.partition_index = where.partition;
            partition.committed_offset = each.offset;
            partition.committed_metadata = "";
        }
        const steady_time deadline = std::chrono::steady_clock::now() + impl_->cluster_.options().request_timeout;
        const auto got = co_await to->call<kafka::offset_commit_response>(request, *version, deadline);
        errors[group] = got ? std::error_code{} : got.error();
        if (!got) co_return;
        fail_all(all, make_error_code(client_errc::bad_response));
        match(all, got->message.topics);
        errors[group] = moved(all);
    };
    co_await ask_coordinators(impl_->cluster_, errors, ask);
    if (errors[group]) co_return tl::unexpected(errors[group]);
    co_return in_order(all);
}

asio::awaitable<result<std::vector<group_offset>>> admin::delete_group_offsets(std::string group,
                                                                               std::vector<topic_partition> where) {
    std::map<topic_partition, group_offset> all;
    for (const topic_partition& each : where) all[each].where = each;
    std::map<std::string, std::error_code> errors{{group, {}}};
    const auto ask = [&](const connection_ptr& to, std::int32_t, const std::vector<std::string>&) -> asio::awaitable<void> {
        kafka::offset_delete_request request;
        request.group_id = group;
        for (const auto& [place, each] : all) {
            if (request.topics.empty() || request.topics.back().name != place.topic) {
                request.topics.emplace_back();
                request.topics.back().name = place.topic;
            }
            request.topics.back().partitions.emplace_back().partition_index = place.partition;
        }
        const auto got = co_await to->call<kafka::offset_delete_response>(request);
        errors[group] = got ? from_wire(got->message.error_code) : got.error();
        if (errors[group]) co_return;
        fail_all(all, make_error_code(client_errc::bad_response));
        match(all, got->message.topics);
        errors[group] = moved(all);
    };
    co_await ask_coordinators(impl_->cluster_, errors, ask);
    if (errors[group]) co_return tl::unexpected(errors[group]);
    co_return in_order(all);
}

}  // namespace imago::client
