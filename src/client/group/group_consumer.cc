#include <algorithm>

#include "client/group/group_impl.h"

namespace imago::client {
namespace {

/// Committing what goes away must not hold up the group, nor closing, for long.
constexpr milliseconds parting_patience{10'000};

}  // namespace

group_consumer::impl::impl(asio::any_io_executor where, client_options options, group_options how)
    : background(where, std::move(options)), how_(std::move(how)), fetching_(where, options_, how_.fetch), changed_(where) {}

result<> group_consumer::impl::subscribe(std::vector<std::string> topics, std::string pattern) {
    if (ended_) return tl::unexpected(make_error_code(client_errc::closed));
    const bool by_pattern = !pattern.empty();
    bool sane = !how_.group.empty() && topics.empty() == by_pattern;
    if (how_.protocol == group_protocol::classic) {
        sane = sane && !by_pattern && !how_.assignors.empty();
        for (const std::string& each : how_.assignors) sane = sane && find_assignor(each) != nullptr;
    }
    if (!sane) return tl::unexpected(make_error_code(client_errc::bad_argument));
    topics_ = std::move(topics);
    pattern_ = std::move(pattern);
    subscribed_ = true;
    if (!running_member_) {
        member_ = make_member();
        running_member_ = true;
        commit_due_ = now() + how_.auto_commit_interval;
        spawn([](impl& self) { return self.run(); });
    }
    member_->subscribe(topics_, pattern_);
    changed_.notify();
    return {};
}

void group_consumer::impl::unsubscribe() {
    if (!subscribed_ || !member_) return;
    subscribed_ = false;
    spawn([](impl& self) -> asio::awaitable<void> {
        if (self.how_.auto_commit && !self.ended_) {
            std::map<topic_partition, std::int64_t> last = self.positions();
            static_cast<void>(co_await self.commit(std::move(last), parting_patience));
        }
        self.member_->leave();
        if (self.may_interrupt_ && self.line_) self.line_->close();
        self.changed_.notify();
    });
}

void group_consumer::impl::forget(const topic_partition& where) {
    fetching_.unassign(where);
    placed_.erase(where);
    unplaced_.erase(where);
    reset_.erase(where);
    paused_.erase(where);
    position_errors_.erase(where);
    stored_.erase(where);
}

// The application has come back after it was told: what it was told as revoked is let go.
asio::awaitable<void> group_consumer::impl::give_up_revoked() {
    if (revoked_.empty()) co_return;
    std::vector<topic_partition> going = std::exchange(revoked_, {});
    if (how_.auto_commit) {
        std::map<topic_partition, std::int64_t> last = positions();
        std::erase_if(last, [&](const auto& each) {
            return std::find(going.begin(), going.end(), each.first) == going.end();
        });
        if (!last.empty()) {
            const result<> done = co_await commit(std::move(last), parting_patience);
            if (how_.on_commit) how_.on_commit(done ? std::error_code{} : done.error());
        }
    }
    if (ended_) co_return;
    for (const topic_partition& where : going) forget(where);
    member_->given_up();
    changed_.notify();
}

void group_consumer::impl::tell(rebalance_event event, group_pulled& into) {
    told_.assign(event.partitions.begin(), event.partitions.end());
    into.change = event.change;
    into.partitions = told_;
    switch (event.change) {
        case rebalance::assigned:
            for (const topic_partition& where : told_)
                if (member_->owned().count(where) > 0) unplaced_.insert(where);
            locate_later();
            break;
        case rebalance::revoked: revoked_ = told_; break;
        case rebalance::lost:
            for (const topic_partition& where : told_) forget(where);
            break;
        case rebalance::none: break;
    }
}

// An error of one partition: whether the application must know.
bool group_consumer::impl::explain(pulled& got) {
    if (got.error != kafka_errc::offset_out_of_range) return true;
    const topic_partition where{std::string(got.topic), got.partition};
    if (how_.start.what() == start_from::kind::none) return true;
    fetching_.unassign(where);
    placed_.erase(where);
    unplaced_.insert(where);
    reset_.insert(where);
    locate_later();
    return false;
}

asio::awaitable<result<group_pulled>> group_consumer::impl::pull(milliseconds max_wait) {
    if (ended_) co_return tl::unexpected(make_error_code(client_errc::closed));
    if (!member_) co_return tl::unexpected(make_error_code(client_errc::not_subscribed));
    const steady_time deadline = now() + max_wait;
    member_->polling();
    changed_.notify();
    co_await give_up_revoked();
    for (;;) {
        group_pulled got;
        if (ended_) co_return tl::unexpected(make_error_code(client_errc::closed));
        // Before anything is given: what earlier calls gave is dealt with.
        if (how_.auto_commit && now() >= commit_due_) {
            commit_due_ = now() + how_.auto_commit_interval;
            commit_in_background();
        }
        if (std::optional<rebalance_event> event = member_->take_event()) {
            tell(std::move(*event), got);
            member_->polled(now());
            changed_.notify();
            co_return got;
        }
        if (member_->error()) co_return tl::unexpected(member_->error());
        if (!subscribed_ && !running_member_) co_return tl::unexpected(make_error_code(client_errc::not_subscribed));
        if (!position_errors_.empty()) {
            const auto first = position_errors_.begin();
            told_.assign(1, first->first);
            got.topic = told_.front().topic;
            got.partition = told_.front().partition;
            got.error = first->second;
            position_errors_.erase(first);
            member_->polled(now());
            co_return got;
        }
        steady_time until = deadline;
        if (how_.auto_commit && !positions().empty()) until = std::min(until, std::max(commit_due_, now()));
        const auto wait = std::chrono::ceil<milliseconds>(std::max(until - now(), steady_time::duration(0)));
        result<pulled> records = co_await fetching_.pull(wait);
        if (ended_) co_return tl::unexpected(make_error_code(client_errc::closed));
        const bool woken = std::exchange(woken_, false);
        if (!records) {
            member_->polled(now());
            co_return tl::unexpected(records.error());
        }
        if (records->error && !explain(*records)) continue;
        if (records->error || !records->records.empty() || woken || (now() >= deadline && !member_->has_event())) {
            static_cast<pulled&>(got) = *records;
            member_->polled(now());
            changed_.notify();
            co_return got;
        }
    }
}

result<> group_consumer::impl::seek(const topic_partition& where, std::int64_t offset) {
    if (offset < 0) return tl::unexpected(make_error_code(client_errc::bad_argument));
    if (!member_ || member_->owned().count(where) == 0)
        return tl::unexpected(make_error_code(client_errc::not_subscribed));
    place(where, offset);
    return {};
}

void group_consumer::impl::end() {
    if (ended_) return;
    ended_ = true;
    cluster_.close();
    if (line_) line_->close();
    fetching_.wake();
    changed_.notify();
}

asio::awaitable<void> group_consumer::impl::close() {
    if (!ended_ && member_ && running_member_) {
        if (how_.auto_commit && !member_->member_id().empty()) {
            std::map<topic_partition, std::int64_t> last = positions();
            if (!last.empty()) {
                const result<> done = co_await commit(std::move(last), parting_patience);
                if (how_.on_commit) how_.on_commit(done ? std::error_code{} : done.error());
            }
        }
        member_->leave();
        if (may_interrupt_ && line_) line_->close();
        changed_.notify();
        while (running_member_) co_await changed_.wait();
    }
    end();
    co_await fetching_.close();
    co_await running_.wait_empty();
}

// ---- The public face ------------------------------------------------------------------------------

group_consumer::group_consumer(asio::any_io_executor where, client_options options, group_options how)
    : impl_(std::make_shared<impl>(std::move(where), std::move(options), std::move(how))) {}
group_consumer::~group_consumer() { impl_->end(); }

result<> group_consumer::subscribe(std::vector<std::string> topics) { return impl_->subscribe(std::move(topics), {}); }
result<> group_consumer::subscribe_pattern(std::string expression) { return impl_->subscribe({}, std::move(expression)); }
void group_consumer::unsubscribe() { impl_->unsubscribe(); }
asio::awaitable<result<group_pulled>> group_consumer::pull(milliseconds max_wait) { return impl_->pull(max_wait); }
void group_consumer::wake() {
    impl_->woken_ = true;
    impl_->fetching_.wake();
}
asio::awaitable<result<>> group_consumer::commit() {
    if (!impl_->member_) co_return tl::unexpected(make_error_code(client_errc::not_subscribed));
    std::map<topic_partition, std::int64_t> all = impl_->positions();
    co_return co_await impl_->commit(std::move(all), impl_->options_.retry_timeout);
}
asio::awaitable<result<>> group_consumer::commit(std::map<topic_partition, std::int64_t> offsets) {
    return impl_->commit(std::move(offsets), impl_->options_.retry_timeout);
}
void group_consumer::commit_later() {
    if (impl_->member_ && !impl_->ended_) impl_->commit_in_background();
}
asio::awaitable<result<std::map<topic_partition, committed_offset>>> group_consumer::committed(
    std::vector<topic_partition> where) {
    return impl_->committed(std::move(where));
}
std::int64_t group_consumer::position(const topic_partition& where) const { return impl_->fetching_.position(where); }
result<> group_consumer::seek(const topic_partition& where, std::int64_t offset) { return impl_->seek(where, offset); }
void group_consumer::pause(std::span<const topic_partition> where) {
    for (const topic_partition& each : where) {
        if (!impl_->member_ || impl_->member_->owned().count(each) == 0) continue;
        impl_->paused_.insert(each);
        impl_->fetching_.pause(each);
    }
}
void group_consumer::resume(std::span<const topic_partition> where) {
    for (const topic_partition& each : where) {
        impl_->paused_.erase(each);
        impl_->fetching_.resume(each);
    }
}
std::vector<topic_partition> group_consumer::assignment() const {
    if (!impl_->member_) return {};
    return {impl_->member_->owned().begin(), impl_->member_->owned().end()};
}
std::string group_consumer::member_id() const { return impl_->member_ ? impl_->member_->member_id() : std::string(); }
std::int32_t group_consumer::generation() const { return impl_->member_ ? impl_->member_->generation() : -1; }
asio::awaitable<void> group_consumer::close() { return impl_->close(); }

}  // namespace imago::client
