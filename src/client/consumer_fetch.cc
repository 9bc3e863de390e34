#include <algorithm>

#include "client/consumer_impl.h"

namespace imago::client {
namespace kafka = wire::kafka;

void consumer::impl::kick() {
    if (ended_ || buffered_ >= how_.buffer_bytes) return;
    for (const auto& [where, of] : partitions_) {
        if (of->troubled || of->paused || of->error || of->leader < 0) continue;
        lane& by = lanes_[of->leader];
        if (by.running) continue;
        by.id = of->leader;
        by.running = true;
        spawn([&by](impl& self) { return self.fetch_from(by); });
    }
}

std::vector<consumer::impl::partition_ptr> consumer::impl::wanted_from(lane& by) {
    std::vector<partition_ptr> wanted;
    for (const auto& [where, of] : partitions_)
        if (of->leader == by.id && !of->troubled && !of->paused && !of->error) wanted.push_back(of);
    // Servers fill an answer in the order of the request: let each partition be first in its turn.
    if (!wanted.empty())
        std::rotate(wanted.begin(), wanted.begin() + (by.turn++ % static_cast<std::int64_t>(wanted.size())), wanted.end());
    std::stable_sort(wanted.begin(), wanted.end(), [first = wanted.empty() ? "" : wanted.front()->where.topic](
                                                       const partition_ptr& a, const partition_ptr& b) {
        if ((a->where.topic == first) != (b->where.topic == first)) return a->where.topic == first;
        return a->where.topic < b->where.topic;
    });
    return wanted;
}

asio::awaitable<void> consumer::impl::fetch_from(lane& by) {
    while (!ended_ && buffered_ < how_.buffer_bytes) {
        const std::vector<partition_ptr> asked = wanted_from(by);
        if (asked.empty()) break;
        const auto trouble_all = [&] {
            for (const partition_ptr& of : asked) trouble(*of);
        };
        const result<connection_ptr> to = co_await cluster_.broker(by.id);
        if (ended_) break;
        if (!to) {
            trouble_all();
            break;
        }
        kafka::fetch_request request;
        request.replica_id = -1;
        request.max_wait_ms = static_cast<std::int32_t>(how_.max_wait.count());
        request.min_bytes = static_cast<std::int32_t>(how_.min_bytes);
        request.max_bytes = static_cast<std::int32_t>(how_.fetch_bytes);
        request.isolation_level = how_.read_committed ? 1 : 0;
        request.session_id = 0;
        request.session_epoch = -1;
        bool have_ids = true;
        for (const partition_ptr& of : asked) {
            if (request.topics.empty() || request.topics.back().topic != of->where.topic) {
                const topic_ptr info = cluster_.known(of->where.topic);
                auto& topic = request.topics.emplace_back();
                topic.topic = of->where.topic;
                if (info) topic.topic_id.bytes = info->id;
                have_ids = have_ids && !topic.topic_id.is_nil();
            }
            auto& wanted = request.topics.back().partitions.emplace_back();
            wanted.partition = of->where.partition;
            wanted.fetch_offset = of->fetch_offset;
            wanted.partition_max_bytes = static_cast<std::int32_t>(how_.partition_bytes);
        }
        std::vector<std::uint64_t> generations;
        for (const partition_ptr& of : asked) generations.push_back(of->generation);
        const result<std::int16_t> version = (*to)->version_of(kafka::api_key::fetch, have_ids ? 17 : 12);
        if (!version) {
            for (const partition_ptr& of : asked) of->error = version.error();
            changed_.notify();
            break;
        }
        const steady_time deadline = std::chrono::steady_clock::now() + how_.max_wait + options_.request_timeout;
        auto got = co_await (*to)->call<kafka::fetch_response>(request, *version, deadline);
        if (ended_) break;
        if (!got || got->message.error_code != 0) {
            trouble_all();
            break;
        }
        // Partitions that were moved meanwhile did not ask for this.
        std::vector<partition_ptr> still;
        for (std::size_t i = 0; i < asked.size(); ++i)
            if (asked[i]->generation == generations[i]) still.push_back(asked[i]);
        take(still, *got);
    }
    by.running = false;
}

void consumer::impl::take(const std::vector<partition_ptr>& asked, const answer<kafka::fetch_response>& got) {
    if (asked.empty()) return;
    const bool by_id = got.version >= 13;
    std::size_t at = 0;
    for (const auto& topic : got.message.responses) {
        topic_ptr info;
        for (const auto& data : topic.partitions) {
            for (std::size_t tries = 0; tries < asked.size(); ++tries) {
                const partition_ptr& of = asked[at];
                at = at + 1 == asked.size() ? 0 : at + 1;
                if (of->where.partition != data.partition_index) continue;
                if (by_id) {
                    if (!info || info->name != of->where.topic) info = cluster_.known(of->where.topic);
                    if (!info || info->id != topic.topic_id.bytes) continue;
                } else if (of->where.topic != topic.topic) {
                    continue;
                }
                take_partition(of, got.frame, data);
                break;
            }
        }
    }
    changed_.notify();
}

void consumer::impl::take_partition(
    const partition_ptr& of, const frame_handle& frame,
    const kafka::fetch_response::fetchable_topic_response::partition_data& data) {
    const std::error_code error = from_wire(data.error_code);
    if (error) {
        if (is_retriable(error) && error != kafka_errc::corrupt_message) return trouble(*of);
        of->error = error;
        return;
    }
    of->end_offset = how_.read_committed && data.last_stable_offset >= 0 ? data.last_stable_offset : data.high_watermark;
    const byte_view records = data.records.view();
    if (records.empty()) return;
    chunk added;
    added.of = of;
    added.generation = of->generation;
    added.frame = frame;
    added.charged = records.size();
    added.batches = batch_cursor(records);
    if (data.aborted_transactions)
        for (const auto& a : *data.aborted_transactions) added.aborts.push_back({a.producer_id, a.first_offset});
    std::sort(added.aborts.begin(), added.aborts.end(),
              [](const aborted& a, const aborted& b) { return a.first_offset < b.first_offset; });
    // Where the next fetch starts is in the header of the last whole batch.
    std::int64_t next = of->fetch_offset;
    batch_cursor ahead(records);
    for (byte_view bytes = ahead.next(); !bytes.empty(); bytes = ahead.next()) {
        const batch_view batch(bytes);
        next = std::max(next, batch.base_offset().value + batch.last_offset_delta() + 1);
    }
    if (ahead.bad() || next == of->fetch_offset) {
        of->error = make_error_code(kafka_errc::corrupt_message);  // nothing that could be read, for ever
        return;
    }
    of->fetch_offset = next;
    buffered_ += added.charged;
    chunks_.push_back(std::move(added));
}

void consumer::impl::trouble(partition& of) {
    if (of.troubled || ended_) return;
    of.troubled = true;
    if (recovering_) return;
    recovering_ = true;
    spawn([](impl& self) { return self.recover(); });
}

// Looks up the leaders of all partitions in trouble, at once for new ones and then at growing intervals.
asio::awaitable<void> consumer::impl::recover() {
    milliseconds pause{0};
    while (!ended_) {
        std::vector<std::string> names;
        bool fresh = false;  // leaders never known: what metadata we have may do
        for (const auto& [where, of] : partitions_) {
            if (!of->troubled || (!names.empty() && names.back() == where.topic)) continue;
            names.push_back(where.topic);
            fresh = fresh || of->leader < 0;
        }
        if (names.empty()) break;
        if (pause.count() > 0 || !fresh) co_await sleep_for(std::max(pause, options_.retry_backoff));
        if (ended_) break;
        const result<> refreshed = co_await cluster_.refresh(std::move(names));
        if (ended_) break;
        unreachable_ = refreshed ? std::error_code{} : refreshed.error();
        for (const auto& [where, of] : partitions_) {
            if (!of->troubled || !refreshed) continue;
            const topic_ptr info = cluster_.known(where.topic);
            if (!info || static_cast<std::size_t>(where.partition) >= info->partitions.size()) {
                of->error = make_error_code(kafka_errc::unknown_topic_or_partition);
                of->troubled = false;
                continue;
            }
            of->leader = info->partitions[static_cast<std::size_t>(where.partition)].leader;
            of->troubled = of->leader < 0;
        }
        changed_.notify();
        kick();
        pause = pause.count() == 0 ? options_.retry_backoff : std::min(pause * 2, milliseconds(1000));
    }
    recovering_ = false;
}

}  // namespace imago::client
