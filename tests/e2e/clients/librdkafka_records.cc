#include <chrono>

#include "librdkafka.h"

namespace e2e {
namespace {

using clock = std::chrono::steady_clock;

rd_kafka_headers_t* headers_of(const json& record) {
    rd_kafka_headers_t* headers = rd_kafka_headers_new(record.at("h").size());
    for (const auto& header : record.at("h")) {
        const std::string name = header.at(0);
        const std::string value = decode(header.at(1));
        rd_kafka_header_add(headers, name.data(), static_cast<ssize_t>(name.size()),
                            header.at(1).is_null() ? nullptr : value.data(), static_cast<ssize_t>(value.size()));
    }
    return headers;
}

json headers_of(rd_kafka_message_t* from) {
    json out = json::array();
    rd_kafka_headers_t* headers = nullptr;
    if (rd_kafka_message_headers(from, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return out;
    }
    const char* name = nullptr;
    const void* value = nullptr;
    std::size_t size = 0;
    for (std::size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR; ++i) {
        out.push_back({name, encode(value, size)});
    }
    return out;
}

json render(rd_kafka_message_t* m) {
    return {{"p", m->partition},
            {"o", m->offset},
            {"ts", rd_kafka_message_timestamp(m, nullptr)},
            {"k", encode(m->key, m->key_len)},
            {"v", encode(m->payload, m->len)},
            {"h", headers_of(m)}};
}

void collect(rd_kafka_t*, const rd_kafka_message_t* m, void*) {
    auto& answer = *static_cast<json*>(m->_private);
    answer = m->err != RD_KAFKA_RESP_ERR_NO_ERROR ? json{{"code", m->err}} : json(m->offset);
}

// The partitions at their first offset: librdkafka takes the sentinels, times are looked up first.
partition_list starts(rd_kafka_t* rk, const json& request) {
    const std::string topic = request.at("topic");
    const auto& begin = request.at("begin");
    partition_list list(rd_kafka_topic_partition_list_new(4));
    for (const auto& p : request.at("partitions")) {
        auto* entry = rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), p.get<int>());
        entry->offset = begin.is_string()         ? RD_KAFKA_OFFSET_BEGINNING
                        : begin.contains("offset") ? begin.at("offset").get<std::int64_t>()
                                                   : begin.at("time").get<std::int64_t>();
    }
    if (begin.contains("time")) {
        check(rd_kafka_offsets_for_times(rk, list.get(), 10000), nullptr);
        for (int i = 0; i < list->cnt; ++i) {
            check(list->elems[i].err, nullptr);
        }
    }
    return list;
}

}  // namespace

json produce(const std::string& address, const json& request) {
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    char why[512];
    rd_kafka_conf_set(conf, "bootstrap.servers", address.c_str(), why, sizeof why);
    rd_kafka_conf_set(conf, "log_level", "0", why, sizeof why);
    rd_kafka_conf_set(conf, "linger.ms", "20", why, sizeof why);
    rd_kafka_conf_set(conf, "message.timeout.ms", "20000", why, sizeof why);
    rd_kafka_conf_set(conf, "compression.type", request.at("codec").get<std::string>().c_str(), why, sizeof why);
    rd_kafka_conf_set_dr_msg_cb(conf, collect);
    client rk(rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why));
    if (!rk) {
        throw failure{why, RD_KAFKA_RESP_ERR__FAIL};
    }
    const auto& records = request.at("records");
    const std::string topic = request.at("topic");
    std::vector<json> offsets(records.size());   // filled by the delivery reports, which hold pointers into it
    for (std::size_t i = 0; i < records.size(); ++i) {
        const auto& r = records[i];
        const std::string key = decode(r.at("k"));
        std::string value = decode(r.at("v"));
        rd_kafka_headers_t* headers = headers_of(r);
        const std::int64_t time = r.at("ts").is_null() ? 0 : r.at("ts").get<std::int64_t>();
        const auto error = rd_kafka_producev(
            rk.get(), RD_KAFKA_V_TOPIC(topic.c_str()), RD_KAFKA_V_PARTITION(r.at("p").get<int>()),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(r.at("k").is_null() ? nullptr : key.data(), key.size()),
            RD_KAFKA_V_VALUE(r.at("v").is_null() ? nullptr : value.data(), value.size()), RD_KAFKA_V_TIMESTAMP(time),
            RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_OPAQUE(&offsets[i]), RD_KAFKA_V_END);
        if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
            rd_kafka_headers_destroy(headers);
        }
        check(error, nullptr);
    }
    check(rd_kafka_flush(rk.get(), 30000), "flush");
    for (const auto& offset : offsets) {
        if (offset.is_object()) {
            check(static_cast<rd_kafka_resp_err_t>(offset.at("code").get<int>()), nullptr);
        }
    }
    return offsets;
}

json consume(const std::string& address, const json& request) {
    const auto rk = connect(RD_KAFKA_CONSUMER, address,
                            {{"group.id", "unused"},
                             {"enable.auto.commit", "false"},
                             {"auto.offset.reset", "error"},
                             {"fetch.wait.max.ms", std::to_string(request.value("max_wait_ms", 500))}});
    rd_kafka_poll_set_consumer(rk.get());
    const auto list = starts(rk.get(), request);
    check(rd_kafka_assign(rk.get(), list.get()), "assign");
    const std::size_t count = request.at("count");
    const auto deadline = clock::now() + std::chrono::seconds(request.value("timeout_s", 20));
    json got = json::array();
    while (got.size() < count && clock::now() < deadline) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - clock::now());
        const message m(rd_kafka_consumer_poll(rk.get(), static_cast<int>(left.count())));
        if (m) {
            check(m->err, rd_kafka_message_errstr(m.get()));
            got.push_back(render(m.get()));
        }
    }
    rd_kafka_consumer_close(rk.get());
    return got;
}

}  // namespace e2e
