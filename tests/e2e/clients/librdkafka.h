#pragma once

#include <librdkafka/rdkafka.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

// What the librdkafka program shares: handles that close themselves, base64, and the one error it throws. The program
// holds the conversation described in session.py, through librdkafka's C API.
namespace e2e {

using nlohmann::json;

struct failure {
    std::string text;
    int code;
};

inline void check(rd_kafka_resp_err_t code, const char* text) {
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        throw failure{text ? text : rd_kafka_err2str(code), code};
    }
}

template <auto Destroy>
struct destroyer {
    template <typename T>
    void operator()(T* handle) const {
        Destroy(handle);
    }
};
template <typename T, auto Destroy>
using handle = std::unique_ptr<T, destroyer<Destroy>>;

using client = handle<rd_kafka_t, rd_kafka_destroy>;
using queue = handle<rd_kafka_queue_t, rd_kafka_queue_destroy>;
using event = handle<rd_kafka_event_t, rd_kafka_event_destroy>;
using message = handle<rd_kafka_message_t, rd_kafka_message_destroy>;
using partition_list = handle<rd_kafka_topic_partition_list_t, rd_kafka_topic_partition_list_destroy>;

client connect(rd_kafka_type_t type, const std::string& address, const json& settings);

json encode(const void* data, std::size_t size);   // base64; null for a null pointer
std::string decode(const json& text);              // "" for null: ask is_null() first

json produce(const std::string& address, const json& request);
json consume(const std::string& address, const json& request);
json administer(const std::string& address, const std::string& verb, const json& request);
bool is_group_verb(const std::string& verb);
json group_answer(const std::string& address, const std::string& verb, const json& request);

void say(const json& what);   // one line to the driver, from any thread

}  // namespace e2e
