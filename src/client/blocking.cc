#include "imago/blocking.h"

#include "client/hosted.h"
#include "imago/async.h"
#include "imago/broadcast_consumer.h"
#include "imago/group_consumer.h"

// Each call is one operation of the coroutine object, waited for. GCC 12: the awaitable is made of named arguments only.
namespace imago::client::blocking {
namespace {

template <class Client>
struct closable : hosted<Client> {
    using hosted<Client>::hosted;
    template <class T>
    [[nodiscard]] result<T> closed() const {
        return tl::unexpected(make_error_code(client_errc::closed));
    }
};

asio::awaitable<result<>> send_all(client::producer& by, const std::string& topic, std::span<const message> what) {
    std::string name = topic;
    const auto opened = co_await by.open_topic(std::move(name));
    if (!opened) co_return tl::unexpected(opened.error());
    for (const message& each : what) {
        result<> taken = by.try_send(**opened, each);
        if (!taken && taken.error() == client_errc::buffer_full) taken = co_await by.send(**opened, each);
        if (!taken) co_return taken;
    }
    co_return result<>{};
}

}  // namespace

struct producer::impl : closable<client::producer> { using closable::closable; };
struct consumer::impl : closable<client::consumer> { using closable::closable; };
struct group_consumer::impl : closable<client::group_consumer> { using closable::closable; };
struct broadcast_consumer::impl : closable<client::broadcast_consumer> { using closable::closable; };
struct admin::impl : closable<client::admin> { using closable::closable; };

producer::producer(client_options options, producer_options how)
    : impl_(std::make_unique<impl>(std::move(options), std::move(how))) {}
producer::~producer() = default;
result<> producer::send(const std::string& topic, std::span<const message> what) {
    if (impl_->is_closed()) return impl_->closed<void>();
    return impl_->wait([&](client::producer& p) { return send_all(p, topic, what); });
}
result<> producer::flush() {
    if (impl_->is_closed()) return impl_->closed<void>();
    return impl_->wait([](client::producer& p) { return p.flush(); });
}
void producer::close() { impl_->close(); }

consumer::consumer(client_options options, consumer_options how) : impl_(std::make_unique<impl>(std::move(options), how)) {}
consumer::~consumer() = default;
result<> consumer::assign(topic_partition where, std::int64_t offset) {
    if (impl_->is_closed()) return impl_->closed<void>();
    return impl_->wait([&](client::consumer& c) { return c.assign(where, offset); });
}
void consumer::unassign(const topic_partition& where) {
    if (!impl_->is_closed()) impl_->ask([&](client::consumer& c) { c.unassign(where); });
}
result<> consumer::seek(const topic_partition& where, std::int64_t offset) {
    if (impl_->is_closed()) return impl_->closed<void>();
    return impl_->ask([&](client::consumer& c) { return c.seek(where, offset); });
}
void consumer::pause(const topic_partition& where) {
    if (!impl_->is_closed()) impl_->ask([&](client::consumer& c) { c.pause(where); });
}
void consumer::resume(const topic_partition& where) {
    if (!impl_->is_closed()) impl_->ask([&](client::consumer& c) { c.resume(where); });
}
std::int64_t consumer::position(const topic_partition& where) {
    if (impl_->is_closed()) return -1;
    return impl_->ask([&](client::consumer& c) { return c.position(where); });
}
result<pulled> consumer::pull(milliseconds max_wait) {
    if (impl_->is_closed()) return impl_->closed<pulled>();
    return impl_->wait([=](client::consumer& c) { return c.pull(max_wait); });
}
void consumer::wake() {
    impl_->post([](client::consumer& c) { c.wake(); });
}
void consumer::close() { impl_->close(); }

group_consumer::group_consumer(client_options options, group_options how)
    : impl_(std::make_unique<impl>(std::move(options), std::move(how))) {}
group_consumer::~group_consumer() = default;
result<> group_consumer::subscribe(std::vector<std::string> topics) {
    if (impl_->is_closed()) return impl_->closed<void>();
    return impl_->ask([&](client::group_consumer& c) { return c.subscribe(std::move(topics)); });
}
result<> group_consumer::subscribe_pattern(std::string expression) {
    if (impl_->is_closed()) return impl_->closed<void>();
    return impl_->ask([&](client::group_consumer& c) { return c.subscribe_pattern(std::move(expression)); });
}
void group_consumer::unsubscribe() {
    if (!impl_->is_closed()) impl_->ask([](client::group_consumer& c) { c.unsubscribe(); });
}
result<group_pulled> group_consumer::pull(milliseconds max_wait) {
    if (impl_->is_closed()) return impl_->closed<group_pulled>();
    return impl_->wait([=](client::group_consumer& c) { return c.pull(max_wait); });
}
void group_consumer::wake() {
    impl_->post([](client::group_consumer& c) { c.wake(); });
}
result<> group_consumer::commit() {
    if (impl_->is_closed()) return impl_->closed<void>();
    return impl_->wait([](client::group_consumer& c) { return c.commit(); });
}
result<> group_consumer::commit(std::map<topic_partition, std::int64_t> offsets) {
    if (impl_->is_closed()) return impl_->closed<void>();
    return impl_->wait([&](client::group_consumer& c) { return c.commit(std::move(offsets)); });
}
void group_consumer::commit_later() {
    if (!impl_->is_closed()) impl_->ask([](client::group_consumer& c) { c.commit_later(); });
}
result<std::map<topic_partition, committed_offset>> group_consumer::committed(std::vector<topic_partition> where) {
    if (impl_->is_closed()) return impl_->closed<std::map<topic_partition, committed_offset>>();
    return impl_->wait([&](client::group_consumer& c) { return c.committed(std::move(where)); });
}
std::int64_t group_consumer::position(const topic_partition& where) {
    if (impl_->is_closed()) return -1;
    return impl_->ask([&](client::group_consumer& c) { return c.position(where); });
}
result<> group_consumer::seek(const topic_partition& where, std::int64_t offset) {
    if (impl_->is_closed()) return impl_->closed<void>();
    return impl_->ask([&](client::group_consumer& c) { return c.seek(where, offset); });
}
void group_consumer::pause(std::span<const topic_partition> where) {
    if (!impl_->is_closed()) impl_->ask([&](client::group_consumer& c) { c.pause(where); });
}
void group_consumer::resume(std::span<const topic_partition> where) {
    if (!impl_->is_closed()) impl_->ask([&](client::group_consumer& c) { c.resume(where); });
}
std::vector<topic_partition> group_consumer::assignment() {
    if (impl_->is_closed()) return {};
    return impl_->ask([](client::group_consumer& c) { return c.assignment(); });
}
void group_consumer::close() { impl_->close(); }

broadcast_consumer::broadcast_consumer(client_options options, broadcast_options how)
    : impl_(std::make_unique<impl>(std::move(options), std::move(how))) {}
broadcast_consumer::~broadcast_consumer() = default;
result<> broadcast_consumer::open() {
    if (impl_->is_closed()) return impl_->closed<void>();
    return impl_->wait([](client::broadcast_consumer& c) { return c.open(); });
}
result<pulled> broadcast_consumer::pull(milliseconds max_wait) {
    if (impl_->is_closed()) return impl_->closed<pulled>();
    return impl_->wait([=](client::broadcast_consumer& c) { return c.pull(max_wait); });
}
void broadcast_consumer::wake() {
    impl_->post([](client::broadcast_consumer& c) { c.wake(); });
}
result<> broadcast_consumer::save() {
    if (impl_->is_closed()) return impl_->closed<void>();
    return impl_->ask([](client::broadcast_consumer& c) { return c.save(); });
}
result<> broadcast_consumer::close() {
    if (impl_->is_closed()) return {};
    const result<> saved = save();
    impl_->close();
    return saved;
}

admin::admin(client_options options) : impl_(std::make_unique<impl>(std::move(options))) {}
admin::~admin() = default;
result<std::vector<topic_info>> admin::list_topics() {
    return impl_->wait([](client::admin& a) { return a.list_topics(); });
}
result<topic_info> admin::describe_topic(std::string name) {
    return impl_->wait([&](client::admin& a) { return a.describe_topic(std::move(name)); });
}
result<std::vector<named_outcome>> admin::create_topics(std::vector<new_topic> topics, bool validate_only) {
    return impl_->wait([&](client::admin& a) { return a.create_topics(std::move(topics), validate_only); });
}
result<std::vector<named_outcome>> admin::delete_topics(std::vector<std::string> names) {
    return impl_->wait([&](client::admin& a) { return a.delete_topics(std::move(names)); });
}
result<named_outcome> admin::create_partitions(std::string topic, std::int32_t count) {
    return impl_->wait([&](client::admin& a) { return a.create_partitions(std::move(topic), count); });
}
result<std::vector<config_entry>> admin::describe_configs(std::string topic) {
    return impl_->wait([&](client::admin& a) { return a.describe_configs(std::move(topic)); });
}
result<named_outcome> admin::alter_configs(std::string topic, std::vector<config_change> changes) {
    return impl_->wait([&](client::admin& a) { return a.alter_configs(std::move(topic), std::move(changes)); });
}
result<std::vector<found_offset>> admin::list_offsets(std::vector<topic_partition> where, std::int64_t spec) {
    return impl_->wait([&](client::admin& a) { return a.list_offsets(std::move(where), spec); });
}
result<std::vector<found_offset>> admin::delete_records(std::map<topic_partition, std::int64_t> before) {
    return impl_->wait([&](client::admin& a) { return a.delete_records(std::move(before)); });
}

}  // namespace imago::client::blocking
