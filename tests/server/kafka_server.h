// A Kafka server over a store in memory, and a client that speaks it message by message.
#pragma once

#include "base/batch_builder.h"
#include "broker/broker.h"
#include "broker/groups/consumer_group.h"
#include "peer.h"
#include "server/kafka/subscription_bytes.h"
#include "server/kafka/worker.h"
#include "server/net/server.h"
#include "support/catch.h"
#include "support/fake_store.h"
#include "wire/kafka/create_topics.h"
#include "wire/kafka/protocol.h"

#include <atomic>
#include <mutex>
#include <string>
#include <vector>

namespace imago::test {

namespace wire = imago::wire::kafka;
using wire::kafka_error;

struct kafka_server {
    explicit kafka_server(net::net_options options = {},
                          broker::config_map configured = {{"num.partitions", "4"}})
        : tables(std::move(configured)),
          store(tables.bindings(), fake_store::mode::threaded),
          service(store, tables, {.subscriptions = &kafka::subscription_bytes(),
                                  .consumer_groups = broker::groups::consumer_group::factory()}),
          parts{.options = {}, .store = store, .broker = service} {
        std::atomic<bool> started{false};
        service.start([&](std::error_code error) {
            if (!error) started = true;
        });
        REQUIRE(soon([&] { return started.load(); }));
        parts.options.clock = [this] { return now.load(); };
        parts.options.log = [this](std::string_view line) {
            const std::lock_guard lock(mutex);
            lines.emplace_back(line);
        };
        parts.options.cluster_id = tables.settings.cluster_id();
        parts.options.host = "127.0.0.1";
        parts.options.log_directory = "/data";
        options.port = "0";
        options.threads = 2;
        auto begun = net::server::listen(
            std::move(options), [this](net::event_loop& loop) { return kafka::worker::make(parts, loop); });
        REQUIRE(begun);
        net = std::move(*begun);
        parts.options.port = net->port();
        net->accept();
    }
    ~kafka_server() {
        net.reset();
        store.close();
    }
    [[nodiscard]] std::uint16_t port() const { return net->port(); }
    /// Lines in the log so far.
    [[nodiscard]] std::size_t lines_logged() {
        const std::lock_guard lock(mutex);
        return lines.size();
    }

    std::atomic<unix_ms> now{1'700'000'000'000};
    broker::broker_tables tables;
    fake_store store;
    broker::service service;
    kafka::services parts;
    std::mutex mutex;
    std::vector<std::string> lines;
    std::unique_ptr<net::server> net;
};

/// Sends requests and decodes answers; the messages' views live until the next call.
class kafka_client {
public:
    explicit kafka_client(const kafka_server& server) : peer_(server.port()) {}

    template <class Request>
    void send(std::int16_t version, const Request& request) {
        imago::wire::gather_buffer out;
        encode_request_frame(out, {0, version, ++correlation_, "test"}, request);
        const auto bytes = out.flatten();
        REQUIRE(peer_.send(as_text(bytes)));
    }
    template <class Response>
    Response receive(std::int16_t version) {
        answer_ = peer_.receive();
        REQUIRE(answer_ != "(closed)");
        wire::reader in(as_bytes(answer_));
        const auto correlation =
            decode_response_header(in, static_cast<std::int16_t>(Response::api), version);
        REQUIRE(correlation);
        last_correlation = *correlation;
        Response response;
        const auto decoded = decode(in, version, response);
        REQUIRE(decoded);
        CHECK(in.remaining() == 0);
        return response;
    }
    template <class Response, class Request>
    Response call(std::int16_t version, const Request& request) {
        send(version, request);
        Response response = receive<Response>(version);
        CHECK(last_correlation == correlation_);
        return response;
    }

    uuid create_topic(std::string_view name, std::int32_t partitions,
                      std::vector<std::pair<std::string_view, std::string_view>> configs = {}) {
        wire::create_topics_request request;
        auto& topic = request.topics.emplace_back();
        topic.name = name;
        topic.num_partitions = partitions;
        topic.replication_factor = 1;
        for (const auto& [key, value] : configs) topic.configs.push_back({key, value});
        const auto response = call<wire::create_topics_response>(7, request);
        REQUIRE(response.topics.at(0).error_code == 0);
        return response.topics[0].topic_id;
    }

    peer peer_;
    std::int32_t last_correlation = 0;

private:
    std::int32_t correlation_ = 0;
    std::string answer_;
};

/// A batch of records "k0" -> text, with times `time`, `time` + 1, ...
inline std::vector<std::byte> make_batch(std::vector<std::string> values, unix_ms time,
                                         batch_producer producer = {}) {
    batch_builder builder;
    for (std::size_t i = 0; i < values.size(); ++i) {
        builder.add(time + static_cast<unix_ms>(i), as_bytes("k"), as_bytes(values[i]));
    }
    const byte_view bytes = builder.finish(producer);
    return {bytes.begin(), bytes.end()};
}

inline std::int16_t code(kafka_error error) { return wire::code_of(error); }

}  // namespace imago::test
