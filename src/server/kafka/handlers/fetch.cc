// Fetch: batches from queues, and waiting for them.
//
//   read all partitions -> enough? -> answer        (those not in memory side by side, from the disk)
//            ^                |no
//            |                v
//            +-- woken -- wait on all queues until one grows or the time is up
//
// With a fetch session (KIP-227) "all partitions" are those that may have news, and the session does the waiting.
//
// Nothing here polls: the store wakes the waiters when it publishes, and one timer holds the deadline. Stored
// batches go out as they lie in memory; the answer holds them until it is sent.
#include "wire/kafka/fetch.h"

#include "broker/broker.h"
#include "server/kafka/error_map.h"
#include "server/kafka/fetch_session.h"
#include "server/kafka/handlers.h"
#include "server/kafka/topic_lookup.h"
#include "server/kafka/worker.h"
#include "store/store.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <limits>

namespace imago::kafka {

namespace {

class fetch final : public request {
public:
    fetch(worker& worker, std::size_t kind) : request(worker, kind) {
        deadline_.expired = [](net::timer& timer) { static_cast<fetch*>(timer.context)->time_is_up(); };
        deadline_.context = this;
        news_.run = [](net::task& job) { static_cast<fetch*>(job.context)->news_came(); };
        news_.context = this;
    }

    void hurry() override {
        hurried_ = true;
        if (waiting_) stop_waiting();
    }

protected:
    void read(wire::reader& in) override;
    void clear() override;

private:
    using topic_data = wire::fetch_response::fetchable_topic_response;
    /// A partition of the request, found.
    struct wanted {
        queue_id queue;
        queue_offset from;
        std::size_t bytes_max = 0;
        kafka_error error = kafka_error::none;
        store::queue_bounds bounds{queue_offset{-1}, queue_offset{-1}};
        topic_data::partition_data* answer = nullptr;
        fetch_session::place* place = nullptr;  // with a session
    };
    /// A read of one partition. Unmoved while it is under way.
    struct partition_read {
        store::read_request read;
        fetch* owner = nullptr;
        std::size_t want = 0;  // which of wanted_
    };
    /// A place in a queue's list of waiters. Unmoved while outstanding.
    struct waiting_place {
        store::waiter waiter;
        net::task back;
        fetch* owner = nullptr;
        bool linked = false;  // woken() may still come
    };

    void find_partitions();
    void open_session();
    void continue_session();
    bool next_of_session();
    void tell_of_session();
    void news_came();
    void fill(wanted& want);
    void read_all();
    void start_reads();
    [[nodiscard]] partition_read& free_read();
    void came_from_disk(partition_read& done);
    void take(partition_read& done);
    void all_read();
    void wait();
    void woken(waiting_place& place);
    void stop_waiting();
    void go_on();
    void time_is_up();
    void answer_now();
    void refuse(kafka_error error);

    wire::fetch_request asked_;
    wire::fetch_response reply_;
    std::vector<wanted> wanted_;
    std::vector<broker::topic_ptr> held_;
    std::size_t next_ = 0;       // partition being read
    std::size_t bytes_ = 0;      // read so far
    std::size_t promised_ = 0;   // at most so many more come from the disk
    std::size_t bytes_max_ = 0;  // of the answer
    bool any_error_ = false;
    std::vector<std::unique_ptr<partition_read>> reads_;  // those not under way
    std::size_t reading_ = 0;                             // those under way

    fetch_session* session_ = nullptr;  // that goes on with this request
    std::size_t turns_ = 0;             // of its ready places, in this pass
    bool look_again_ = false;           // a queue grew while it was being looked at
    std::deque<topic_data::partition_data> of_session_;  // what wanted::answer points to, then
    net::task news_;

    std::vector<std::unique_ptr<waiting_place>> places_;
    std::size_t outstanding_ = 0;  // places whose woken() is still to come
    net::timer deadline_;
    std::chrono::steady_clock::time_point wait_until_;
    bool waiting_ = false;
    bool hurried_ = false;
};

void fetch::read(wire::reader& in) {
    if (const auto decoded = decode(in, version(), asked_); !decoded) return malformed(decoded.error());
    reply_.throttle_time_ms = 0;
    reply_.error_code = 0;
    reply_.session_id = 0;

    const kafka_options& options = with().options;
    const auto wait = std::clamp(asked_.max_wait_ms, 0, options.fetch_wait_ms_max);
    wait_until_ = std::chrono::steady_clock::now() + std::chrono::milliseconds(wait);
    hurried_ = wait == 0;
    const std::size_t asked_bytes = asked_.max_bytes > 0 ? static_cast<std::size_t>(asked_.max_bytes) : 0;
    bytes_max_ = std::min({asked_bytes, options.fetch_bytes_max, link().answer_bytes_max()});
    if (asked_.session_id != 0 && asked_.session_epoch > 0) return continue_session();
    // Epoch -1 ends a session with a last whole answer; 0 begins one, and ends the one before.
    if (asked_.session_id != 0) {
        if (auto* old = home().fetch_sessions().find(asked_.session_id, link()); old != nullptr && !old->busy()) {
            home().fetch_sessions().close(*old);
        }
    }
    find_partitions();
    read_all();
}

void fetch::continue_session() {
    fetch_session* session = home().fetch_sessions().find(asked_.session_id, link());
    if (session == nullptr) return refuse(kafka_error::fetch_session_id_not_found);
    if (session->by_id() != (version() >= 13)) return refuse(kafka_error::fetch_session_topic_id_error);
    if (!session->begin(asked_.session_epoch)) return refuse(kafka_error::invalid_fetch_session_epoch);
    session_ = session;
    reply_.responses.clear();
    reply_.session_id = session->id();
    for (const auto& topic : asked_.forgotten_topics_data) session->forget(topic);
    for (const auto& topic : asked_.topics) {
        for (const auto& partition : topic.partitions) {
            if (session->put(topic, partition) != nullptr) continue;
            // It grew beyond what is kept for sessions. The consumer starts a new one, and is declined.
            home().fetch_sessions().close(*std::exchange(session_, nullptr));
            reply_.session_id = 0;
            return refuse(kafka_error::fetch_session_id_not_found);
        }
    }
    read_all();
}

void fetch::find_partitions() {
    const bool by_id = version() >= 13;
    reply_.responses.resize(asked_.topics.size());
    std::size_t count = 0;
    for (const auto& topic : asked_.topics) count += topic.partitions.size();
    wanted_.reserve(count);
    for (std::size_t t = 0; t < asked_.topics.size(); ++t) {
        const auto& topic = asked_.topics[t];
        auto& told = reply_.responses[t];
        told.topic = topic.topic;
        told.topic_id = topic.topic_id;
        told.partitions.resize(topic.partitions.size());
        found_topic found = find_topic(with().broker.topics, by_id, topic.topic_id, topic.topic);
        for (std::size_t p = 0; p < topic.partitions.size(); ++p) {
            const auto& partition = topic.partitions[p];
            wanted& want = wanted_.emplace_back();
            want.answer = &told.partitions[p];
            want.answer->partition_index = partition.partition;
            want.from = queue_offset{partition.fetch_offset};
            want.bytes_max = partition.partition_max_bytes > 0
                                 ? static_cast<std::size_t>(partition.partition_max_bytes)
                                 : 0;
            want.error = found.error;
            if (want.error != kafka_error::none) continue;
            if (const auto queue = found.topic->queue(partition.partition)) {
                want.queue = *queue;
                want.error = check_leader_epoch(partition.current_leader_epoch, leader_epoch_now);
            } else {
                want.error = kafka_error::unknown_topic_or_partition;
            }
        }
        if (found.topic != nullptr) held_.push_back(std::move(found.topic));
    }
}

void fetch::read_all() {
    next_ = 0;
    bytes_ = 0;
    any_error_ = false;
    look_again_ = false;
    for (const wanted& want : wanted_) want.answer->records.clear();
    if (session_ != nullptr) {
        wanted_.clear();
        session_->begin_pass();
        turns_ = session_->ready();
    }
    start_reads();
}

/// The next ready place becomes the last of wanted_. False if each had its turn, or the answer is full.
bool fetch::next_of_session() {
    const std::size_t spoken_for = bytes_ + promised_;
    if (session_ == nullptr || turns_ == 0 || (spoken_for > 0 && spoken_for >= bytes_max_)) return false;
    --turns_;
    fetch_session::place& place = session_->take_turn();
    if (place.error != kafka_error::none) session_->look_again(place);
    if (of_session_.size() == wanted_.size()) of_session_.emplace_back();
    wanted& want = wanted_.emplace_back();
    want.place = &place;
    want.answer = &of_session_[wanted_.size() - 1];
    want.answer->partition_index = place.partition;
    want.queue = place.queue;
    want.from = place.from;
    want.bytes_max = place.bytes_max;
    want.error = place.error;
    return true;
}

/// Takes what is in memory at once; what is not comes from the disk, all partitions side by side.
void fetch::start_reads() {
    while (next_ < wanted_.size() || next_of_session()) {
        const std::size_t place = next_++;
        wanted& want = wanted_[place];
        if (want.error != kafka_error::none) {
            any_error_ = true;
            continue;
        }
        const std::size_t spoken_for = bytes_ + promised_;
        const std::size_t left = bytes_max_ > spoken_for ? bytes_max_ - spoken_for : 0;
        if (left == 0 && spoken_for > 0) {
            // Full: only the bounds are told.
            if (const auto bounds = with().store.bounds(want.queue)) want.bounds = *bounds;
            continue;
        }
        partition_read& own = free_read();
        own.want = place;
        own.read.queue = want.queue;
        own.read.from = want.from;
        own.read.max_bytes = std::min(want.bytes_max, left);
        own.read.consumer = &link();
        own.read.at_least_one = spoken_for == 0;  // or a batch larger than the limits could never be read
        promised_ += own.read.max_bytes;
        ++reading_;
        if (home().read(own.read)) take(own);
    }
    if (reading_ == 0) all_read();
}

fetch::partition_read& fetch::free_read() {
    if (!reads_.empty()) {
        partition_read& used = *reads_.back().release();
        reads_.pop_back();
        return used;
    }
    auto made = std::make_unique<partition_read>();
    made->owner = this;
    made->read.context = made.get();
    made->read.done = [](store::read_request& done) {
        auto* self = static_cast<partition_read*>(done.context);
        self->owner->came_from_disk(*self);
    };
    return *made.release();
}

void fetch::came_from_disk(partition_read& done) {
    take(done);
    if (reading_ == 0) all_read();
}

void fetch::take(partition_read& done) {
    --reading_;
    promised_ -= done.read.max_bytes;
    wanted& want = wanted_[done.want];
    want.bounds = done.read.bounds;
    if (done.read.error) {
        want.error = to_kafka(done.read.error, with().options.log);
        any_error_ = true;
        if (want.place != nullptr && done.read.error == store::store_errc::unknown_queue) session_->lost(*want.place);
    } else {
        // Empty because of the limits? Then there is something, and the place stays ready.
        if (want.place != nullptr && done.read.slices.empty() && want.bounds.end <= want.from) {
            look_again_ = !session_->rest(*want.place, want.bounds.end) || look_again_;
        }
        for (store::slice& slice : done.read.slices) want.answer->records.add({slice.bytes, std::move(slice.owner)});
        bytes_ += done.read.bytes;
    }
    done.read.error = {};
    done.read.slices.clear();
    done.read.bytes = 0;
    reads_.emplace_back(&done);
}

void fetch::all_read() {
    const bool full = bytes_ > 0 && bytes_ >= bytes_max_;
    const bool enough = full || bytes_ >= static_cast<std::size_t>(std::max(asked_.min_bytes, 0));
    if (enough || any_error_ || hurried_ || (wanted_.empty() && session_ == nullptr)) return answer_now();
    if (std::chrono::steady_clock::now() >= wait_until_) return answer_now();
    wait();
}

void fetch::wait() {
    if (session_ != nullptr) {
        if (look_again_ || !session_->listen(news_)) return read_all();
        waiting_ = true;
        return link().loop().start(deadline_, wait_until_);
    }
    waiting_ = true;
    while (places_.size() < wanted_.size()) {
        auto place = std::make_unique<waiting_place>();
        place->owner = this;
        place->waiter.context = place.get();
        place->waiter.woken = [](store::waiter& waiter) {
            auto* self = static_cast<waiting_place*>(waiter.context);
            self->owner->link().loop().post(self->back);
        };
        place->back.context = place.get();
        place->back.run = [](net::task& job) {
            auto* self = static_cast<waiting_place*>(job.context);
            self->owner->woken(*self);
        };
        places_.push_back(std::move(place));
    }
    link().loop().start(deadline_, wait_until_);
    for (std::size_t i = 0; i < wanted_.size(); ++i) {
        waiting_place& place = *places_[i];
        place.linked = true;
        ++outstanding_;
        if (with().store.wait(wanted_[i].queue, wanted_[i].bounds.end, place.waiter)) continue;
        // It grew since it was read.
        place.linked = false;
        --outstanding_;
        return stop_waiting();
    }
}

void fetch::woken(waiting_place& place) {
    place.linked = false;
    --outstanding_;
    if (waiting_) return stop_waiting();
    if (outstanding_ == 0) go_on();
}

void fetch::stop_waiting() {
    waiting_ = false;
    link().loop().stop(deadline_);
    if (session_ != nullptr) {
        if (session_->stop_listening()) go_on();
        return;
    }
    for (const auto& place : places_) {
        if (!place->linked || !with().store.cancel(place->waiter)) continue;
        place->linked = false;
        --outstanding_;
    }
    // Those that could not be cancelled are on their way to us; we must not go before they came.
    if (outstanding_ == 0) go_on();
}

void fetch::news_came() {
    waiting_ = false;
    link().loop().stop(deadline_);
    go_on();
}

void fetch::go_on() { read_all(); }

void fetch::time_is_up() {
    hurried_ = true;
    if (waiting_) stop_waiting();
}

void fetch::fill(wanted& want) {
    auto& told = *want.answer;
    told.error_code = code_of(want.error);
    // All that can be read is durable, and there are no transactions: the three ends are one.
    told.high_watermark = want.bounds.end.value;
    told.last_stable_offset = want.bounds.end.value;
    told.log_start_offset = want.bounds.start.value;
    told.preferred_read_replica = -1;
    if (asked_.isolation_level == 1) {
        told.aborted_transactions.emplace();
    } else {
        told.aborted_transactions.reset();
    }
    told.records.set_empty();
}

void fetch::answer_now() {
    for (wanted& want : wanted_) fill(want);
    if (session_ != nullptr) {
        tell_of_session();
    } else if (version() >= 7 && asked_.session_epoch == 0) {
        open_session();
    }
    respond(reply_);
}

/// Only what the consumer does not know already.
void fetch::tell_of_session() {
    const fetch_session::topic* last = nullptr;
    for (const wanted& want : wanted_) {
        fetch_session::place& place = *want.place;
        const bool news = want.answer->records.size() > 0 || want.error != kafka_error::none ||
                          place.end_told != want.bounds.end.value || place.start_told != want.bounds.start.value;
        if (!news) continue;
        if (place.of != last) {
            last = place.of;
            auto& topic = reply_.responses.emplace_back();
            topic.topic = last->name;
            topic.topic_id = last->id;
        }
        place.end_told = want.bounds.end.value;
        place.start_told = want.bounds.start.value;
        reply_.responses.back().partitions.push_back(std::move(*want.answer));
        *want.answer = {};
    }
    session_->end();
}

/// What this request asked for is remembered, and what it was told.
void fetch::open_session() {
    fetch_session* session = home().fetch_sessions().open(link(), wanted_.size(), version() >= 13);
    if (session == nullptr) return;
    std::size_t next = 0;
    for (const auto& topic : asked_.topics) {
        for (const auto& partition : topic.partitions) {
            const wanted& want = wanted_[next++];
            fetch_session::place* place = session->put(topic, partition);
            if (place == nullptr) return home().fetch_sessions().close(*session);
            if (want.error != kafka_error::none) continue;
            place->end_told = want.bounds.end.value;
            place->start_told = want.bounds.start.value;
        }
    }
    session->end();
    reply_.session_id = session->id();
}

void fetch::refuse(kafka_error error) {
    reply_.responses.clear();
    reply_.error_code = code_of(error);
    respond(reply_);
}

void fetch::clear() {
    // It may be gone already, with the connection.
    session_ = nullptr;
    of_session_.clear();
    // The arrays keep their memory, unless it was an unusually large request.
    for (auto& topic : reply_.responses) {
        for (auto& partition : topic.partitions) partition.records.clear();
    }
    wanted_.clear();
    held_.clear();
    if (places_.size() > 1000 || reads_.size() > 1000) {
        places_.clear();
        reads_.clear();
        asked_ = {};
        reply_ = {};
    }
    waiting_ = false;
    hurried_ = false;
}

}  // namespace

IMAGO_MAKE_HANDLER(fetch, fetch)

}  // namespace imago::kafka
