#include "imago/broadcast_consumer.h"

#include <algorithm>
#include <set>

#include "client/background.h"
#include "client/list_offsets.h"
#include "client/position_file.h"

namespace imago::client {

struct broadcast_consumer::impl : background<broadcast_consumer::impl> {
    impl(asio::any_io_executor where, client_options options, broadcast_options how)
        : background(where, std::move(options)), how_(std::move(how)), fetching_(where, options_, how_.fetch),
          changed_(where) {}

    [[nodiscard]] asio::awaitable<result<>> open();
    [[nodiscard]] asio::awaitable<result<pulled>> pull(milliseconds max_wait);
    [[nodiscard]] result<> save();
    [[nodiscard]] asio::awaitable<result<>> close();
    void end();
    [[nodiscard]] asio::awaitable<result<>> discover();
    [[nodiscard]] asio::awaitable<result<>> begin(std::vector<topic_partition> where, start_from rule);
    [[nodiscard]] asio::awaitable<void> keep_discovering();
    [[nodiscard]] asio::awaitable<void> begin_again(topic_partition where);
    [[nodiscard]] position_map positions() const;

    broadcast_options how_;
    consumer fetching_;
    bool opened_ = false;
    bool ended_ = false;
    bool woken_ = false;
    event changed_;
    position_map known_;  ///< from the file, and as of when each partition was found
    std::set<topic_partition> reading_;
    position_map saved_;
    steady_time save_due_{};
};

asio::awaitable<result<>> broadcast_consumer::impl::open() {
    if (ended_) co_return tl::unexpected(make_error_code(client_errc::closed));
    if (opened_ || how_.topics.empty() || how_.position_file.empty() || how_.start.what() == start_from::kind::none)
        co_return tl::unexpected(make_error_code(client_errc::bad_argument));
    result<position_map> loaded = load_positions(how_.position_file);
    if (!loaded) co_return tl::unexpected(loaded.error());
    known_ = saved_ = std::move(*loaded);
    const result<> found = co_await discover();
    if (!found) co_return found;
    if (ended_) co_return tl::unexpected(make_error_code(client_errc::closed));
    opened_ = true;
    // Before anything is read: a file that cannot be written is found out now, and "the end" is the same next time.
    const result<> saved = save();
    if (!saved) co_return saved;
    spawn([](impl& self) { return self.keep_discovering(); });
    co_return result<>{};
}

// Begins to read partitions that are not read yet: where the file says; of a topic that it does not know, where the
// options say; partitions that a known topic has got since are read from their beginning.
asio::awaitable<result<>> broadcast_consumer::impl::discover() {
    std::vector<topic_partition> by_rule;
    std::vector<topic_partition> added;
    std::vector<std::string> names = how_.topics;
    const result<> asked = co_await cluster_.refresh(std::move(names));
    if (!asked) co_return asked;
    std::vector<std::string> topics = how_.topics;
    for (const std::string& each : topics) {
        std::string name = each;
        const result<topic_ptr> topic = co_await cluster_.topic(std::move(name), false);
        if (!topic) {
            if (!opened_) co_return tl::unexpected(topic.error());
            continue;  // it may come back
        }
        const auto first_known = known_.lower_bound({each, 0});
        const bool known_topic = first_known != known_.end() && first_known->first.topic == each;
        for (const partition_info& partition : (*topic)->partitions) {
            const topic_partition where{each, partition.index};
            if (reading_.count(where) > 0) continue;
            if (known_.count(where) == 0) {
                (known_topic ? added : by_rule).push_back(where);
                continue;
            }
            const result<> assigned = fetching_.assign_at(where, known_.at(where));
            if (!assigned) co_return assigned;
            reading_.insert(where);
        }
    }
    const result<> begun = co_await begin(std::move(by_rule), how_.start);
    if (!begun) co_return begun;
    co_return co_await begin(std::move(added), start_from::beginning());
}

asio::awaitable<result<>> broadcast_consumer::impl::begin(std::vector<topic_partition> where, start_from rule) {
    if (where.empty()) co_return result<>{};
    const std::vector<found_offset> found = co_await look_up(cluster_, std::move(where), rule);
    for (const found_offset& each : found) {
        if (each.error) co_return tl::unexpected(each.error);
        known_[each.where] = each.offset;
        const result<> assigned = fetching_.assign_at(each.where, each.offset);
        if (!assigned) co_return assigned;
        reading_.insert(each.where);
    }
    co_return result<>{};
}

asio::awaitable<void> broadcast_consumer::impl::keep_discovering() {
    while (!ended_) {
        const steady_time due = now() + how_.discovery_interval;
        while (!ended_ && now() < due) co_await changed_.wait_until(due);
        if (ended_) break;
        static_cast<void>(co_await discover());  // what failed is tried again the next time
    }
}

position_map broadcast_consumer::impl::positions() const {
    position_map all = known_;  // of topics that are no longer asked for too: they may be again
    for (const topic_partition& where : reading_) {
        const std::int64_t at = fetching_.position(where);
        if (at >= 0) all[where] = at;
    }
    return all;
}

result<> broadcast_consumer::impl::save() {
    if (!opened_) return {};
    save_due_ = now() + how_.save_interval;
    position_map all = positions();
    if (all == saved_ && !all.empty()) return {};
    if (!save_positions(how_.position_file, all)) return tl::unexpected(make_error_code(client_errc::cannot_save));
    saved_ = std::move(all);
    return {};
}

// The server no longer keeps what was to be read next.
asio::awaitable<void> broadcast_consumer::impl::begin_again(topic_partition where) {
    backoff pause(options_);
    while (!ended_) {
        std::vector<topic_partition> one(1, where);
        const std::vector<found_offset> found = co_await look_up(cluster_, std::move(one), start_from::beginning());
        if (ended_) break;
        if (!found.front().error) {
            static_cast<void>(fetching_.seek(where, found.front().offset));
            break;
        }
        if (!co_await pause.again()) break;
    }
}

asio::awaitable<result<pulled>> broadcast_consumer::impl::pull(milliseconds max_wait) {
    if (ended_) co_return tl::unexpected(make_error_code(client_errc::closed));
    if (!opened_) co_return tl::unexpected(make_error_code(client_errc::not_subscribed));
    const steady_time deadline = now() + max_wait;
    for (;;) {
        if (now() >= save_due_) {
            const result<> saved = save();
            if (!saved) co_return tl::unexpected(saved.error());
        }
        // What is not saved yet is saved in time, also when nothing more comes.
        const bool behind = positions() != saved_;
        const steady_time until = behind ? std::min(deadline, save_due_) : deadline;
        const auto wait = std::chrono::ceil<milliseconds>(std::max(until - now(), steady_time::duration(0)));
        const result<pulled> got = co_await fetching_.pull(wait);
        if (ended_) co_return tl::unexpected(make_error_code(client_errc::closed));
        if (got && got->error == kafka_errc::offset_out_of_range) {
            topic_partition where{std::string(got->topic), got->partition};
            spawn([where](impl& self) { return self.begin_again(where); });
            continue;
        }
        if (!got || got->error || !got->records.empty() || now() >= deadline || std::exchange(woken_, false)) co_return got;
    }
}

void broadcast_consumer::impl::end() {
    if (ended_) return;
    ended_ = true;
    cluster_.close();
    fetching_.wake();
    changed_.notify();
}

asio::awaitable<result<>> broadcast_consumer::impl::close() {
    const result<> saved = ended_ ? result<>{} : save();
    end();
    co_await fetching_.close();
    co_await running_.wait_empty();
    co_return saved;
}

// ---- The public face ------------------------------------------------------------------------------

broadcast_consumer::broadcast_consumer(asio::any_io_executor where, client_options options, broadcast_options how)
    : impl_(std::make_shared<impl>(std::move(where), std::move(options), std::move(how))) {}
broadcast_consumer::~broadcast_consumer() { impl_->end(); }
asio::awaitable<result<>> broadcast_consumer::open() { return impl_->open(); }
result<> broadcast_consumer::seek(const topic_partition& where, std::int64_t offset) {
    return impl_->fetching_.seek(where, offset);
}
asio::awaitable<result<pulled>> broadcast_consumer::pull(milliseconds max_wait) { return impl_->pull(max_wait); }
void broadcast_consumer::wake() {
    impl_->woken_ = true;
    impl_->fetching_.wake();
}
result<> broadcast_consumer::save() { return impl_->save(); }
std::int64_t broadcast_consumer::position(const topic_partition& where) const { return impl_->fetching_.position(where); }
std::vector<topic_partition> broadcast_consumer::partitions() const {
    return {impl_->reading_.begin(), impl_->reading_.end()};
}
asio::awaitable<result<>> broadcast_consumer::close() { return impl_->close(); }

}  // namespace imago::client
