#include <algorithm>

#include "base/checksum.h"
#include "client/consumer_impl.h"
#include "client/list_offsets.h"

namespace imago::client {

consumer::impl::impl(asio::any_io_executor where, client_options options, consumer_options how)
    : background(where, std::move(options)), how_(how), changed_(where) {}

asio::awaitable<result<>> consumer::impl::assign(topic_partition where, std::int64_t offset) {
    if (offset < 0) {
        if (offset != offset_spec::earliest && offset != offset_spec::latest)
            co_return tl::unexpected(make_error_code(client_errc::bad_argument));
        std::vector<topic_partition> one(1, where);
        const std::vector<found_offset> found = co_await list_offsets(cluster_, std::move(one), offset);
        if (found.front().error) co_return tl::unexpected(found.front().error);
        offset = found.front().offset;
    }
    co_return place(std::move(where), offset);
}

result<> consumer::impl::place(topic_partition where, std::int64_t offset) {
    if (offset < 0) return tl::unexpected(make_error_code(client_errc::bad_argument));
    if (ended_) return tl::unexpected(make_error_code(client_errc::closed));
    partition_ptr& of = partitions_[where];
    if (!of) {
        of = std::make_shared<partition>();
        of->where = std::move(where);
    }
    return seek(of->where, offset);
}

result<> consumer::impl::seek(const topic_partition& where, std::int64_t offset) {
    const auto found = partitions_.find(where);
    if (found == partitions_.end()) return tl::unexpected(make_error_code(client_errc::no_such_partition));
    partition& of = *found->second;
    of.position = of.fetch_offset = offset;
    ++of.generation;
    of.error = {};
    of.error_told = false;
    if (of.leader < 0) {
        of.troubled = false;
        trouble(of);
    } else {
        kick();
    }
    return {};
}

// What was fetched ahead of a paused partition is dropped, so that it takes no room meanwhile.
void consumer::impl::pause(const topic_partition& where, bool paused) {
    const auto found = partitions_.find(where);
    if (found == partitions_.end() || found->second->paused == paused) return;
    partition& of = *found->second;
    of.paused = paused;
    of.fetch_offset = of.position;
    ++of.generation;
    if (!paused) kick();
}

asio::awaitable<result<pulled>> consumer::impl::pull(milliseconds max_wait) {
    const steady_time deadline = std::chrono::steady_clock::now() + max_wait;
    for (;;) {
        if (ended_) co_return tl::unexpected(make_error_code(client_errc::closed));
        pulled got;
        while (!chunks_.empty()) {
            chunk& first = chunks_.front();
            if (first.generation == first.of->generation && next_records(first, got)) co_return got;
            buffered_ -= first.charged;
            chunks_.pop_front();
            kick();
        }
        for (auto& [where, of] : partitions_) {
            if (!of->error || of->error_told) continue;
            of->error_told = true;
            got.topic = of->where.topic;
            got.partition = of->where.partition;
            got.next_offset = of->position;
            got.end_offset = of->end_offset;
            got.error = of->error;
            co_return got;
        }
        if (std::exchange(woken_, false) || std::chrono::steady_clock::now() >= deadline) {
            if (unreachable_) co_return tl::unexpected(unreachable_);
            co_return got;
        }
        co_await changed_.wait_until(deadline);
    }
}

// Decodes until there are records to give; false at the end of the chunk.
bool consumer::impl::next_records(chunk& from, pulled& into) {
    partition& of = *from.of;
    const auto broken = [&](std::error_code why) {
        of.error = why;
        of.fetch_offset = of.position;
        ++of.generation;
        return false;
    };
    for (;;) {
        const byte_view bytes = from.batches.next();
        if (from.batches.bad()) return broken(make_error_code(kafka_errc::corrupt_message));
        if (bytes.empty()) return false;
        const batch_view batch(bytes);
        const std::int64_t next = batch.base_offset().value + batch.last_offset_delta() + 1;
        if (batch.magic() != 2) return broken(make_error_code(kafka_errc::unsupported_for_message_format));
        if (how_.check_crc && crc32c(bytes.subspan(batch_crc_start)) != batch.crc())
            return broken(make_error_code(kafka_errc::corrupt_message));
        if (next <= of.position) continue;
        const bool skipped = skipped_as_aborted(from, batch);
        if (batch.control() || skipped) {
            of.position = next;
            continue;
        }
        const auto records = reader_.read(batch, of.position, options_.response_bytes_max);
        if (!records) return broken(records.error());
        of.position = next;
        if (records->empty()) continue;
        into.topic = of.where.topic;
        into.partition = of.where.partition;
        into.records = *records;
        into.next_offset = next;
        into.end_offset = of.end_offset;
        return true;
    }
}

bool consumer::impl::skipped_as_aborted(chunk& from, batch_view batch) {
    if (!how_.read_committed || !batch.transactional()) return false;
    const std::int64_t last = batch.base_offset().value + batch.last_offset_delta();
    while (!from.aborts.empty() && from.aborts.front().first_offset <= last) {
        from.aborting.insert(from.aborts.front().producer_id);
        from.aborts.erase(from.aborts.begin());
    }
    if (batch.control()) {
        from.aborting.erase(batch.producer_id());  // commit or abort: the transaction ends here
        return true;
    }
    return from.aborting.count(batch.producer_id()) > 0;
}

void consumer::impl::end() {
    if (ended_) return;
    ended_ = true;
    cluster_.close();
    changed_.notify();
}

asio::awaitable<void> consumer::impl::close() {
    end();
    co_await running_.wait_empty();
    chunks_.clear();
}

// ---- The public face ------------------------------------------------------------------------------

consumer::consumer(asio::any_io_executor where, client_options options, consumer_options how)
    : impl_(std::make_shared<impl>(std::move(where), std::move(options), how)) {}
consumer::~consumer() { impl_->end(); }

asio::awaitable<result<>> consumer::assign(topic_partition where, std::int64_t offset) {
    return impl_->assign(std::move(where), offset);
}
result<> consumer::assign_at(topic_partition where, std::int64_t offset) {
    return impl_->place(std::move(where), offset);
}
void consumer::pause(const topic_partition& where) { impl_->pause(where, true); }
void consumer::resume(const topic_partition& where) { impl_->pause(where, false); }
void consumer::unassign(const topic_partition& where) {
    const auto found = impl_->partitions_.find(where);
    if (found == impl_->partitions_.end()) return;
    ++found->second->generation;
    impl_->partitions_.erase(found);
}
result<> consumer::seek(const topic_partition& where, std::int64_t offset) {
    if (offset < 0) return tl::unexpected(make_error_code(client_errc::bad_argument));
    return impl_->seek(where, offset);
}
std::int64_t consumer::position(const topic_partition& where) const {
    const auto found = impl_->partitions_.find(where);
    return found == impl_->partitions_.end() ? -1 : found->second->position;
}
asio::awaitable<result<pulled>> consumer::pull(milliseconds max_wait) { return impl_->pull(max_wait); }
void consumer::wake() {
    impl_->woken_ = true;
    impl_->changed_.notify();
}
asio::awaitable<void> consumer::close() { return impl_->close(); }

}  // namespace imago::client
