// The servers behind a bootstrap address: connections to them, and what they say of topics and leaders.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <unordered_map>

#include "base/ids.h"
#include "client/connection.h"
#include "client/event.h"
#include "imago/topic.h"

namespace imago::client {

/// A topic as of some moment; replaced, never changed.
using topic_ptr = std::shared_ptr<const topic_info>;

/// Spaces retries of one call: a pause that doubles, up to the call's time limit.
class backoff {
public:
    explicit backoff(const client_options& options)
        : pause_(options.retry_backoff), until_(std::chrono::steady_clock::now() + options.retry_timeout) {}
    /// Pauses; false without a pause when the time is used up.
    [[nodiscard]] asio::awaitable<bool> again();
    [[nodiscard]] steady_time until() const { return until_; }

private:
    milliseconds pause_;
    steady_time until_;
};

/// Connections are made when first needed, one for each server and one more for metadata, and made anew after a
/// failure. Metadata is kept per topic until it is too old or refresh() is called. One thread.
class cluster {
public:
    cluster(asio::any_io_executor where, client_options options);

    [[nodiscard]] const client_options& options() const { return options_; }
    [[nodiscard]] const asio::any_io_executor& executor() const { return where_; }

    /// The connection to one server of the cluster.
    [[nodiscard]] asio::awaitable<result<connection_ptr>> broker(std::int32_t id);
    /// A connection to any server, for metadata.
    [[nodiscard]] asio::awaitable<result<connection_ptr>> any();
    /// The server that takes admin requests; any if none is named.
    [[nodiscard]] asio::awaitable<result<connection_ptr>> controller();

    /// What is known of a topic, asked for if it is unknown or old. With `create`, the server may create it if its
    /// configuration says so. Retries until retry_timeout while the topic is not there yet and may come, which without
    /// `create` it may not.
    [[nodiscard]] asio::awaitable<result<topic_ptr>> topic(std::string name, bool create);
    /// What is known without asking; null if nothing.
    [[nodiscard]] topic_ptr known(const std::string& name) const;
    /// Asks anew for these topics, once. Topics that answer with an error are forgotten.
    [[nodiscard]] asio::awaitable<result<>> refresh(std::vector<std::string> names, bool create = false);
    /// The names of the topics with these ids, asked for where they are not known; the others are left out.
    [[nodiscard]] asio::awaitable<result<std::map<uuid, std::string>>> names_of(std::vector<uuid> ids);
    /// All topics.
    [[nodiscard]] asio::awaitable<result<std::vector<topic_ptr>>> all_topics();

    [[nodiscard]] const std::map<std::int32_t, broker_info>& brokers() const { return brokers_; }
    [[nodiscard]] std::int32_t controller_id() const { return controller_id_; }
    [[nodiscard]] const std::string& cluster_id() const { return cluster_id_; }

    /// Closes all connections; every call under way ends with an error, and so does every later one.
    void close();
    [[nodiscard]] bool is_closed() const { return closed_; }

private:
    struct slot {
        connection_ptr open;
        bool opening = false;
        std::error_code error;
    };
    struct cached {
        topic_ptr topic;
        steady_time fetched;
    };
    [[nodiscard]] asio::awaitable<result<connection_ptr>> connect(slot& into, endpoint to);
    [[nodiscard]] asio::awaitable<result<std::vector<topic_ptr>>> ask(std::optional<std::vector<std::string>> names,
                                                                      bool create, std::vector<uuid> ids = {});

    asio::any_io_executor where_;
    client_options options_;
    bool closed_ = false;
    slot seed_;
    std::size_t next_seed_ = 0;
    std::map<std::int32_t, slot> connections_;
    std::map<std::int32_t, broker_info> brokers_;
    std::int32_t controller_id_ = -1;
    std::string cluster_id_;
    std::unordered_map<std::string, cached> topics_;
    std::unordered_map<std::string, std::error_code> topic_errors_;  // of the last ask()
    event opened_;
};

}  // namespace imago::client
