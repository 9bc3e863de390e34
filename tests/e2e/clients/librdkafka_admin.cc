#include "librdkafka.h"

namespace e2e {
namespace {

constexpr int timeout_ms = 20000;

using new_topic = handle<rd_kafka_NewTopic_t, rd_kafka_NewTopic_destroy>;
using gone_topic = handle<rd_kafka_DeleteTopic_t, rd_kafka_DeleteTopic_destroy>;
using new_partitions = handle<rd_kafka_NewPartitions_t, rd_kafka_NewPartitions_destroy>;
using resource = handle<rd_kafka_ConfigResource_t, rd_kafka_ConfigResource_destroy>;
using deletion = handle<rd_kafka_DeleteRecords_t, rd_kafka_DeleteRecords_destroy>;
using metadata_ptr = std::unique_ptr<const struct rd_kafka_metadata, destroyer<rd_kafka_metadata_destroy>>;

event answer(rd_kafka_queue_t* answers) {
    event done(rd_kafka_queue_poll(answers, timeout_ms));
    if (!done) {
        throw failure{"no answer in time", RD_KAFKA_RESP_ERR__TIMED_OUT};
    }
    check(rd_kafka_event_error(done.get()), rd_kafka_event_error_string(done.get()));
    return done;
}

// The three topic operations answer alike: one result a topic, of which there is one.
void check_topic(const rd_kafka_topic_result_t* const* results) {
    check(rd_kafka_topic_result_error(results[0]), rd_kafka_topic_result_error_string(results[0]));
}

void create_topic(rd_kafka_t* rk, rd_kafka_queue_t* answers, const json& request) {
    char why[512];
    new_topic topic(rd_kafka_NewTopic_new(request.at("topic").get<std::string>().c_str(), request.at("partitions"), 1,
                                          why, sizeof why));
    if (!topic) {
        throw failure{why, RD_KAFKA_RESP_ERR__INVALID_ARG};
    }
    for (const auto& [name, value] : request.at("configs").items()) {
        rd_kafka_NewTopic_set_config(topic.get(), name.c_str(), value.get<std::string>().c_str());
    }
    rd_kafka_NewTopic_t* list[] = {topic.get()};
    rd_kafka_CreateTopics(rk, list, 1, nullptr, answers);
    const auto done = answer(answers);
    std::size_t count = 0;
    check_topic(rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(done.get()), &count));
}

void delete_topic(rd_kafka_t* rk, rd_kafka_queue_t* answers, const json& request) {
    const gone_topic topic(rd_kafka_DeleteTopic_new(request.at("topic").get<std::string>().c_str()));
    rd_kafka_DeleteTopic_t* list[] = {topic.get()};
    rd_kafka_DeleteTopics(rk, list, 1, nullptr, answers);
    const auto done = answer(answers);
    std::size_t count = 0;
    check_topic(rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(done.get()), &count));
}

void create_partitions(rd_kafka_t* rk, rd_kafka_queue_t* answers, const json& request) {
    char why[512];
    const new_partitions wanted(rd_kafka_NewPartitions_new(request.at("topic").get<std::string>().c_str(),
                                                           request.at("total"), why, sizeof why));
    rd_kafka_NewPartitions_t* list[] = {wanted.get()};
    rd_kafka_CreatePartitions(rk, list, 1, nullptr, answers);
    const auto done = answer(answers);
    std::size_t count = 0;
    check_topic(rd_kafka_CreatePartitions_result_topics(rd_kafka_event_CreatePartitions_result(done.get()), &count));
}

resource topic_resource(const json& request) {
    return resource(rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, request.at("topic").get<std::string>().c_str()));
}

void check_resource(const rd_kafka_ConfigResource_t* one) {
    check(rd_kafka_ConfigResource_error(one), rd_kafka_ConfigResource_error_string(one));
}

json describe_configs(rd_kafka_t* rk, rd_kafka_queue_t* answers, const json& request) {
    const auto asked = topic_resource(request);
    rd_kafka_ConfigResource_t* list[] = {asked.get()};
    rd_kafka_DescribeConfigs(rk, list, 1, nullptr, answers);
    const auto done = answer(answers);
    std::size_t count = 0;
    const auto* result = rd_kafka_event_DescribeConfigs_result(done.get());
    const auto* found = rd_kafka_DescribeConfigs_result_resources(result, &count)[0];
    check_resource(found);
    const auto* entries = rd_kafka_ConfigResource_configs(found, &count);
    json out = json::object();
    for (std::size_t i = 0; i < count; ++i) {
        const char* value = rd_kafka_ConfigEntry_value(entries[i]);
        out[rd_kafka_ConfigEntry_name(entries[i])] = value ? json(value) : json(nullptr);
    }
    return out;
}

// librdkafka 2.0 knows only the older AlterConfigs, which replaces the whole set.
void replace_configs(rd_kafka_t* rk, rd_kafka_queue_t* answers, const json& request) {
    const auto wanted = topic_resource(request);
    for (const auto& [name, value] : request.at("configs").items()) {
        rd_kafka_ConfigResource_set_config(wanted.get(), name.c_str(), value.get<std::string>().c_str());
    }
    rd_kafka_ConfigResource_t* list[] = {wanted.get()};
    rd_kafka_AlterConfigs(rk, list, 1, nullptr, answers);
    const auto done = answer(answers);
    std::size_t count = 0;
    check_resource(rd_kafka_AlterConfigs_result_resources(rd_kafka_event_AlterConfigs_result(done.get()), &count)[0]);
}

json delete_records(rd_kafka_t* rk, rd_kafka_queue_t* answers, const json& request) {
    const partition_list before(rd_kafka_topic_partition_list_new(1));
    rd_kafka_topic_partition_list_add(before.get(), request.at("topic").get<std::string>().c_str(),
                                      request.at("partition"))->offset = request.at("before");
    const deletion wanted(rd_kafka_DeleteRecords_new(before.get()));
    rd_kafka_DeleteRecords_t* list[] = {wanted.get()};
    rd_kafka_DeleteRecords(rk, list, 1, nullptr, answers);
    const auto done = answer(answers);
    const auto* low = rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(done.get()));
    check(low->elems[0].err, nullptr);
    return low->elems[0].offset;
}

json describe_topic(rd_kafka_t* rk, const json& request) {
    const std::string name = request.at("topic");
    const struct rd_kafka_metadata* raw = nullptr;
    check(rd_kafka_metadata(rk, 1, nullptr, &raw, timeout_ms), "metadata");
    const metadata_ptr all(raw);
    for (int i = 0; i < all->topic_cnt; ++i) {
        if (name == all->topics[i].topic) {
            check(all->topics[i].err, nullptr);
            return {{"partitions", all->topics[i].partition_cnt}};
        }
    }
    throw failure{"no such topic", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART};
}

json list_offsets(rd_kafka_t* rk, const json& request) {
    const std::string topic = request.at("topic");
    const int partition = request.at("partition");
    const auto& at = request.at("at");
    if (at.is_number()) {
        const partition_list list(rd_kafka_topic_partition_list_new(1));
        rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition)->offset = at;
        check(rd_kafka_offsets_for_times(rk, list.get(), timeout_ms), nullptr);
        check(list->elems[0].err, nullptr);
        return list->elems[0].offset;
    }
    if (at == "max_timestamp") {
        throw failure{"unsupported: max_timestamp", RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE};
    }
    std::int64_t low = 0;
    std::int64_t high = 0;
    check(rd_kafka_query_watermark_offsets(rk, topic.c_str(), partition, &low, &high, timeout_ms), nullptr);
    return at == "earliest" ? low : high;
}

}  // namespace

json administer(const std::string& address, const std::string& verb, const json& request) {
    const auto rk = connect(RD_KAFKA_PRODUCER, address, json::object());
    const queue answers(rd_kafka_queue_new(rk.get()));
    if (verb == "describe_topic") {
        return describe_topic(rk.get(), request);
    }
    if (verb == "describe_configs") {
        return describe_configs(rk.get(), answers.get(), request);
    }
    if (verb == "delete_records") {
        return delete_records(rk.get(), answers.get(), request);
    }
    if (verb == "list_offsets") {
        return list_offsets(rk.get(), request);
    }
    if (verb == "create_topic") {
        create_topic(rk.get(), answers.get(), request);
    } else if (verb == "delete_topic") {
        delete_topic(rk.get(), answers.get(), request);
    } else if (verb == "create_partitions") {
        create_partitions(rk.get(), answers.get(), request);
    } else if (verb == "replace_configs") {
        replace_configs(rk.get(), answers.get(), request);
    } else {
        throw failure{"unsupported: " + verb, RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE};
    }
    return nullptr;
}

}  // namespace e2e
