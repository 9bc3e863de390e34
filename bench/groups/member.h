// A member of a group as applications have them: two connections, one to the coordinator and one to fetch with; offsets
// are committed when queues are let go, and asked for when they are taken.
#pragma once

#include "group_load.h"

#include <asio/awaitable.hpp>

#include <map>
#include <memory>
#include <vector>

namespace imago::bench {

/// Runs in coroutines on the load's thread; must live until done() after leave().
class member {
public:
    explicit member(group_load& load);
    virtual ~member() = default;
    member(const member&) = delete;
    member& operator=(const member&) = delete;

    void start();
    /// Lets everything go, tells the coordinator, and ends.
    void leave() {
        leaving_ = true;
        woken_.notify();
    }
    [[nodiscard]] bool done() const { return running_ == 0; }
    /// Nothing is left to do until the coordinator says so.
    [[nodiscard]] bool settled() const { return settled_; }
    [[nodiscard]] std::size_t held() const { return held_.size(); }

protected:
    /// Joins, takes part until leaving() and leaves.
    virtual asio::awaitable<void> take_part() = 0;

    [[nodiscard]] bool leaving() const { return leaving_; }
    void settled(bool yes) { settled_ = yes; }
    [[nodiscard]] group_load& load() { return load_; }
    [[nodiscard]] client::connection& coordinator() { return *coordinator_; }
    [[nodiscard]] queue_set holds() const;
    /// Reads from these queues and no others from now on; commits what it lets go.
    asio::awaitable<void> hold(queue_set wanted);
    /// Thrown out: what it had is somebody else's.
    void drop_all();
    /// Until `time` has passed or leave() was called.
    asio::awaitable<void> pause(steady::duration time);
    void unexpected(std::string_view where, std::int16_t code);

    std::string id_;
    std::int32_t epoch_ = -1;  // or generation

private:
    asio::awaitable<void> run();
    asio::awaitable<void> fetch();
    struct held_queue {
        std::int64_t next = 0;
        std::uint64_t taken = 0;  // when, so that late answers are recognized
    };
    using held_queues = std::map<std::int32_t, held_queue>;

    asio::awaitable<void> commit(const held_queues& which);
    asio::awaitable<std::map<std::int32_t, std::int64_t>> committed(const queue_set& which);

    group_load& load_;
    client::connection_ptr coordinator_;
    client::connection_ptr fetcher_;
    client::event woken_;
    held_queues held_;
    std::uint64_t takings_ = 0;
    bool leaving_ = false;
    bool ended_ = false;
    bool settled_ = false;
    int running_ = 0;
};

[[nodiscard]] std::unique_ptr<member> make_member(group_load& load);
[[nodiscard]] std::unique_ptr<member> make_classic_member(group_load& load);
[[nodiscard]] std::unique_ptr<member> make_consumer_member(group_load& load);

}  // namespace imago::bench
