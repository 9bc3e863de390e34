// Private parts of classic_group, shared by its source files.
//
//   classic_group.cc      the machine's face: who is let in, what is answered at once
//   classic_members.cc    members come, change and go
//   classic_rebalance.cc  the states and what leads from one to the next; deadlines
#pragma once

#include "broker/groups/classic_group.h"
#include "broker/groups/classic_record.h"

#include <map>
#include <set>

namespace imago::broker::groups {

inline constexpr unix_ms never = INT64_MAX;
inline constexpr std::string_view consumer_protocol_type = "consumer";

struct classic_member {
    std::string id;
    instance_id instance;
    client_identity client;
    std::int32_t session_timeout_ms = 0;
    std::int32_t rebalance_timeout_ms = 0;
    std::vector<std::pair<std::string, std::string>> protocols;
    std::string assignment;
    token joining = 0;
    token syncing = 0;
    bool fresh = false;         ///< never got a join_answer: has only the timeout of new members
    unix_ms deadline = never;   ///< of its session

    [[nodiscard]] const std::string& metadata(std::string_view protocol) const;
};

struct classic_group::parts {
    parts(std::string group, const context& context) : name(std::move(group)), with(context) {}

    const std::string name;
    const context& with;

    group_state state = group_state::empty;
    group_state before = group_state::empty;  ///< the state that led to this one
    unix_ms since = -1;                       ///< when it became empty
    std::int32_t generation = 0;
    std::optional<std::string> protocol_type;
    std::optional<std::string> protocol;
    std::optional<std::string> leader;
    std::map<std::string, classic_member> members;
    std::map<std::string, std::string> statics;      ///< instance id to member id
    std::map<std::string, unix_ms> pending;          ///< ids given out, not used yet; until when
    std::set<std::string> unsynced;                  ///< members of this generation that have not synced
    std::optional<std::set<std::string>> topics;     ///< that the members subscribe to, if that can be read
    std::map<std::string, std::size_t> supported;    ///< protocol to how many members know it
    std::size_t joining = 0;                         ///< members that wait for their join_answer
    bool stored = false;                             ///< there is a durable record, or one is on its way

    unix_ms join_due = never;  ///< the join phase ends
    bool initial = false;      ///< it is the one of an empty group, which may be prolonged
    bool joined_since = false;
    std::int32_t initial_delay = 0;
    std::int32_t initial_left = 0;
    unix_ms sync_due = never;
    unix_ms next = never;  ///< no deadline is earlier

    // ---- members ----
    [[nodiscard]] classic_member* find(const std::string& id);
    [[nodiscard]] std::error_code check_member(const std::string& id, const instance_id& instance) const;
    [[nodiscard]] bool accepts(const std::string& id) const;
    [[nodiscard]] bool supports(const join_request& asked) const;
    [[nodiscard]] bool is_leader(const std::string& id) const { return leader && *leader == id; }
    [[nodiscard]] std::string new_member_id(const join_request& asked) const;
    void add(const std::string& id, token to, const join_request& asked, unix_ms now, effects& out);
    void update(classic_member& member, token to, const join_request& asked, effects& out);
    /// What waits is told `why`; then it is gone.
    void drop(const std::string& id, std::error_code why, effects& out);
    void replace_static(const std::string& old_id, const std::string& new_id, token to,
                        const join_request& asked, unix_ms now, effects& out);
    void index(const classic_member& member, bool add);
    void answer_join(classic_member& member, join_answer what, effects& out);
    void answer_sync(classic_member& member, sync_answer what, effects& out);
    [[nodiscard]] join_answer current_join(const classic_member& member) const;
    [[nodiscard]] std::vector<joined_member> members_for_leader() const;

    // ---- rebalance ----
    void go(group_state to);
    [[nodiscard]] std::int32_t rebalance_timeout() const;
    [[nodiscard]] bool all_joined() const { return members.size() == joining && pending.empty(); }
    [[nodiscard]] std::string elect_protocol() const;
    [[nodiscard]] bool have_joined_leader();
    void read_topics();
    void rebalance_or_complete(unix_ms now, effects& out);
    void prepare(unix_ms now, effects& out);
    void complete_if_joined(unix_ms now, effects& out);
    void complete_join(unix_ms now, effects& out);
    void finish_sync(const sync_request& asked, unix_ms now, effects& out);
    void removed_members(unix_ms now, effects& out);
    void store(effects& out);

    // ---- time ----
    void due(unix_ms at) {
        if (at < next) next = at;
    }
    void alive(classic_member& member, unix_ms now, std::int64_t timeout);
    void alive(classic_member& member, unix_ms now) { alive(member, now, member.session_timeout_ms); }
    void end_initial_delay(unix_ms now, effects& out);
    void end_sync(unix_ms now, effects& out);
    void find_next();
};

}  // namespace imago::broker::groups
