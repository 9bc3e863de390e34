// Fetch sessions (KIP-227): the server remembers which queues a consumer reads, so that requests name only those that
// changed, answers have only those with news, and the work grows with the news and not with the number of queues.
//
//   ready   places that may have something: new or moved ones, those whose queue grew, those that had records or an error
//           when they were looked at last
//   idle    the others; each waits in its queue's list of waiters, also between requests
//
// A session belongs to one connection and is gone with it: a consumer that comes back on another one is told that its
// session is not found, and starts a new one. Everything here is used on one network thread.
//
// Its topics are called by their names or by their ids, all of them, from its first request to its last: a consumer that
// changes from one to the other (its metadata was gone for a while) does not name again what it has named already, and
// would not know in an answer what is called the other way.
#pragma once

#include "broker/topics.h"
#include "server/kafka/wire.h"
#include "server/net/session.h"
#include "store/store.h"
#include "wire/kafka/fetch.h"

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace imago::kafka {

class fetch_sessions;

class fetch_session {
public:
    struct topic;
    /// What the consumer wants of one queue.
    struct place {
        fetch_session* home = nullptr;
        topic* of = nullptr;
        std::int32_t partition = 0;
        std::int32_t leader_epoch = -1;  ///< as the consumer believes
        std::size_t bytes_max = 0;
        queue_offset from;
        queue_id queue;
        kafka_error error = kafka_error::none;  ///< why `queue` is none
        // What the consumer was told last.
        std::int64_t end_told = -1;
        std::int64_t start_told = -1;

    private:
        friend class fetch_session;
        friend class fetch_sessions;
        place* next = nullptr;  // in the list of ready ones
        place* previous = nullptr;
        bool ready = false;
        bool waiting = false;   // linked in the store, or its task is on the way
        bool forgotten = false;
        std::atomic<bool> posted{false};  // the log thread is done with it
        store::waiter waiter;
        net::task back;
    };
    struct topic {
        std::string name;
        uuid id;
        broker::topic_ptr found;  ///< null: unknown when it was last looked for
        std::map<std::int32_t, std::unique_ptr<place>> places;
    };

    [[nodiscard]] std::int32_t id() const { return id_; }
    [[nodiscard]] bool by_id() const { return by_id_; }

    /// True: `epoch` is the next one, and the session is now busy with this request. False: it is not, or the session is
    /// busy with another one.
    [[nodiscard]] bool begin(std::int32_t epoch);
    void end() { busy_ = false; }

    /// Adds a place or changes one that is there; it is ready then. Null: there is no room for more places.
    place* put(const wire::fetch_request::fetch_topic& topic,
               const wire::fetch_request::fetch_topic::fetch_partition& partition);
    void forget(const wire::fetch_request::forgotten_topic& topic);

    /// The ready places, in the order in which they should be read: those that had their turn go to the end.
    [[nodiscard]] std::size_t ready() const { return ready_count_; }
    [[nodiscard]] place& take_turn();
    /// There is nothing in it past `end`: it waits. False: the queue grew meanwhile, and the place stays ready.
    bool rest(place& nothing, queue_offset end);
    /// Looks again for what could not be found.
    void look_again(place& missing) { find(missing); }
    /// Its queue is gone: it is looked for anew.
    void lost(place& gone);

    /// A pass over the ready places begins.
    void begin_pass() { news_ = false; }
    /// `listener` runs once, on this thread, when a queue grows. False: one grew since the pass began.
    [[nodiscard]] bool listen(net::task& listener) {
        listener_ = news_ ? nullptr : &listener;
        return !news_;
    }
    /// False: the listener is on its way, or ran.
    bool stop_listening() { return std::exchange(listener_, nullptr) != nullptr; }
    /// A request is under way with it.
    [[nodiscard]] bool busy() const { return busy_; }

private:
    friend class fetch_sessions;
    fetch_session(fetch_sessions& home, std::int32_t id, const net::connection& link, bool by_id)
        : home_(home), id_(id), link_(&link), by_id_(by_id) {}

    [[nodiscard]] std::string key_of(std::string_view name, const uuid& id) const;
    topic& topic_of(std::string_view name, const uuid& id);
    void find(place& wanted);
    void make_ready(place& each);
    void unlink_ready(place& each);
    /// Stops waiting. False: the task is on its way, and the place must stay until it came.
    bool stop_waiting(place& each);
    void came(place& each);

    fetch_sessions& home_;
    const std::int32_t id_;
    const net::connection* link_;
    const bool by_id_;
    std::int32_t epoch_ = 1;  // of the next request
    bool busy_ = false;
    bool closed_ = false;
    bool news_ = false;
    net::task* listener_ = nullptr;
    std::unordered_map<std::string, std::unique_ptr<topic>> topics_;  // by id's bytes or by name
    place* first_ready_ = nullptr;
    place* last_ready_ = nullptr;
    std::size_t ready_count_ = 0;
    std::size_t places_ = 0;
    std::vector<std::unique_ptr<place>> leaving_;  // forgotten, with a task on the way
};

/// The sessions of one network thread.
class fetch_sessions {
public:
    /// `places_max`: of all sessions together; who asks for more goes without a session.
    fetch_sessions(store::store& store, const broker::topics& topics, net::event_loop& loop, std::size_t places_max);
    /// When the thread has no connections and its loop does not run any more.
    ~fetch_sessions();

    /// A new, empty session that is busy; the connection's other one is closed. Null: none can be had.
    [[nodiscard]] fetch_session* open(const net::connection& link, std::size_t places, bool by_id);
    [[nodiscard]] fetch_session* find(std::int32_t id, const net::connection& link);
    void close(fetch_session& session);
    /// No request of the connection is under way any more.
    void connection_gone(const net::connection& link);

    [[nodiscard]] std::size_t places() const { return places_; }

private:
    friend class fetch_session;
    void erase_if_done(fetch_session& session);

    store::store& store_;
    const broker::topics& topics_;
    net::event_loop& loop_;
    const std::size_t places_max_;
    std::size_t places_ = 0;
    std::int32_t last_id_;
    std::unordered_map<std::int32_t, std::unique_ptr<fetch_session>> sessions_;
    std::unordered_map<const net::connection*, fetch_session*> by_link_;
};

}  // namespace imago::kafka
