#include "imago/callback.h"

#include <deque>
#include <unordered_map>

#include "client/hosted.h"
#include "imago/async.h"
#include "imago/broadcast_consumer.h"
#include "imago/group_consumer.h"

namespace imago::client::callback {
namespace {

constexpr milliseconds pull_for{60'000};  // stop() wakes it

/// A message that owns its bytes, on its way to the other thread.
struct owned_message {
    explicit owned_message(const message& from) : view(from) {
        const auto keep = [this](std::optional<std::string_view>& text) {
            if (text) text = texts.emplace_back(*text);
        };
        keep(view.key);
        keep(view.value);
        headers.assign(from.headers.begin(), from.headers.end());
        for (header& each : headers) {
            each.name = texts.emplace_back(each.name);
            keep(each.value);
        }
        view.headers = headers;
    }
    std::deque<std::string> texts;  // never move
    std::vector<header> headers;
    message view;
};

/// Pulls and hands on until stopped; of a Client that is a group or broadcast consumer.
template <class Pulled, class Client>
asio::awaitable<void> pump(Client& from, const bool& stopping, const std::function<void(const result<Pulled>&)>& to) {
    while (!stopping) {
        const result<Pulled> got = co_await from.pull(pull_for);
        if (stopping) break;
        bool empty = got && got->records.empty() && !got->error;
        if constexpr (requires { got->change; }) empty = empty && got->change == rebalance::none;
        if (!empty) to(got);
        if (!got && !is_retriable(got.error())) break;
    }
}

/// Ends what pumps: stop the loop, wait for it, close.
template <class Client>
void stop_pumping(hosted<Client>& host, bool& stopping, std::future<void>& done) {
    if (host.is_closed()) return;
    host.post([&stopping](Client& client) {
        stopping = true;
        client.wake();
    });
    done.get();
    host.close();
}

}  // namespace

struct producer::impl {
    impl(client_options options, producer_options how) : host(std::move(options), reporting(std::move(how))) {}

    producer_options reporting(producer_options how) {
        how.on_delivery = [this](const delivery& what) {
            for (std::size_t i = 0; i < what.tags.size(); ++i) {
                sent outcome;
                outcome.error = what.error;
                outcome.partition = what.partition;
                outcome.offset = what.offset_of(i);
                tell(what.tags[i], outcome);
            }
        };
        return how;
    }
    void tell(std::uint64_t tag, const sent& outcome) {
        const auto found = waiting.find(tag);
        if (found == waiting.end()) return;
        const auto done = std::move(found->second);
        waiting.erase(found);
        if (done) done(outcome);
    }
    /// A message to be sent, or, without one, the wish to be told when all before it is decided.
    struct item {
        std::string topic;
        std::shared_ptr<owned_message> what;
        std::function<void(const sent&)> done;
        std::function<void(result<>)> flushed;
    };
    void add(item one) {
        queue.push_back(std::move(one));
        if (std::exchange(sending, true)) return;
        host.start([this](client::producer& by) { return send_all(by); }, [] {});
    }
    // One after the other, so that the order of the calls is the order of the messages.
    asio::awaitable<void> send_all(client::producer& by) {
        for (; !queue.empty(); queue.pop_front()) {
            item& next = queue.front();  // stays where it is while others are added
            if (!next.what) {
                const result<> flushed = co_await by.flush();
                next.flushed(flushed);
                continue;
            }
            const std::uint64_t tag = next_tag++;
            waiting.emplace(tag, std::move(next.done));
            next.what->view.tag = tag;
            const auto opened = co_await by.open_topic(std::move(next.topic));
            sent refused;
            if (!opened) {
                refused.error = opened.error();
            } else {
                const result<> taken = co_await by.send(**opened, next.what->view);
                if (!taken) refused.error = taken.error();
            }
            if (refused.error) tell(tag, refused);
        }
        sending = false;
    }

    std::deque<item> queue;
    bool sending = false;
    std::unordered_map<std::uint64_t, std::function<void(const sent&)>> waiting;
    std::uint64_t next_tag = 1;
    hosted<client::producer> host;  // last: its thread sees the rest
};

producer::producer(client_options options, producer_options how)
    : impl_(std::make_unique<impl>(std::move(options), std::move(how))) {}
producer::~producer() { stop(); }
void producer::send(std::string topic, const message& what, std::function<void(const sent&)> done) {
    impl::item one;
    one.topic = std::move(topic);
    one.what = std::make_shared<owned_message>(what);
    one.done = std::move(done);
    impl_->host.post([self = impl_.get(), one = std::move(one)](client::producer&) mutable { self->add(std::move(one)); });
}
void producer::flush(std::function<void(result<>)> done) {
    impl::item one;
    one.flushed = std::move(done);
    impl_->host.post([self = impl_.get(), one = std::move(one)](client::producer&) mutable { self->add(std::move(one)); });
}
void producer::stop() {
    if (impl_->host.is_closed()) return;
    std::promise<void> flushed;
    flush([&flushed](result<>) { flushed.set_value(); });
    flushed.get_future().get();
    impl_->host.close();
}

struct group_consumer::impl {
    impl(client_options options, group_options how) : host(std::move(options), std::move(how)) {}

    asio::awaitable<void> run(client::group_consumer& from, std::vector<std::string> topics) {
        const result<> subscribed = from.subscribe(std::move(topics));
        if (!subscribed) {
            const result<group_pulled> failed = tl::unexpected(subscribed.error());
            on_pulled(failed);
            co_return;
        }
        co_await pump<group_pulled>(from, stopping, on_pulled);
    }

    std::function<void(const result<group_pulled>&)> on_pulled;
    bool stopping = false;
    std::future<void> done;
    hosted<client::group_consumer> host;
};

group_consumer::group_consumer(client_options options, group_options how, std::vector<std::string> topics,
                               std::function<void(const result<group_pulled>&)> on_pulled)
    : impl_(std::make_unique<impl>(std::move(options), std::move(how))) {
    impl_->on_pulled = std::move(on_pulled);
    auto done = std::make_shared<std::promise<void>>();
    impl_->done = done->get_future();
    impl_->host.start(
        [self = impl_.get(), topics = std::move(topics)](client::group_consumer& from) mutable {
            return self->run(from, std::move(topics));
        },
        [done] { done->set_value(); });
}
group_consumer::~group_consumer() { stop(); }
void group_consumer::commit(std::function<void(result<>)> done) {
    impl_->host.start([](client::group_consumer& c) { return c.commit(); }, std::move(done));
}
void group_consumer::stop() { stop_pumping(impl_->host, impl_->stopping, impl_->done); }

struct broadcast_consumer::impl {
    impl(client_options options, broadcast_options how) : host(std::move(options), std::move(how)) {}

    asio::awaitable<void> run(client::broadcast_consumer& from) {
        const result<> opened = co_await from.open();
        if (!opened) {
            const result<pulled> failed = tl::unexpected(opened.error());
            on_pulled(failed);
            co_return;
        }
        co_await pump<pulled>(from, stopping, on_pulled);
    }

    std::function<void(const result<pulled>&)> on_pulled;
    bool stopping = false;
    std::future<void> done;
    hosted<client::broadcast_consumer> host;
};

broadcast_consumer::broadcast_consumer(client_options options, broadcast_options how,
                                       std::function<void(const result<pulled>&)> on_pulled)
    : impl_(std::make_unique<impl>(std::move(options), std::move(how))) {
    impl_->on_pulled = std::move(on_pulled);
    auto done = std::make_shared<std::promise<void>>();
    impl_->done = done->get_future();
    impl_->host.start([self = impl_.get()](client::broadcast_consumer& from) { return self->run(from); },
                      [done] { done->set_value(); });
}
broadcast_consumer::~broadcast_consumer() { stop(); }
void broadcast_consumer::stop() { stop_pumping(impl_->host, impl_->stopping, impl_->done); }

}  // namespace imago::client::callback
