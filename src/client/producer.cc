#include "client/producer_impl.h"

#include <random>

namespace imago::client {
namespace {

timestamp_ms wall_time() {
    return std::chrono::duration_cast<milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

producer::impl::impl(asio::any_io_executor where, client_options options, producer_options how)
    : background(where, std::move(options)), how_(std::move(how)), linger_(where), changed_(where) {
    how_.max_in_flight = std::max(how_.max_in_flight, 1);
    if (how_.acks != -1) how_.idempotent = false;
    if (how_.idempotent) how_.max_in_flight = std::min(how_.max_in_flight, 5);
    identity_ready_ = !how_.idempotent;
}

asio::awaitable<result<producer::topic*>> producer::impl::open_topic(std::string name) {
    if (ended_) co_return tl::unexpected(ended_);
    const auto there = topics_.find(name);
    if (there != topics_.end()) co_return there->second.get();
    const result<topic_ptr> info = co_await cluster_.topic(name, true);
    if (!info) co_return tl::unexpected(info.error());
    auto& made = topics_[name];
    if (!made) made = std::make_unique<topic>(name, how_.partitioner, std::random_device{}());
    adopt(*made, **info);
    co_return made.get();
}

// Takes over what metadata says: new partitions, new leaders.
void producer::impl::adopt(topic& into, const topic_info& info) {
    into.id = info.id;
    for (const partition_info& from : info.partitions) {
        const auto at = static_cast<std::size_t>(from.index);
        if (at == into.partitions.size()) {
            partition_state& added = into.partitions.emplace_back(how_.idempotent, how_.max_in_flight);
            added.home = &into;
            added.index = from.index;
        }
        into.partitions[at].leader = from.leader;
    }
}

result<> producer::impl::try_send(topic& where, const message& what) {
    if (ended_) return tl::unexpected(ended_);
    if (buffered_ >= how_.buffer_bytes) return tl::unexpected(make_error_code(client_errc::buffer_full));
    const auto count = static_cast<std::int32_t>(where.partitions.size());
    const std::int32_t index = what.partition >= 0 ? what.partition : where.chooser.choose(what.key, count);
    if (index >= count) return tl::unexpected(make_error_code(client_errc::no_such_partition));
    if ((what.value ? what.value->size() : 0) + (what.key ? what.key->size() : 0) > how_.buffer_bytes)
        return tl::unexpected(make_error_code(client_errc::message_too_large));

    partition_state& partition = where.partitions[static_cast<std::size_t>(index)];
    const timestamp_ms time = what.timestamp >= 0 ? what.timestamp : wall_time();
    if (!partition.open) start_batch(partition);
    std::size_t before = partition.open->size();
    if (!partition.open->append(what, time, how_.batch_bytes)) {
        seal(partition);
        make_ready(partition);
        start_batch(partition);
        before = partition.open->size();
        static_cast<void>(partition.open->append(what, time, how_.batch_bytes));  // the first always fits
    }
    const std::size_t size = partition.open->size();
    partition.open->charged += size - before;
    buffered_ += size - before;
    if (size >= how_.batch_bytes) {
        seal(partition);
        make_ready(partition);
    }
    return {};
}

asio::awaitable<result<>> producer::impl::room() {
    while (!ended_ && buffered_ >= how_.buffer_bytes) co_await changed_.wait();
    if (ended_) co_return tl::unexpected(ended_);
    co_return result<>{};
}

asio::awaitable<result<>> producer::impl::flush() {
    for (auto& [name, each] : topics_) {
        for (partition_state& partition : each->partitions) {
            if (!partition.open) continue;
            stop_lingering(partition);
            partition.overdue = true;
        }
    }
    // All are due before the first request is put together, so that they share requests.
    for (auto& [name, each] : topics_)
        for (partition_state& partition : each->partitions)
            if (partition.open) make_ready(partition);
    while (!ended_ && outstanding_ > 0) co_await changed_.wait();
    if (ended_) co_return tl::unexpected(ended_);
    co_return result<>{};
}

asio::awaitable<void> producer::impl::close() {
    if (!ended_) {
        const result<> flushed = co_await flush();
        static_cast<void>(flushed);  // what was not delivered has been reported
    }
    end(make_error_code(client_errc::closed));
    co_await running_.wait_empty();
}

batch_ptr producer::impl::new_batch() {
    if (spare_batches_.empty()) return std::make_unique<outgoing_batch>();
    batch_ptr spare = std::move(spare_batches_.back());
    spare_batches_.pop_back();
    return spare;
}

void producer::impl::recycle(batch_ptr batch) {
    buffered_ -= batch->charged;
    --outstanding_;
    changed_.notify();
    // Kept batches are bounded by the buffer: never more memory than it may take.
    if (spare_batches_.size() >= 16 && spare_batches_.size() * how_.batch_bytes > how_.buffer_bytes / 2) return;
    batch->clear();
    spare_batches_.push_back(std::move(batch));
}

void producer::impl::start_batch(partition_state& partition) {
    const steady_time now = std::chrono::steady_clock::now();
    partition.open = new_batch();
    partition.open->deadline = now + how_.delivery_timeout;
    partition.open->charged = 0;
    partition.due = now + how_.linger;
    partition.overdue = false;
    if (linger_spares_.empty()) linger_spares_.emplace_back();
    lingering_.splice(lingering_.end(), linger_spares_, linger_spares_.begin());
    partition.place = std::prev(lingering_.end());
    *partition.place = &partition;
    partition.lingering = true;
    ++outstanding_;
    arm_linger();
}

void producer::impl::stop_lingering(partition_state& partition) {
    if (!partition.lingering) return;
    partition.lingering = false;
    linger_spares_.splice(linger_spares_.begin(), lingering_, partition.place);
}

void producer::impl::seal(partition_state& partition) {
    stop_lingering(partition);
    outgoing_batch& batch = *partition.open;
    batch.seal(how_.compression);
    partition.queue.push(std::move(partition.open));
    partition.overdue = false;
    topic& home = *partition.home;
    home.chooser.batch_done(partition.index, static_cast<std::int32_t>(home.partitions.size()));
}

void producer::impl::arm_linger() {
    if (linger_armed_ || lingering_.empty()) return;
    linger_armed_ = true;
    linger_.expires_at(lingering_.front()->due);
    linger_.async_wait([weak = weak_from_this()](std::error_code cancelled) {
        const auto self = weak.lock();
        if (!self) return;
        self->linger_armed_ = false;
        if (!cancelled && !self->ended_) self->on_linger();
    });
}

void producer::impl::on_linger() {
    const steady_time now = std::chrono::steady_clock::now();
    std::vector<partition_state*> due;
    while (!lingering_.empty() && lingering_.front()->due <= now) {
        partition_state& partition = *lingering_.front();
        stop_lingering(partition);
        partition.overdue = true;
        due.push_back(&partition);
    }
    for (partition_state* partition : due) make_ready(*partition);
    arm_linger();
}

// ---- The public face ------------------------------------------------------------------------------

producer::producer(asio::any_io_executor where, client_options options, producer_options how)
    : impl_(std::make_shared<impl>(std::move(where), std::move(options), std::move(how))) {}
producer::~producer() { impl_->end(make_error_code(client_errc::closed)); }

asio::awaitable<result<producer::topic*>> producer::open_topic(std::string name) {
    return impl_->open_topic(std::move(name));
}
std::int32_t producer::partitions(const topic& where) { return static_cast<std::int32_t>(where.partitions.size()); }
result<> producer::try_send(topic& where, const message& what) { return impl_->try_send(where, what); }
asio::awaitable<result<>> producer::room() { return impl_->room(); }
asio::awaitable<result<>> producer::send(topic& where, const message& what) {
    for (;;) {
        const result<> taken = impl_->try_send(where, what);
        if (taken || taken.error() != client_errc::buffer_full) co_return taken;
        const result<> roomy = co_await impl_->room();
        if (!roomy) co_return roomy;
    }
}
asio::awaitable<result<>> producer::flush() { return impl_->flush(); }
asio::awaitable<void> producer::close() { return impl_->close(); }
producer::statistics producer::counted() const { return impl_->counted_; }
std::size_t producer::buffered_bytes() const { return impl_->buffered_; }

}  // namespace imago::client
