// Where the group has read to: committing it, and finding where to begin.
#include <algorithm>

#include "client/coordinators.h"
#include "client/group/group_impl.h"
#include "client/list_offsets.h"
#include "wire/kafka/offset_commit.h"
#include "wire/kafka/offset_fetch.h"

namespace imago::client {
namespace kafka = wire::kafka;
namespace {

// Errors after which the coordinator, the member's epoch or the topic's leader may be another one.
bool worth_again(std::error_code error) {
    return coordinator_moved(error) || is_retriable(error) || error == kafka_errc::stale_member_epoch ||
           error == kafka_errc::unstable_offset_commit;
}

}  // namespace

std::map<topic_partition, std::int64_t> group_consumer::impl::positions() const {
    std::map<topic_partition, std::int64_t> all;
    for (const topic_partition& where : placed_) {
        if (member_->owned().count(where) == 0) continue;
        const std::int64_t at = fetching_.position(where);
        const auto stored = stored_.find(where);
        if (at >= 0 && (stored == stored_.end() || stored->second != at)) all[where] = at;
    }
    return all;
}

asio::awaitable<std::error_code> group_consumer::impl::commit_once(const std::map<topic_partition, std::int64_t>& offsets) {
    const result<std::int32_t> id = co_await coordinator();
    if (!id) co_return id.error();
    const result<connection_ptr> to = co_await cluster_.broker(*id);
    if (!to) co_return to.error();
    const result<std::int16_t> version = (*to)->version_of(kafka::api_key::offset_commit, 9);
    if (!version) co_return version.error();
    const std::string member_id = member_ ? member_->member_id() : std::string();
    kafka::offset_commit_request request;
    request.group_id = how_.group;
    request.generation_id_or_member_epoch = member_ ? member_->generation() : -1;
    request.member_id = member_id;
    if (!member_id.empty()) request.group_instance_id = instance();
    for (const auto& [where, offset] : offsets) {
        if (request.topics.empty() || request.topics.back().name != where.topic) {
            request.topics.emplace_back();
            request.topics.back().name = where.topic;
        }
        auto& partition = request.topics.back().partitions.emplace_back();
        partition.partition_index = where.partition;
        partition.committed_offset = offset;
        partition.committed_metadata = "";
    }
    const steady_time deadline = std::chrono::steady_clock::now() + options_.request_timeout;
    const auto got = co_await (*to)->call<kafka::offset_commit_response>(request, *version, deadline);
    if (!got) co_return got.error();
    std::error_code first;
    std::size_t answered = 0;
    for (const auto& topic : got->message.topics) {
        for (const auto& partition : topic.partitions) {
            ++answered;
            const std::error_code error = from_wire(partition.error_code);
            if (!first) first = error;
            const topic_partition where{std::string(topic.name), partition.partition_index};
            const auto mine = offsets.find(where);
            if (!error && mine != offsets.end()) stored_[where] = mine->second;
        }
    }
    if (!first && answered != offsets.size()) first = make_error_code(client_errc::bad_response);
    co_return first;
}

asio::awaitable<result<>> group_consumer::impl::commit(std::map<topic_partition, std::int64_t> offsets,
                                                       milliseconds patience) {
    if (offsets.empty()) co_return result<>{};
    const steady_time until = std::chrono::steady_clock::now() + patience;
    backoff pause(options_);
    for (;;) {
        if (ended_) co_return tl::unexpected(make_error_code(client_errc::closed));
        const std::error_code error = co_await commit_once(offsets);
        if (!error) co_return result<>{};
        if (coordinator_moved(error) || error.category() != kafka_category()) coordinator_ = -1;
        if (!worth_again(error) || std::chrono::steady_clock::now() >= until || !co_await pause.again())
            co_return tl::unexpected(error);
    }
}

void group_consumer::impl::commit_in_background() {
    if (committing_) return;  // the next one has what this one would
    std::map<topic_partition, std::int64_t> now = positions();
    if (now.empty()) return;
    committing_ = true;
    spawn([now](impl& self) -> asio::awaitable<void> {
        std::map<topic_partition, std::int64_t> offsets = now;
        const result<> done = co_await self.commit(std::move(offsets), self.options_.retry_timeout);
        self.committing_ = false;
        if (self.how_.on_commit) self.how_.on_commit(done ? std::error_code{} : done.error());
    });
}

asio::awaitable<result<std::map<topic_partition, committed_offset>>> group_consumer::impl::committed_once(
    const std::vector<topic_partition>& where) {
    const result<std::int32_t> id = co_await coordinator();
    if (!id) co_return tl::unexpected(id.error());
    const result<connection_ptr> to = co_await cluster_.broker(*id);
    if (!to) co_return tl::unexpected(to.error());
    const result<std::int16_t> version = (*to)->version_of(kafka::api_key::offset_fetch, 9);
    if (!version) co_return tl::unexpected(version.error());
    std::map<std::string_view, std::vector<std::int32_t>> by_topic;
    for (const topic_partition& each : where) by_topic[each.topic].push_back(each.partition);
    const bool with_epoch = how_.protocol == group_protocol::consumer && member_ && !member_->member_id().empty();
    const std::string member_id = with_epoch ? member_->member_id() : std::string();
    kafka::offset_fetch_request request;
    request.require_stable = true;
    request.group_id = how_.group;
    request.topics.emplace();
    auto& group = request.groups.emplace_back();
    group.group_id = how_.group;
    if (with_epoch) {
        group.member_id = member_id;
        group.member_epoch = member_->generation();
    }
    group.topics.emplace();
    for (const auto& [topic, partitions] : by_topic) {
        auto& old_form = request.topics->emplace_back();
        old_form.name = topic;
        old_form.partition_indexes = partitions;
        auto& wanted = group.topics->emplace_back();
        wanted.name = topic;
        wanted.partition_indexes = partitions;
    }
    const steady_time deadline = std::chrono::steady_clock::now() + options_.request_timeout;
    const auto got = co_await (*to)->call<kafka::offset_fetch_response>(request, *version, deadline);
    if (!got) co_return tl::unexpected(got.error());
    std::map<topic_partition, committed_offset> found;
    std::error_code error;
    const auto note = [&](std::string_view topic, const auto& partition) {
        if (!error) error = from_wire(partition.error_code);
        found[{std::string(topic), partition.partition_index}] = {
            partition.committed_offset, partition.committed_leader_epoch, std::string(partition.metadata.value_or(""))};
    };
    if (*version >= 8) {
        if (got->message.groups.size() != 1) co_return tl::unexpected(make_error_code(client_errc::bad_response));
        const auto& mine = got->message.groups.front();
        error = from_wire(mine.error_code);
        for (const auto& topic : mine.topics)
            for (const auto& partition : topic.partitions) note(topic.name, partition);
    } else {
        error = from_wire(got->message.error_code);
        for (const auto& topic : got->message.topics)
            for (const auto& partition : topic.partitions) note(topic.name, partition);
    }
    if (error) co_return tl::unexpected(error);
    co_return found;
}

asio::awaitable<result<std::map<topic_partition, committed_offset>>> group_consumer::impl::committed(
    std::vector<topic_partition> where) {
    backoff pause(options_);
    for (;;) {
        if (ended_) co_return tl::unexpected(make_error_code(client_errc::closed));
        const auto found = co_await committed_once(where);
        if (found) co_return found;
        const std::error_code error = found.error();
        if (coordinator_moved(error) || error.category() != kafka_category()) coordinator_ = -1;
        if (!worth_again(error) || !co_await pause.again()) co_return tl::unexpected(error);
    }
}

void group_consumer::impl::locate_later() {
    if (locating_ || unplaced_.empty() || ended_) return;
    locating_ = true;
    spawn([](impl& self) { return self.locate(); });
}

// Until every partition that was assigned has a position or an error that will not pass.
asio::awaitable<void> group_consumer::impl::locate() {
    milliseconds pause = options_.retry_backoff;
    while (!ended_ && !unplaced_.empty()) {
        std::vector<topic_partition> ask;
        std::vector<topic_partition> by_rule;
        for (const topic_partition& where : unplaced_) (reset_.count(where) > 0 ? by_rule : ask).push_back(where);
        std::error_code error;
        if (!ask.empty()) {
            const auto found = co_await committed_once(ask);
            if (ended_) break;
            if (!found) {
                error = found.error();
                if (coordinator_moved(error) || error.category() != kafka_category()) coordinator_ = -1;
            } else {
                for (const topic_partition& where : ask) {
                    const auto at = found->find(where);
                    if (at == found->end() || at->second.offset < 0) {
                        by_rule.push_back(where);
                        continue;
                    }
                    if (unplaced_.count(where) == 0) continue;  // moved by seek() or gone meanwhile
                    stored_[where] = at->second.offset;
                    place(where, at->second.offset);
                }
            }
        }
        if (!by_rule.empty() && !error) error = co_await locate_by_rule(std::move(by_rule));
        if (ended_ || unplaced_.empty()) break;
        if (error && !worth_again(error) && error != kafka_errc::unknown_member_id) {
            for (const topic_partition& where : std::exchange(unplaced_, {})) position_errors_[where] = error;
            fetching_.wake();
            break;
        }
        if (!error) continue;
        co_await sleep_for(pause);
        pause = std::min(pause * 2, milliseconds(1000));
    }
    locating_ = false;
}

asio::awaitable<std::error_code> group_consumer::impl::locate_by_rule(std::vector<topic_partition> where) {
    if (how_.start.what() == start_from::kind::none) {
        for (const topic_partition& each : where)
            if (unplaced_.erase(each) > 0) position_errors_[each] = make_error_code(client_errc::no_position);
        fetching_.wake();
        co_return std::error_code{};
    }
    const auto found = co_await look_up(cluster_, std::move(where), how_.start);
    if (ended_) co_return std::error_code{};
    std::error_code error;
    for (const found_offset& each : found) {
        if (each.error) error = each.error;
        else if (unplaced_.count(each.where) > 0) place(each.where, each.offset);
    }
    co_return error;
}

void group_consumer::impl::place(const topic_partition& where, std::int64_t offset) {
    unplaced_.erase(where);
    reset_.erase(where);
    position_errors_.erase(where);
    if (!fetching_.assign_at(where, offset)) return;
    placed_.insert(where);
    if (paused_.count(where) > 0) fetching_.pause(where);
}

}  // namespace imago::client
