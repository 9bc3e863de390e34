#include "server/kafka/fetch_session.h"

#include "server/kafka/services.h"
#include "server/kafka/topic_lookup.h"

#include <random>
#include <thread>

namespace imago::kafka {

bool fetch_session::begin(std::int32_t epoch) {
    if (busy_ || epoch != epoch_) return false;
    busy_ = true;
    epoch_ = epoch_ == INT32_MAX ? 1 : epoch_ + 1;
    return true;
}

std::string fetch_session::key_of(std::string_view name, const uuid& id) const {
    const auto* bytes = reinterpret_cast<const char*>(id.bytes.data());
    return by_id_ ? std::string(bytes, id.bytes.size()) : std::string(name);
}

fetch_session::topic& fetch_session::topic_of(std::string_view name, const uuid& id) {
    std::unique_ptr<topic>& there = topics_[key_of(name, id)];
    if (there == nullptr) there.reset(new topic{std::string(name), id, nullptr, {}});
    return *there;
}

void fetch_session::find(place& wanted) {
    topic& of = *wanted.of;
    kafka_error error = kafka_error::none;
    if (of.found == nullptr) {
        found_topic found = find_topic(home_.topics_, by_id_, of.id, of.name);
        of.found = std::move(found.topic);
        error = found.error;
    }
    if (error == kafka_error::none) {
        if (const auto queue = of.found->queue(wanted.partition)) {
            wanted.queue = *queue;
            error = check_leader_epoch(wanted.leader_epoch, leader_epoch_now);
        } else {
            // The partition may come, and then the topic is another object.
            of.found = nullptr;
            error = kafka_error::unknown_topic_or_partition;
        }
    }
    wanted.error = error;
}

fetch_session::place* fetch_session::put(const wire::fetch_request::fetch_topic& asked,
                                         const wire::fetch_request::fetch_topic::fetch_partition& partition) {
    topic& of = topic_of(asked.topic, asked.topic_id);
    std::unique_ptr<place>& there = of.places[partition.partition];
    if (there == nullptr) {
        if (home_.places_ >= home_.places_max_) {
            of.places.erase(partition.partition);
            return nullptr;
        }
        ++home_.places_;
        ++places_;
        there = std::make_unique<place>();
        there->home = this;
        there->of = &of;
        there->partition = partition.partition;
        there->waiter.context = there.get();
        there->waiter.woken = [](store::waiter& waiter) {
            auto* self = static_cast<place*>(waiter.context);
            self->home->home_.loop_.post(self->back);
            self->posted.store(true, std::memory_order_release);
        };
        there->back.context = there.get();
        there->back.run = [](net::task& job) {
            auto* self = static_cast<place*>(job.context);
            self->home->came(*self);
        };
    }
    there->from = queue_offset{partition.fetch_offset};
    there->bytes_max =
        partition.partition_max_bytes > 0 ? static_cast<std::size_t>(partition.partition_max_bytes) : 0;
    there->leader_epoch = partition.current_leader_epoch;
    find(*there);
    // If its task is on the way already, it makes ready what is ready: no harm.
    if (there->waiting) (void)stop_waiting(*there);
    make_ready(*there);
    return there.get();
}

void fetch_session::forget(const wire::fetch_request::forgotten_topic& asked) {
    const auto found = topics_.find(key_of(asked.topic, asked.topic_id));
    if (found == topics_.end()) return;
    for (const std::int32_t partition : asked.partitions) {
        const auto there = found->second->places.find(partition);
        if (there == found->second->places.end()) continue;
        place& leaves = *there->second;
        if (leaves.ready) unlink_ready(leaves);
        leaves.forgotten = true;
        if (leaves.waiting && !stop_waiting(leaves)) leaving_.push_back(std::move(there->second));
        found->second->places.erase(there);
        --home_.places_;
        --places_;
    }
    // Places that are leaving still refer to their topic, and nothing reads it any more.
    if (found->second->places.empty()) topics_.erase(found);
}

fetch_session::place& fetch_session::take_turn() {
    place& first = *first_ready_;
    unlink_ready(first);
    make_ready(first);
    return first;
}

bool fetch_session::rest(place& nothing, queue_offset end) {
    // A task is on its way from an earlier wait: it is news when it comes, and the place is ready until then.
    if (nothing.waiting) return true;
    nothing.waiting = true;
    nothing.posted.store(false, std::memory_order_relaxed);
    if (!home_.store_.wait(nothing.queue, end, nothing.waiter)) {
        nothing.waiting = false;
        return false;
    }
    unlink_ready(nothing);
    return true;
}

void fetch_session::lost(place& gone) {
    gone.of->found = nullptr;
    gone.error = kafka_error::unknown_topic_or_partition;
}

void fetch_session::make_ready(place& each) {
    if (each.ready) return;
    each.ready = true;
    ++ready_count_;
    each.next = nullptr;
    each.previous = last_ready_;
    (last_ready_ != nullptr ? last_ready_->next : first_ready_) = &each;
    last_ready_ = &each;
}

void fetch_session::unlink_ready(place& each) {
    each.ready = false;
    --ready_count_;
    (each.previous != nullptr ? each.previous->next : first_ready_) = each.next;
    (each.next != nullptr ? each.next->previous : last_ready_) = each.previous;
}

bool fetch_session::stop_waiting(place& each) {
    if (!home_.store_.cancel(each.waiter)) return false;
    each.waiting = false;
    return true;
}

void fetch_session::came(place& each) {
    // Posted is what the log thread does last with a place: that is a moment away if it is not done yet.
    while (!each.posted.load(std::memory_order_acquire)) std::this_thread::yield();
    each.waiting = false;
    if (each.forgotten) {
        std::erase_if(leaving_, [&](const auto& one) { return one.get() == &each; });
        if (closed_) home_.erase_if_done(*this);
        return;
    }
    make_ready(each);
    news_ = true;
    if (listener_ != nullptr) home_.loop_.post(*std::exchange(listener_, nullptr));
}

// ---- all of a thread ----

fetch_sessions::fetch_sessions(store::store& store, const broker::topics& topics, net::event_loop& loop,
                               std::size_t places_max)
    : store_(store), topics_(topics), loop_(loop), places_max_(places_max) {
    // Not from 1, so that a session of before a restart is hardly ever taken for one of now.
    std::random_device random;
    last_id_ = static_cast<std::int32_t>(random() & 0x3fffffff);
}

fetch_sessions::~fetch_sessions() {
    while (!by_link_.empty()) close(*by_link_.begin()->second);
    // Tasks that are on their way will not be run any more; but the log thread must have let go of them.
    for (const auto& [id, session] : sessions_) {
        for (const auto& place : session->leaving_) {
            while (!place->posted.load(std::memory_order_acquire)) std::this_thread::yield();
        }
    }
}

fetch_session* fetch_sessions::open(const net::connection& link, std::size_t places, bool by_id) {
    if (const auto old = by_link_.find(&link); old != by_link_.end()) {
        if (old->second->busy_) return nullptr;
        close(*old->second);
    }
    if (places == 0 || places > places_max_ - places_) return nullptr;
    do {
        last_id_ = last_id_ == INT32_MAX ? 1 : last_id_ + 1;
    } while (sessions_.contains(last_id_));
    auto& added = sessions_[last_id_];
    added.reset(new fetch_session(*this, last_id_, link, by_id));
    added->busy_ = true;
    by_link_[&link] = added.get();
    return added.get();
}

fetch_session* fetch_sessions::find(std::int32_t id, const net::connection& link) {
    const auto found = by_link_.find(&link);
    return found != by_link_.end() && found->second->id_ == id ? found->second : nullptr;
}

void fetch_sessions::close(fetch_session& session) {
    by_link_.erase(session.link_);
    session.closed_ = true;
    for (auto& [name, topic] : session.topics_) {
        for (auto& [partition, place] : topic->places) {
            place->forgotten = true;
            if (place->waiting && !session.stop_waiting(*place)) session.leaving_.push_back(std::move(place));
        }
    }
    session.topics_.clear();
    places_ -= session.places_;
    erase_if_done(session);
}

void fetch_sessions::erase_if_done(fetch_session& session) {
    if (session.leaving_.empty()) sessions_.erase(session.id_);
}

void fetch_sessions::connection_gone(const net::connection& link) {
    if (const auto found = by_link_.find(&link); found != by_link_.end()) close(*found->second);
}

}  // namespace imago::kafka
