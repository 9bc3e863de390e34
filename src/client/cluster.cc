#include "client/cluster.h"

#include <algorithm>
#include <random>

#include "wire/kafka/metadata.h"

namespace imago::client {
namespace kafka = wire::kafka;

asio::awaitable<bool> backoff::again() {
    static thread_local std::minstd_rand random{std::random_device{}()};
    const auto jitter = std::uniform_int_distribution<std::int64_t>(0, pause_.count() / 4)(random);
    const auto pause = pause_ + milliseconds(jitter);
    if (std::chrono::steady_clock::now() + pause > until_) co_return false;
    co_await sleep_for(pause);
    pause_ = std::min(pause_ * 2, milliseconds(1000));
    co_return true;
}

cluster::cluster(asio::any_io_executor where, client_options options)
    : where_(where), options_(std::move(options)), opened_(where) {}

asio::awaitable<result<connection_ptr>> cluster::connect(slot& into, endpoint to) {
    // Slots are never removed, so the reference stays good while others wait for this one to open.
    while (into.opening) co_await opened_.wait();
    if (closed_) co_return tl::unexpected(make_error_code(client_errc::closed));
    if (into.open && into.open->is_open() && into.open->peer() == to) co_return into.open;
    into.opening = true;
    auto opened = co_await connection::open(where_, std::move(to), options_);
    into.opening = false;
    opened_.notify();
    if (!opened) co_return tl::unexpected(opened.error());
    if (closed_) {
        (*opened)->close();
        co_return tl::unexpected(make_error_code(client_errc::closed));
    }
    into.open = *opened;
    co_return into.open;
}

asio::awaitable<result<connection_ptr>> cluster::any() {
    if (seed_.open && seed_.open->is_open()) co_return seed_.open;
    // First the addresses that were given, then those that the cluster told us, each once.
    std::vector<endpoint> places;
    for (const std::string& text : options_.brokers) {
        const result<endpoint> place = endpoint::parse(text);
        if (!place) co_return tl::unexpected(place.error());
        places.push_back(*place);
    }
    for (const auto& [id, info] : brokers_) {
        const endpoint place{info.host, info.port};
        if (std::find(places.begin(), places.end(), place) == places.end()) places.push_back(place);
    }
    std::error_code error = make_error_code(client_errc::not_reachable);
    for (std::size_t i = 0; i < places.size(); ++i) {
        const auto opened = co_await connect(seed_, places[(next_seed_ + i) % places.size()]);
        if (opened) {
            next_seed_ += i;
            co_return *opened;
        }
        error = opened.error();
        if (closed_) break;
    }
    co_return tl::unexpected(error);
}

asio::awaitable<result<connection_ptr>> cluster::broker(std::int32_t id) {
    const auto info = brokers_.find(id);
    if (info == brokers_.end()) co_return tl::unexpected(make_error_code(kafka_errc::leader_not_available));
    endpoint to{info->second.host, info->second.port};
    co_return co_await connect(connections_[id], std::move(to));
}

asio::awaitable<result<connection_ptr>> cluster::controller() {
    if (brokers_.empty()) {
        const result<> asked = co_await refresh({});
        if (!asked) co_return tl::unexpected(asked.error());
    }
    if (brokers_.count(controller_id_) > 0) co_return co_await broker(controller_id_);
    co_return co_await any();
}

asio::awaitable<result<std::vector<topic_ptr>>> cluster::ask(std::optional<std::vector<std::string>> names, bool create,
                                                               std::vector<uuid> ids) {
    const result<connection_ptr> to = co_await any();
    if (!to) co_return tl::unexpected(to.error());
    kafka::metadata_request request;
    request.allow_auto_topic_creation = create;
    if (names) {
        request.topics.emplace();
        for (const std::string& name : *names) {
            request.topics->emplace_back();
            request.topics->back().name = name;
        }
        for (const uuid& id : ids) {
            request.topics->emplace_back();
            request.topics->back().topic_id = id;
        }
    }
    const result<std::int16_t> version = (*to)->version_of(kafka::api_key::metadata, 12);
    if (!version) co_return tl::unexpected(version.error());
    if (*version < (ids.empty() ? 1 : 12)) co_return tl::unexpected(make_error_code(client_errc::no_common_version));
    const steady_time deadline = std::chrono::steady_clock::now() + options_.request_timeout;
    const auto got = co_await (*to)->call<kafka::metadata_response>(request, *version, deadline);
    if (!got) co_return tl::unexpected(got.error());

    const steady_time now = std::chrono::steady_clock::now();
    brokers_.clear();
    for (const auto& b : got->message.brokers)
        brokers_[b.node_id] = {b.node_id, std::string(b.host), static_cast<std::uint16_t>(b.port),
                               std::string(b.rack.value_or(""))};
    controller_id_ = got->message.controller_id;
    cluster_id_ = got->message.cluster_id.value_or("");
    topic_errors_.clear();
    std::vector<topic_ptr> topics;
    for (const auto& t : got->message.topics) {
        if (!t.name) continue;
        std::string name(*t.name);
        if (t.error_code != 0) {
            topics_.erase(name);
            topic_errors_[name] = from_wire(t.error_code);
            continue;
        }
        auto info = std::make_shared<topic_info>();
        info->name = name;
        info->id = t.topic_id.bytes;
        info->internal = t.is_internal;
        info->partitions.resize(t.partitions.size());
        bool sane = true;
        for (const auto& p : t.partitions) {
            if (p.partition_index < 0 || static_cast<std::size_t>(p.partition_index) >= t.partitions.size()) {
                sane = false;
                break;
            }
            partition_info& into = info->partitions[static_cast<std::size_t>(p.partition_index)];
            into.index = p.partition_index;
            into.leader = p.error_code == static_cast<std::int16_t>(kafka_errc::leader_not_available) ? -1 : p.leader_id;
            into.leader_epoch = p.leader_epoch;
            into.replicas = p.replica_nodes;
            into.in_sync = p.isr_nodes;
        }
        if (!sane || info->partitions.empty()) {
            topics_.erase(name);
            topic_errors_[name] = sane ? make_error_code(kafka_errc::leader_not_available)
                                      : make_error_code(client_errc::bad_response);
            continue;
        }
        topics_[name] = {info, now};
        topics.push_back(std::move(info));
    }
    co_return topics;
}

asio::awaitable<result<>> cluster::refresh(std::vector<std::string> names, bool create) {
    const auto topics = co_await ask(std::move(names), create);
    if (!topics) co_return tl::unexpected(topics.error());
    co_return result<>{};
}

asio::awaitable<result<std::map<uuid, std::string>>> cluster::names_of(std::vector<uuid> ids) {
    std::map<uuid, std::string> names;
    const auto look = [&] {
        for (const auto& [name, each] : topics_)
            for (const uuid& id : ids)
                if (each.topic->id == id.bytes) names[id] = name;
    };
    look();
    std::vector<uuid> left;
    for (const uuid& id : ids)
        if (names.count(id) == 0) left.push_back(id);
    if (left.empty()) co_return names;
    std::optional<std::vector<std::string>> none(std::in_place);
    const auto asked = co_await ask(std::move(none), false, std::move(left));
    if (!asked) co_return tl::unexpected(asked.error());
    look();
    co_return names;
}

asio::awaitable<result<std::vector<topic_ptr>>> cluster::all_topics() { return ask(std::nullopt, false); }

topic_ptr cluster::known(const std::string& name) const {
    const auto found = topics_.find(name);
    return found == topics_.end() ? nullptr : found->second.topic;
}

asio::awaitable<result<topic_ptr>> cluster::topic(std::string name, bool create) {
    backoff pause(options_);
    for (;;) {
        const auto found = topics_.find(name);
        if (found != topics_.end() &&
            std::chrono::steady_clock::now() - found->second.fetched < options_.metadata_max_age)
            co_return found->second.topic;
        std::vector<std::string> names(1, name);
        const result<> asked = co_await refresh(std::move(names), create);
        std::error_code error;
        if (!asked) {
            error = asked.error();
        } else if (topics_.count(name) > 0) {
            continue;
        } else {
            const auto why = topic_errors_.find(name);
            error = why == topic_errors_.end() ? make_error_code(client_errc::bad_response) : why->second;
        }
        const bool missing = error == kafka_errc::unknown_topic_or_partition;
        if (closed_ || !is_retriable(error) || (missing && !create)) co_return tl::unexpected(error);
        // A first answer tells at once that nobody is there; only a lost connection is worth waiting for.
        if (error == client_errc::not_reachable || error.category() == std::system_category() ||
            !co_await pause.again())
            co_return tl::unexpected(error);
    }
}

void cluster::close() {
    closed_ = true;
    if (seed_.open) seed_.open->close();
    for (auto& [id, each] : connections_)
        if (each.open) each.open->close();
}

}  // namespace imago::client
