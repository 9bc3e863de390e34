// A world for group machines: topics that a test changes, a codec, and a disk on which steps become durable
// one by one.
#pragma once

#include "broker/groups/consumer_group.h"
#include "broker/groups/group_table.h"
#include "broker/record.h"
#include "support/catch.h"

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace imago::test::consumer_model {

namespace groups = broker::groups;

class model_topics final : public groups::topic_directory {
public:
    void put(const std::string& name, std::int32_t partitions) {
        auto& fact = topics_[name];
        if (fact.name.empty()) {
            fact.name = name;
            ++made_;
            fact.id.bytes[0] = static_cast<std::uint8_t>(made_ >> 8);
            fact.id.bytes[1] = static_cast<std::uint8_t>(made_);
            fact.id.bytes[15] = 1;
        }
        fact.partitions = partitions;
    }
    void erase(const std::string& name) { topics_.erase(name); }
    [[nodiscard]] const std::map<std::string, groups::topic_fact>& all() const { return topics_; }

    [[nodiscard]] std::optional<groups::topic_fact> by_name(std::string_view name) const override {
        const auto found = topics_.find(std::string(name));
        if (found == topics_.end()) return std::nullopt;
        return found->second;
    }
    [[nodiscard]] std::optional<groups::topic_fact> by_id(const uuid& id) const override {
        for (const auto& [name, fact] : topics_) {
            if (fact.id == id) return fact;
        }
        return std::nullopt;
    }
    void each(const std::function<void(const groups::topic_fact&)>& tell) const override {
        for (const auto& [name, fact] : topics_) tell(fact);
    }

private:
    std::map<std::string, groups::topic_fact> topics_;
    int made_ = 0;
};

/// The embedded consumer protocol in bytes of our own.
class model_codec final : public groups::subscription_codec {
public:
    using owned_list = std::vector<groups::classic_subscription::owned>;

    [[nodiscard]] std::string write_subscription(const groups::classic_subscription& s) const override {
        broker::record_writer out(1);
        out.put<std::uint32_t>(static_cast<std::uint32_t>(s.topics.size()));
        for (const auto& topic : s.topics) out.put_text(topic);
        put(out, s.owned_partitions);
        return out.take();
    }
    [[nodiscard]] std::optional<groups::classic_subscription> read_subscription(
        std::string_view bytes) const override {
        broker::record_reader in(as_bytes(bytes));
        if (in.get<std::uint8_t>() != 1) return std::nullopt;
        groups::classic_subscription s;
        for (auto n = in.get_count(4); n > 0; --n) s.topics.emplace_back(in.get_text());
        s.owned_partitions = get(in);
        if (!in.done()) return std::nullopt;
        return s;
    }
    [[nodiscard]] std::string write_assignment(const groups::classic_assignment& a) const override {
        broker::record_writer out(2);
        put(out, a.partitions);
        return out.take();
    }
    [[nodiscard]] std::optional<groups::classic_assignment> read_assignment(
        std::string_view bytes) const override {
        broker::record_reader in(as_bytes(bytes));
        if (in.get<std::uint8_t>() != 2) return std::nullopt;
        groups::classic_assignment a;
        a.partitions = get(in);
        if (!in.done()) return std::nullopt;
        return a;
    }

private:
    static void put(broker::record_writer& out, const owned_list& list) {
        out.put<std::uint32_t>(static_cast<std::uint32_t>(list.size()));
        for (const auto& topic : list) {
            out.put_text(topic.topic);
            out.put<std::uint32_t>(static_cast<std::uint32_t>(topic.partitions.size()));
            for (const auto p : topic.partitions) out.put<std::int32_t>(p);
        }
    }
    static owned_list get(broker::record_reader& in) {
        owned_list list;
        for (auto n = in.get_count(8); n > 0; --n) {
            auto& topic = list.emplace_back();
            topic.topic = in.get_text();
            for (auto k = in.get_count(4); k > 0; --k) topic.partitions.push_back(in.get<std::int32_t>());
        }
        return list;
    }
};

/// One group, its table, and the steps that are not durable yet.
class group_world {
public:
    group_world() {
        with.topics = &topics;
        with.codec = &codec;
        with.consumer = groups::consumer_group::factory();
        with.new_id = [this] { return "id" + std::to_string(++ids_); };
        with.options.initial_rebalance_delay_ms = 0;
        group = groups::consumer_group::make("g", with);
    }

    model_topics topics;
    model_codec codec;
    groups::context with;
    groups::group_table table;
    std::unique_ptr<groups::machine> group;
    unix_ms now = 1'000'000;

    struct step {
        broker::change_list changes;
        std::vector<std::pair<groups::token, groups::answer>> answers;
    };
    std::deque<step> pending;

    /// Carries a step out up to the disk; false if it had nothing.
    void run(groups::effects done) {
        pending.push_back({std::move(done.changes), std::move(done.answers)});
        if (done.next) group = std::move(done.next);
    }
    /// The oldest step is durable: applied, and its answers.
    std::vector<std::pair<groups::token, groups::answer>> settle() {
        step first = std::move(pending.front());
        pending.pop_front();
        for (const auto& change : first.changes) {
            table.apply(as_bytes(change.key), as_bytes(change.value), change.removed);
        }
        REQUIRE(table.unreadable() == 0);
        return std::move(first.answers);
    }
    /// The server dies: what is not durable is lost, and so are the answers to it.
    void crash();

    groups::token next_token() { return ++tokens_; }

    // ---- for scripts: one request, its answer ----
    groups::consumer_heartbeat_answer beat(groups::consumer_heartbeat_request asked) {
        return ask<groups::consumer_heartbeat_answer>(
            [&](groups::token to) { return group->consumer_heartbeat(to, asked, now); });
    }
    groups::consumer_heartbeat_answer join(const std::string& id, std::vector<std::string> names,
                                           const std::string& instance = {}) {
        groups::consumer_heartbeat_request asked;
        asked.member_id = id;
        asked.rebalance_timeout_ms = 60'000;
        asked.topics = std::move(names);
        asked.owned.emplace();
        if (!instance.empty()) asked.instance = instance;
        return beat(asked);
    }
    /// Nothing new to say.
    groups::consumer_heartbeat_answer beat(const std::string& id, std::int32_t epoch) {
        groups::consumer_heartbeat_request asked;
        asked.member_id = id;
        asked.member_epoch = epoch;
        return beat(asked);
    }
    groups::consumer_heartbeat_answer beat_owning(const std::string& id, std::int32_t epoch,
                                                  std::vector<groups::topic_partitions> owned) {
        groups::consumer_heartbeat_request asked;
        asked.member_id = id;
        asked.member_epoch = epoch;
        asked.owned = std::move(owned);
        return beat(asked);
    }
    void pass(unix_ms time) {
        const unix_ms until = now + time;
        for (auto at = group->wake(); at && *at <= until; at = group->wake()) {
            now = std::max(now, *at);
            run(group->tick(now));
            settle_all();
        }
        now = until;
    }
    void settle_all() {
        while (!pending.empty()) settle();
    }
    template <class Answer, class Call>
    Answer ask(Call call) {
        const auto to = next_token();
        run(call(to));
        std::optional<Answer> mine;
        while (!pending.empty()) {
            for (auto& [token, answer] : settle()) {
                if (token != to) continue;
                REQUIRE_FALSE(mine);
                mine = std::get<Answer>(answer);
            }
        }
        REQUIRE(mine);
        return *mine;
    }
    void topic_changed(const std::string& name) { run(group->topics_changed({name}, now)); }

private:
    groups::token tokens_ = 0;
    int ids_ = 0;
};

}  // namespace imago::test::consumer_model
