#include "client/admin_impl.h"
#include "wire/kafka/describe_log_dirs.h"

namespace imago::client {
namespace kafka = wire::kafka;

asio::awaitable<result<cluster_info>> admin::describe_cluster() {
    cluster& servers = impl_->cluster_;
    std::vector<std::string> none;
    const result<> asked = co_await servers.refresh(std::move(none));
    if (!asked) co_return tl::unexpected(asked.error());
    cluster_info info;
    info.id = servers.cluster_id();
    info.controller = servers.controller_id();
    for (const auto& [id, each] : servers.brokers()) info.brokers.push_back(each);
    co_return info;
}

asio::awaitable<result<std::vector<partition_size>>> admin::describe_log_dirs(std::vector<topic_info> topics) {
    cluster& servers = impl_->cluster_;
    std::vector<std::string> none;
    const result<> asked = co_await servers.refresh(std::move(none));
    if (!asked) co_return tl::unexpected(asked.error());
    std::vector<std::int32_t> ids;
    for (const auto& [id, each] : servers.brokers()) ids.push_back(id);
    kafka::describe_log_dirs_request request;
    if (!topics.empty()) request.topics.emplace();
    for (const topic_info& each : topics) {
        auto& topic = request.topics->emplace_back();
        topic.topic = each.name;
        for (const partition_info& partition : each.partitions) topic.partitions.push_back(partition.index);
    }
    std::vector<partition_size> sizes;
    for (const std::int32_t id : ids) {
        const result<connection_ptr> to = co_await servers.broker(id);
        if (!to) co_return tl::unexpected(to.error());
        const auto got = co_await (*to)->call<kafka::describe_log_dirs_response>(request);
        if (!got) co_return tl::unexpected(got.error());
        if (got->message.error_code != 0) co_return tl::unexpected(from_wire(got->message.error_code));
        for (const auto& folder : got->message.results) {
            if (folder.error_code != 0) co_return tl::unexpected(from_wire(folder.error_code));
            for (const auto& topic : folder.topics)
                for (const auto& each : topic.partitions)
                    if (!each.is_future_key)
                        sizes.push_back({{std::string(topic.name), each.partition_index}, id, each.partition_size});
        }
    }
    co_return sizes;
}

}  // namespace imago::client
