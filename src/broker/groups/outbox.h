// The way out of one group: what its steps change becomes durable in their order, and each step's answers leave when
// everything up to it is. One write is under way at a time; what comes meanwhile makes up the next.
//
// Threads: any, except that push() calls must not run at the same time. Answers are given with the outbox locked: they
// must only hand over.
#pragma once

#include "broker/changes.h"

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace imago::broker::groups {

class outbox : public std::enable_shared_from_this<outbox> {
public:
    /// Told whether what was to be durable before it failed to be.
    using answer_function = std::function<void(bool failed)>;

    /// `progressed` is called on the log thread, nothing locked, after each write.
    outbox(store::store& store, std::function<void()> progressed)
        : store_(store), progressed_(std::move(progressed)) {}

    /// `now` only dates the step, see oldest().
    void push(change_list changes, std::vector<answer_function> answers, unix_ms now);
    [[nodiscard]] bool empty() const;
    /// Since when the oldest step that is held has been waiting.
    [[nodiscard]] std::optional<unix_ms> oldest() const;
    /// A write failed: everything that was held was answered so, and so is what is pushed, until mend().
    [[nodiscard]] bool failed() const;
    void mend();

private:
    struct step {
        change_list changes;
        std::vector<answer_function> answers;
        unix_ms since = 0;
    };
    /// The changes of the next write, which the first step begins; none: nothing is held. Locked.
    [[nodiscard]] change_list next_write();
    void write(change_list changes);
    void written(std::error_code error);

    store::store& store_;
    const std::function<void()> progressed_;
    mutable std::mutex mutex_;
    std::deque<step> steps_;
    std::size_t writing_ = 0;  ///< so many steps of the front
    bool failed_ = false;
};

}  // namespace imago::broker::groups
