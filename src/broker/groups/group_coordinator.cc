#include "broker/groups/group_coordinator.h"

#include "broker/groups/coordinator_state.h"

namespace imago::broker::groups {

group_coordinator::group_coordinator(store::store& store, const group_table& table, group_offsets& offsets,
                                     offset_commits& commits, context with)
    : state_(std::make_unique<state>(store, table, offsets, commits, std::move(with))) {}

group_coordinator::~group_coordinator() { state_->offsets_.on_group_gone = {}; }

ticket group_coordinator::join(std::string group, join_request asked, unix_ms now, answer_to<join_answer> done) {
    return state_->feed<join_answer>(
        group, true, false, {}, now, std::move(done),
        [&asked](machine& to, token mine, unix_ms at) { return to.join(mine, asked, at); });
}

ticket group_coordinator::sync(std::string group, sync_request asked, unix_ms now, answer_to<sync_answer> done) {
    return state_->feed<sync_answer>(
        group, false, false, group_errc::unknown_member_id, now, std::move(done),
        [&asked](machine& to, token mine, unix_ms at) { return to.sync(mine, asked, at); });
}

ticket group_coordinator::heartbeat(std::string group, heartbeat_request asked, unix_ms now,
                                    answer_to<heartbeat_answer> done) {
    return state_->feed<heartbeat_answer>(
        group, false, false, group_errc::unknown_member_id, now, std::move(done),
        [&asked](machine& to, token mine, unix_ms at) { return to.heartbeat(mine, asked, at); });
}

ticket group_coordinator::leave(std::string group, leave_request asked, unix_ms now, answer_to<leave_answer> done) {
    return state_->feed<leave_answer>(
        group, false, false, group_errc::unknown_member_id, now, std::move(done),
        [&asked](machine& to, token mine, unix_ms at) { return to.leave(mine, asked, at); });
}

ticket group_coordinator::consumer_heartbeat(std::string group, consumer_heartbeat_request asked, unix_ms now,
                                             answer_to<consumer_heartbeat_answer> done) {
    const bool served = state_->with_.consumer.make != nullptr;
    const bool joins = served && asked.member_epoch == 0;
    return state_->feed<consumer_heartbeat_answer>(
        group, joins, joins, served ? group_errc::group_id_not_found : group_errc::unsupported_version, now,
        std::move(done),
        [&asked](machine& to, token mine, unix_ms at) { return to.consumer_heartbeat(mine, asked, at); });
}

void group_coordinator::topics_changed(std::vector<std::string> names) {
    {
        std::lock_guard lock(state_->interests_mutex_);
        std::erase_if(names, [this](const std::string& name) {
            return state_->every_topic_.empty() && !state_->by_topic_.contains(name);
        });
    }
    if (names.empty()) return;
    {
        std::lock_guard lock(state_->errands_mutex_);
        state_->topics_.insert(state_->topics_.end(), names.begin(), names.end());
    }
    std::lock_guard lock(state_->deadlines_mutex_);
    state_->ring(0);
}

}  // namespace imago::broker::groups
