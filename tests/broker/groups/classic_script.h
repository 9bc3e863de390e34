// A classic group driven by a script: requests go in, answers are looked up by who asked.
#pragma once

#include "broker/groups/classic_group.h"
#include "broker/groups/errors.h"
#include "broker/groups/group_table.h"
#include "support/catch.h"

#include <map>
#include <string>
#include <vector>

namespace imago::test {

namespace groups = imago::broker::groups;
using groups::group_errc;
using groups::group_state;

struct no_topics final : groups::topic_directory {
    [[nodiscard]] std::optional<groups::topic_fact> by_name(std::string_view) const override { return {}; }
    [[nodiscard]] std::optional<groups::topic_fact> by_id(const uuid&) const override { return {}; }
    void each(const std::function<void(const groups::topic_fact&)>&) const override {}
};

/// Subscriptions as text: "a,b". Anything with '?' cannot be read.
struct text_codec final : groups::subscription_codec {
    [[nodiscard]] std::optional<groups::classic_subscription> read_subscription(
        std::string_view bytes) const override {
        if (bytes.find('?') != std::string_view::npos) return std::nullopt;
        groups::classic_subscription read;
        for (std::string topic; const char c : std::string(bytes) + ",") {
            if (c != ',') {
                topic += c;
            } else if (!topic.empty()) {
                read.topics.push_back(std::exchange(topic, {}));
            }
        }
        return read;
    }
    [[nodiscard]] std::optional<groups::classic_assignment> read_assignment(std::string_view) const override {
        return groups::classic_assignment{};
    }
    [[nodiscard]] std::string write_subscription(const groups::classic_subscription&) const override { return {}; }
    [[nodiscard]] std::string write_assignment(const groups::classic_assignment&) const override { return {}; }
};

struct classic_script {
    explicit classic_script(groups::group_options options = default_options()) {
        with.options = std::move(options);
        with.topics = &topics;
        with.codec = &codec;
        with.new_id = [this] { return std::to_string(++ids); };
        group = std::make_unique<groups::classic_group>("g", with);
    }
    classic_script(const classic_script&) = delete;
    classic_script& operator=(const classic_script&) = delete;

    static groups::group_options default_options() {
        groups::group_options options;
        options.initial_rebalance_delay_ms = 0;
        options.session_timeout_min_ms = 100;
        return options;
    }
    static groups::join_request join_of(std::string member, std::string topics_of = "t") {
        groups::join_request asked;
        asked.member_id = std::move(member);
        asked.session_timeout_ms = 1000;
        asked.rebalance_timeout_ms = 5000;
        asked.protocol_type = "consumer";
        asked.protocols = {{"range", std::move(topics_of)}};
        asked.client = {"c", "/host"};
        return asked;
    }

    // ---- input; the token is what answer() wants ----
    groups::token join(const groups::join_request& asked) {
        const groups::token to = ++tokens;
        take(group->join(to, asked, now));
        return to;
    }
    groups::token join(std::string member) { return join(join_of(std::move(member))); }
    groups::token sync(std::string member, std::int32_t generation,
                       std::vector<std::pair<std::string, std::string>> assignments = {},
                       groups::instance_id instance = {}) {
        groups::sync_request asked;
        asked.member_id = std::move(member);
        asked.instance = std::move(instance);
        asked.generation = generation;
        asked.assignments = std::move(assignments);
        const groups::token to = ++tokens;
        take(group->sync(to, asked, now));
        return to;
    }
    std::error_code heartbeat(std::string member, std::int32_t generation, groups::instance_id instance = {}) {
        const groups::token to = ++tokens;
        take(group->heartbeat(to, {std::move(member), std::move(instance), generation}, now));
        return answer<groups::heartbeat_answer>(to).error;
    }
    groups::leave_answer leave(std::vector<groups::leaving_member> members) {
        const groups::token to = ++tokens;
        take(group->leave(to, {std::move(members)}, now));
        return answer<groups::leave_answer>(to);
    }
    std::error_code commit(std::string member, std::int32_t generation, groups::instance_id instance = {}) {
        return group->check_commit({std::move(member), std::move(instance), generation, true}, now);
    }
    /// Time passes, with every deadline on its way.
    void wait(std::int64_t ms) {
        const unix_ms until = now + ms;
        while (group->wake() && *group->wake() <= until) {
            now = std::max(now, *group->wake());
            take(group->tick(now));
        }
        now = until;
    }

    // ---- output ----
    [[nodiscard]] bool answered(groups::token to) const { return answers.count(to) != 0; }
    template <class Answer>
    Answer answer(groups::token to) {
        REQUIRE(answered(to));
        REQUIRE(std::holds_alternative<Answer>(answers.at(to)));
        return std::get<Answer>(answers.at(to));
    }
    groups::join_answer joined(groups::token to) { return answer<groups::join_answer>(to); }
    groups::sync_answer synced(groups::token to) { return answer<groups::sync_answer>(to); }

    void take(groups::effects step) {
        for (auto& [to, what] : step.answers) {
            CHECK(answers.count(to) == 0);  // each is answered once
            answers.emplace(to, std::move(what));
        }
        for (const auto& change : step.changes) {
            table.apply(as_bytes(change.key), as_bytes(change.value), change.removed);
        }
        changes += step.changes.size();
    }
    /// A member that does the round for its id: what that is.
    std::string enter(groups::join_request asked) {
        asked.member_id_required = true;
        const auto told = joined(join(asked));
        CHECK(told.error == group_errc::member_id_required);
        return told.member_id;
    }
    /// Two members in a stable group: ids, the first one leads.
    std::pair<std::string, std::string> stable_pair() {
        const std::string a = enter(join_of(""));
        join(a);
        const std::string b = enter(join_of(""));
        sync(a, 1, {{a, "all"}});
        const auto second = join(b);
        const auto first = join(a);
        CHECK(joined(first).generation == 2);
        CHECK(joined(second).generation == 2);
        const auto waits = sync(b, 2);
        sync(a, 2, {{a, "1"}, {b, "2"}});
        CHECK(synced(waits).assignment == "2");
        CHECK(group->state() == group_state::stable);
        return {a, b};
    }
    /// What a start after a crash makes of it.
    void restart() {
        group = groups::classic_group::load("g", with, table.records_of("g"), now);
        REQUIRE(group != nullptr);
    }

    no_topics topics;
    text_codec codec;
    groups::context with;
    groups::group_table table;
    std::unique_ptr<groups::classic_group> group;
    std::map<groups::token, groups::answer> answers;
    groups::token tokens = 0;
    std::size_t changes = 0;
    int ids = 0;
    unix_ms now = 1'000'000;
};

}  // namespace imago::test
