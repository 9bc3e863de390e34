// The callback form of the client: calls return at once, and functions are called with what comes. No Asio in sight.
//
// Each object has a thread of its own, on which a coroutine object of imago/async.h lives; all functions that are given
// are called on that thread, one at a time, and must not block for long: while they run, heartbeats wait. They may call
// the object again, except stop() and the destructor. Calls may come from any thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "imago/errors.h"
#include "imago/group_options.h"
#include "imago/pulled.h"
#include "imago/result.h"

namespace imago::client::callback {

/// Where a message was written, or why not.
struct sent {
    std::error_code error;
    std::int32_t partition = -1;
    std::int64_t offset = -1;  ///< -1: not known (acks=0)
};

/// Sends messages and tells the fate of each to the function that came with it. See client::producer.
class producer {
public:
    /// on_delivery and message::tag are the producer's own here.
    explicit producer(client_options options, producer_options how = {});
    /// stop()
    ~producer();

    /// Copies the message. `done` is called exactly once. What does not fit into the buffer waits outside of it: who
    /// sends faster than the server takes should count what is not done.
    void send(std::string topic, const message& what, std::function<void(const sent&)> done);
    void flush(std::function<void(result<>)> done);
    /// Delivers what was sent, then ends; all functions have been called when it returns.
    void stop();

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

/// A member of a group. See client::group_consumer.
class group_consumer {
public:
    /// Joins, and calls `on_pulled` with records, changes of the assignment and errors, in order; never with nothing.
    /// Its return means that what it was given has been dealt with. After an error that is not retriable it is not
    /// called again.
    group_consumer(client_options options, group_options how, std::vector<std::string> topics,
                   std::function<void(const result<group_pulled>&)> on_pulled);
    /// stop()
    ~group_consumer();

    /// Commits the positions of all that was given, the records that on_pulled is looking at included.
    void commit(std::function<void(result<>)> done);
    /// Commits (with auto_commit) and leaves the group; nothing is called after it has returned.
    void stop();

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

/// Sees every partition and keeps its position in a file. See client::broadcast_consumer.
class broadcast_consumer {
public:
    /// Opens, and calls `on_pulled` as group_consumer does.
    broadcast_consumer(client_options options, broadcast_options how,
                       std::function<void(const result<pulled>&)> on_pulled);
    /// stop()
    ~broadcast_consumer();

    /// Saves the positions and ends; nothing is called after it has returned.
    void stop();

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace imago::client::callback
