#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <queue>
#include <set>
#include <thread>

#include "librdkafka.h"

namespace e2e {
namespace {

using place = std::pair<std::string, int>;

void tell(const char* event, json more) {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    more["ev"] = event;
    more["at"] = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
    say(more);
}

// A member of a group: polls on a thread of its own, tells what it gets, commits it. The events are in session.py.
class member {
public:
    member(const std::string& address, const json& request)
        : incremental_(request.at("assignor") == "cooperative-sticky"), commits_(request.value("commit", "each") == "each") {
        rd_kafka_conf_t* conf = rd_kafka_conf_new();
        const auto set = [&](const char* name, const std::string& value) {
            char why[512];
            if (rd_kafka_conf_set(conf, name, value.c_str(), why, sizeof why) != RD_KAFKA_CONF_OK) {
                throw failure{why, RD_KAFKA_RESP_ERR__INVALID_ARG};
            }
        };
        set("bootstrap.servers", address);
        set("log_level", "0");
        set("group.id", request.at("group"));
        set("enable.auto.commit", "false");
        set("auto.offset.reset", "earliest");
        set("fetch.wait.max.ms", "100");
        set("reconnect.backoff.ms", "20");
        set("reconnect.backoff.max.ms", "300");
        set("topic.metadata.refresh.interval.ms", "5000");
        set("session.timeout.ms", std::to_string(request.at("session_ms").get<int>()));
        set("heartbeat.interval.ms", std::to_string(request.at("heartbeat_ms").get<int>()));
        if (request.at("assignor").is_string()) {
            set("partition.assignment.strategy", request.at("assignor"));
        }
        if (request.contains("instance")) {
            set("group.instance.id", request.at("instance"));
        }
        rd_kafka_conf_set_opaque(conf, this);
        rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
        char why[512];
        rk_.reset(rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why));
        if (!rk_) {
            throw failure{why, RD_KAFKA_RESP_ERR__FAIL};
        }
        rd_kafka_poll_set_consumer(rk_.get());
        const partition_list topics(rd_kafka_topic_partition_list_new(1));
        if (request.contains("pattern")) {
            const std::string pattern = "^" + request.at("pattern").get<std::string>();
            rd_kafka_topic_partition_list_add(topics.get(), pattern.c_str(), RD_KAFKA_PARTITION_UA);
        } else {
            for (const auto& topic : request.at("topics")) {
                rd_kafka_topic_partition_list_add(topics.get(), topic.get<std::string>().c_str(), RD_KAFKA_PARTITION_UA);
            }
        }
        check(rd_kafka_subscribe(rk_.get(), topics.get()), "subscribe");
        thread_ = std::thread([this] { run(); });
    }

    ~member() {
        if (thread_.joinable()) {
            leave();
        }
    }

    json commit(const std::string& metadata) {
        return call([this, metadata] { return commit_now(metadata); });
    }

    void leave() {
        call([this]() -> json {
            rd_kafka_consumer_close(rk_.get());
            left_ = true;
            return nullptr;
        });
        thread_.join();
    }

private:
    struct request {
        std::function<json()> work;
        std::optional<json> answer;
        std::optional<failure> error;
    };

    json call(std::function<json()> work) {
        request one{std::move(work), {}, {}};
        std::unique_lock lock(mutex_);
        calls_.push(&one);
        done_.wait(lock, [&] { return one.answer || one.error; });
        if (one.error) {
            throw *one.error;
        }
        return *one.answer;
    }

    void answer_calls() {
        const std::lock_guard lock(mutex_);
        for (; !calls_.empty(); calls_.pop()) {
            try {
                calls_.front()->answer = calls_.front()->work();
            } catch (const failure& error) {
                calls_.front()->error = error;
            }
        }
        done_.notify_all();
    }

    static void on_rebalance(rd_kafka_t* rk, rd_kafka_resp_err_t what, rd_kafka_topic_partition_list_t* list, void* opaque) {
        static_cast<member*>(opaque)->rebalance(rk, what == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS, list);
    }

    void rebalance(rd_kafka_t* rk, bool gained, rd_kafka_topic_partition_list_t* list) {
        for (int i = 0; i < list->cnt; ++i) {
            const place one{list->elems[i].topic, list->elems[i].partition};
            gained ? (void)owned_.insert(one) : (void)owned_.erase(one);
            if (!gained) {
                positions_.erase(one);
            }
        }
        json parts = json::array();
        for (const auto& [topic, partition] : owned_) {
            parts.push_back({topic, partition});
        }
        tell("owned", {{"parts", parts}});
        if (incremental_) {
            rd_kafka_error_destroy(gained ? rd_kafka_incremental_assign(rk, list) : rd_kafka_incremental_unassign(rk, list));
        } else {
            rd_kafka_assign(rk, gained ? list : nullptr);
        }
    }

    json commit_now(const std::string& metadata) {
        if (positions_.empty()) {
            return json::array();
        }
        const partition_list wanted(rd_kafka_topic_partition_list_new(static_cast<int>(positions_.size())));
        json told = json::array();
        for (const auto& [where, at] : positions_) {
            auto* entry = rd_kafka_topic_partition_list_add(wanted.get(), where.first.c_str(), where.second);
            entry->offset = at;
            entry->metadata_size = metadata.size();
            entry->metadata = metadata.empty() ? nullptr : strdup(metadata.c_str());    // the list frees it
            told.push_back({where.first, where.second, at});
        }
        check(rd_kafka_commit(rk_.get(), wanted.get(), 0), "commit");
        for (int i = 0; i < wanted->cnt; ++i) {
            check(wanted->elems[i].err, "commit");
        }
        tell("committed", {{"o", told}});
        return told;
    }

    void run() {
        while (!left_) {
            answer_calls();
            if (left_) {
                return;
            }
            try {
                take();
            } catch (const failure& error) {    // a commit that comes too late, a server that is away: it goes on
                tell("trouble", {{"text", error.text}});
            }
        }
    }

    // What is there, at most 200 records; waits 100 ms for the first of them.
    void take() {
        json got = json::array();
        for (int wait_ms = 100; got.size() < 200; wait_ms = 0) {
            const message m(rd_kafka_consumer_poll(rk_.get(), wait_ms));
            if (!m) {
                break;
            }
            if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
                tell("trouble", {{"text", rd_kafka_message_errstr(m.get())}});
                continue;
            }
            const std::string topic = rd_kafka_topic_name(m->rkt);
            got.push_back({topic, m->partition, m->offset, std::string(static_cast<const char*>(m->payload), m->len)});
            if (const place one{topic, m->partition}; owned_.count(one) != 0) {
                positions_[one] = m->offset + 1;
            }
        }
        if (!got.empty()) {
            tell("got", {{"r", got}});
            if (commits_) {
                commit_now("");
            }
        }
    }

    client rk_;
    const bool incremental_;
    const bool commits_;
    bool left_ = false;                 // of the thread below, as are the next two
    std::set<place> owned_;
    std::map<place, std::int64_t> positions_;
    std::mutex mutex_;
    std::condition_variable done_;
    std::queue<request*> calls_;
    std::thread thread_;
};

std::unique_ptr<member> one;

event answer(rd_kafka_queue_t* answers) {
    event done(rd_kafka_queue_poll(answers, 20000));
    if (!done) {
        throw failure{"no answer in time", RD_KAFKA_RESP_ERR__TIMED_OUT};
    }
    check(rd_kafka_event_error(done.get()), rd_kafka_event_error_string(done.get()));
    return done;
}

void check_error(const rd_kafka_error_t* error) {
    if (error != nullptr) {
        throw failure{rd_kafka_error_string(error), rd_kafka_error_code(error)};
    }
}

json list_groups(rd_kafka_t* rk, rd_kafka_queue_t* answers) {
    rd_kafka_ListConsumerGroups(rk, nullptr, answers);
    const auto done = answer(answers);
    std::size_t count = 0;
    const auto** found = rd_kafka_ListConsumerGroups_result_valid(rd_kafka_event_ListConsumerGroups_result(done.get()), &count);
    json out = json::array();
    for (std::size_t i = 0; i < count; ++i) {
        out.push_back(rd_kafka_ConsumerGroupListing_group_id(found[i]));
    }
    return out;
}

json describe_group(rd_kafka_t* rk, rd_kafka_queue_t* answers, const std::string& group) {
    const char* names[] = {group.c_str()};
    rd_kafka_DescribeConsumerGroups(rk, names, 1, nullptr, answers);
    const auto done = answer(answers);
    std::size_t count = 0;
    const auto* found = rd_kafka_DescribeConsumerGroups_result_groups(
        rd_kafka_event_DescribeConsumerGroups_result(done.get()), &count)[0];
    check_error(rd_kafka_ConsumerGroupDescription_error(found));
    std::string state = rd_kafka_consumer_group_state_name(rd_kafka_ConsumerGroupDescription_state(found));
    state[0] = static_cast<char>(std::tolower(state[0]));
    return {{"state", state}, {"members", rd_kafka_ConsumerGroupDescription_member_count(found)}};
}

void delete_group(rd_kafka_t* rk, rd_kafka_queue_t* answers, const std::string& group) {
    rd_kafka_DeleteGroup_t* list[] = {rd_kafka_DeleteGroup_new(group.c_str())};
    rd_kafka_DeleteGroups(rk, list, 1, nullptr, answers);
    rd_kafka_DeleteGroup_destroy(list[0]);
    const auto done = answer(answers);
    std::size_t count = 0;
    check_error(rd_kafka_group_result_error(
        rd_kafka_DeleteGroups_result_groups(rd_kafka_event_DeleteGroups_result(done.get()), &count)[0]));
}

json offsets(rd_kafka_t* rk, rd_kafka_queue_t* answers, const std::string& group, const json& request) {
    const partition_list asked(rd_kafka_topic_partition_list_new(8));
    for (const auto& p : request.at("partitions")) {
        rd_kafka_topic_partition_list_add(asked.get(), request.at("topic").get<std::string>().c_str(), p.get<int>());
    }
    rd_kafka_ListConsumerGroupOffsets_t* list[] = {rd_kafka_ListConsumerGroupOffsets_new(group.c_str(), asked.get())};
    rd_kafka_ListConsumerGroupOffsets(rk, list, 1, nullptr, answers);
    rd_kafka_ListConsumerGroupOffsets_destroy(list[0]);
    const auto done = answer(answers);
    std::size_t count = 0;
    const auto* found = rd_kafka_ListConsumerGroupOffsets_result_groups(
        rd_kafka_event_ListConsumerGroupOffsets_result(done.get()), &count)[0];
    check_error(rd_kafka_group_result_error(found));
    const auto* told = rd_kafka_group_result_partitions(found);
    json out = json::array();
    for (int i = 0; i < told->cnt; ++i) {
        const auto& one_of = told->elems[i];
        check(one_of.err, nullptr);
        out.push_back({one_of.partition, std::max<std::int64_t>(one_of.offset, -1),
                       std::string(static_cast<const char*>(one_of.metadata), one_of.metadata_size)});
    }
    return out;
}

void reset_offsets(rd_kafka_t* rk, rd_kafka_queue_t* answers, const std::string& group, const json& request) {
    const partition_list wanted(rd_kafka_topic_partition_list_new(8));
    for (const auto& o : request.at("offsets")) {
        rd_kafka_topic_partition_list_add(wanted.get(), request.at("topic").get<std::string>().c_str(), o[0])->offset = o[1];
    }
    rd_kafka_AlterConsumerGroupOffsets_t* list[] = {rd_kafka_AlterConsumerGroupOffsets_new(group.c_str(), wanted.get())};
    rd_kafka_AlterConsumerGroupOffsets(rk, list, 1, nullptr, answers);
    rd_kafka_AlterConsumerGroupOffsets_destroy(list[0]);
    const auto done = answer(answers);
    std::size_t count = 0;
    const auto* found = rd_kafka_AlterConsumerGroupOffsets_result_groups(
        rd_kafka_event_AlterConsumerGroupOffsets_result(done.get()), &count)[0];
    check_error(rd_kafka_group_result_error(found));
    const auto* told = rd_kafka_group_result_partitions(found);
    for (int i = 0; i < told->cnt; ++i) {
        check(told->elems[i].err, nullptr);
    }
}

}  // namespace

bool is_group_verb(const std::string& verb) {
    static const std::set<std::string> verbs{"join",   "commit",         "leave",        "groups",
                                             "offsets", "describe_group", "delete_group", "reset_offsets"};
    return verbs.count(verb) != 0;
}

json group_answer(const std::string& address, const std::string& verb, const json& request) {
    if (verb == "join") {
        if (request.at("protocol") != "classic") {
            throw failure{"librdkafka 2.0 knows only the classic protocol", RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE};
        }
        one = std::make_unique<member>(address, request);
        return nullptr;
    }
    if (verb == "commit") {
        return one->commit(request.value("metadata", ""));
    }
    if (verb == "leave") {
        one.reset();
        return nullptr;
    }
    const auto rk = connect(RD_KAFKA_PRODUCER, address, json::object());
    const queue answers(rd_kafka_queue_new(rk.get()));
    const std::string group = request.value("group", "");
    if (verb == "groups") {
        return list_groups(rk.get(), answers.get());
    }
    if (verb == "describe_group") {
        return describe_group(rk.get(), answers.get(), group);
    }
    if (verb == "offsets") {
        return offsets(rk.get(), answers.get(), group, request);
    }
    if (verb == "reset_offsets") {
        reset_offsets(rk.get(), answers.get(), group, request);
    } else {
        delete_group(rk.get(), answers.get(), group);
    }
    return nullptr;
}

}  // namespace e2e
