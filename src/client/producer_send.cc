#include "client/producer_impl.h"

namespace imago::client {
namespace kafka = wire::kafka;

void producer::impl::make_ready(partition_state& partition) {
    if (partition.ready || partition.troubled || ended_) return;
    if (partition.leader < 0) return trouble(partition);
    const bool open_may_go = partition.open && partition.overdue && partition.queue.can_send_next();
    if (partition.queue.peek() == nullptr && !open_may_go) return;
    lane& by = lanes_[partition.leader];
    by.id = partition.leader;
    by.ready.push_back(&partition);
    partition.ready = true;
    pump(by);
}

// Sends what is ready, as far as the server's limit of requests in flight lets us.
void producer::impl::pump(lane& to) {
    if (!identity_ready_) return need_identity();
    if (to.connecting || ended_) return;
    if (!to.to || !to.to->is_open()) {
        if (to.ready.empty()) return;
        to.connecting = true;
        return spawn([&to](impl& self) { return self.connect(to); });
    }
    while (to.in_flight < how_.max_in_flight && !to.ready.empty()) {
        std::unique_ptr<exchange> load = gather(to);
        if (!load) return;
        ++to.in_flight;
        ++in_flight_;
        ++counted_.requests;
        counted_.batches += load->batches.size();
        counted_.batch_bytes += load->bytes;
        // One thread and one executor: coroutines start in the order in which they are spawned.
        exchange* bare = load.release();
        spawn([&to, by = to.to, bare](impl& self) {
            return self.carry(to, by, std::unique_ptr<exchange>(bare));
        });
    }
}

asio::awaitable<void> producer::impl::connect(lane& to) {
    const result<connection_ptr> opened = co_await cluster_.broker(to.id);
    to.connecting = false;
    if (ended_) co_return;
    if (opened) {
        to.to = *opened;
        co_return pump(to);
    }
    const std::deque<partition_state*> stranded = std::exchange(to.ready, {});
    for (partition_state* partition : stranded) {
        partition->ready = false;
        trouble(*partition);
    }
}

std::unique_ptr<producer::impl::exchange> producer::impl::gather(lane& from) {
    std::unique_ptr<exchange> load;
    if (spare_exchanges_.empty()) {
        load = std::make_unique<exchange>();
    } else {
        load = std::move(spare_exchanges_.back());
        spare_exchanges_.pop_back();
    }
    load->batches.clear();
    load->bytes = 0;
    for (std::size_t left = from.ready.size(); left > 0; --left) {
        partition_state& partition = *from.ready.front();
        outgoing_batch* next = partition.queue.peek();
        const std::size_t size = next != nullptr ? next->sealed_size() : partition.open ? partition.open->size() : 0;
        if (!load->batches.empty() && load->bytes + size > how_.request_bytes) break;
        from.ready.pop_front();
        partition.ready = false;
        if (partition.troubled) continue;
        if (partition.leader != from.id) {
            make_ready(partition);
            continue;
        }
        add(*load, partition);
        if (partition.queue.peek() != nullptr) {  // one batch of a partition in a request: the next takes the next
            partition.ready = true;
            from.ready.push_back(&partition);
        }
    }
    if (load->batches.empty()) {
        spare_exchanges_.push_back(std::move(load));
        return nullptr;
    }
    // Company: batches for the same server that are still being filled go along while there is room.
    for (auto at = lingering_.begin(); at != lingering_.end() && load->bytes < how_.request_bytes;) {
        partition_state& partition = **at++;
        if (partition.leader == from.id && !partition.ready && !partition.troubled &&
            partition.queue.can_send_next() && load->bytes + partition.open->size() <= how_.request_bytes)
            add(*load, partition);
    }
    return load;
}

void producer::impl::add(exchange& into, partition_state& partition) {
    if (partition.queue.peek() == nullptr && partition.open && partition.queue.can_send_next()) seal(partition);
    outgoing_batch* batch = partition.queue.next_to_send(identity_);
    if (batch == nullptr) return;
    into.batches.push_back({&partition, batch});
    into.bytes += batch->bytes().size();
}

asio::awaitable<void> producer::impl::carry(lane& by, connection_ptr to, std::unique_ptr<exchange> load) {
    // Partitions of one topic stand together in the request; sorting keeps what is already in order.
    std::stable_sort(load->batches.begin(), load->batches.end(), [](const sent_batch& a, const sent_batch& b) {
        return a.partition->home < b.partition->home;
    });
    bool have_ids = true;
    std::size_t topics = 0;
    const producer::topic* last = nullptr;
    for (const sent_batch& each : load->batches) {
        if (each.partition->home == last) continue;
        last = each.partition->home;
        have_ids = have_ids && last->id != std::array<std::uint8_t, 16>{};
        ++topics;
    }
    kafka::produce_request& request = load->request;
    request.acks = how_.acks;
    request.timeout_ms = static_cast<std::int32_t>(options_.request_timeout.count());
    request.topic_data.resize(topics);
    topics = 0;
    last = nullptr;
    for (std::size_t i = 0; i < load->batches.size(); ++i) {
        const sent_batch& each = load->batches[i];
        if (each.partition->home != last) {
            last = each.partition->home;
            kafka::produce_request::topic_produce_data& topic = request.topic_data[topics++];
            topic.name = last->name;
            topic.topic_id.bytes = last->id;
            std::size_t count = 1;
            while (i + count < load->batches.size() && load->batches[i + count].partition->home == last) ++count;
            topic.partition_data.resize(count);
            for (std::size_t k = 0; k < count; ++k) {
                topic.partition_data[k].index = load->batches[i + k].partition->index;
                topic.partition_data[k].records.assign(load->batches[i + k].batch->bytes());
            }
        }
    }

    const result<std::int16_t> version = to->version_of(kafka::api_key::produce, have_ids ? 13 : 12);
    if (!version) {
        --by.in_flight;
        --in_flight_;
        co_return end(version.error());
    }
    if (how_.acks == 0) {
        const result<> sent = co_await to->send(request, *version);
        if (!ended_) {
            if (!sent) lost(*load);
            else
                for (const sent_batch& each : load->batches) decide(*each.partition, *each.batch, {}, -1);
        }
    } else {
        const steady_time deadline = std::chrono::steady_clock::now() + options_.request_timeout;
        const auto got = co_await to->call<kafka::produce_response>(request, *version, deadline);
        if (!ended_) {
            if (!got) lost(*load);
            else settle(*load, got->message, *version >= 13);
        }
    }
    --by.in_flight;
    --in_flight_;
    if (ended_) co_return;
    spare_exchanges_.push_back(std::move(load));
    if (!identity_ready_) need_identity();
    pump(by);
}

void producer::impl::lost(exchange& load) {
    for (const sent_batch& each : load.batches) {
        ++counted_.retries;
        partition_queue::outcome outcome = each.partition->queue.lost(*each.batch);
        finish(*each.partition, outcome, -1);
        trouble(*each.partition);
    }
}

void producer::impl::settle(exchange& load, const kafka::produce_response& response, bool by_id) {
    // Servers answer in the order of the request, so looking goes on where it last ended.
    std::size_t at = 0;
    std::vector<bool> answered(load.batches.size());
    for (const auto& topic : response.responses) {
        for (const auto& partition : topic.partition_responses) {
            for (std::size_t tries = 0; tries < load.batches.size(); ++tries, ++at) {
                if (at == load.batches.size()) at = 0;
                const sent_batch& each = load.batches[at];
                const bool same_topic = by_id ? each.partition->home->id == topic.topic_id.bytes
                                              : each.partition->home->name == topic.name;
                if (answered[at] || !same_topic || each.partition->index != partition.index) continue;
                answered[at] = true;
                decide(*each.partition, *each.batch, from_wire(partition.error_code), partition.base_offset);
                ++at;
                break;
            }
        }
    }
    for (std::size_t i = 0; i < answered.size(); ++i) {
        if (answered[i]) continue;
        partition_queue::outcome outcome = load.batches[i].partition->queue.lost(*load.batches[i].batch);
        finish(*load.batches[i].partition, outcome, -1);
        trouble(*load.batches[i].partition);
    }
}

void producer::impl::decide(partition_state& partition, outgoing_batch& batch, std::error_code error,
                            std::int64_t base_offset) {
    partition_queue::outcome outcome;
    if (!error) {
        outcome = partition.queue.acknowledged(batch);
    } else if (error == kafka_errc::duplicate_sequence_number) {
        base_offset = -1;  // written by an attempt so long ago that the server no longer knows where
        outcome = partition.queue.acknowledged(batch);
    } else {
        outcome = partition.queue.refused(batch, error, is_retriable(error));
        if (!outcome.done) {
            ++counted_.retries;
            trouble(partition);
        }
    }
    finish(partition, outcome, base_offset);
    make_ready(partition);
}

void producer::impl::finish(partition_state& partition, partition_queue::outcome& outcome, std::int64_t base_offset) {
    if (outcome.new_identity) identity_ready_ = false;
    if (outcome.done) report(partition, std::move(outcome.done), outcome.error, base_offset);
}

void producer::impl::report(partition_state& partition, batch_ptr batch, std::error_code error,
                            std::int64_t base_offset) {
    const auto messages = static_cast<std::uint64_t>(batch->count());
    if (error) {
        counted_.messages_failed += messages;
    } else {
        counted_.messages_acknowledged += messages;
        counted_.payload_bytes += batch->payload_bytes();
    }
    if (how_.on_delivery) {
        delivery what;
        what.topic = partition.home->name;
        what.partition = partition.index;
        what.error = error;
        what.base_offset = error ? -1 : base_offset;
        what.tags = batch->tags();
        what.bytes = batch->payload_bytes();
        how_.on_delivery(what);
    }
    recycle(std::move(batch));
}

}  // namespace imago::client
