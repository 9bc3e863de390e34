#include "broker/groups/outbox.h"

#include <utility>

namespace imago::broker::groups {

void outbox::push(change_list changes, std::vector<answer_function> answers, unix_ms now) {
    if (changes.empty() && answers.empty()) return;
    change_list next;
    {
        std::lock_guard lock(mutex_);
        if (failed_ || (steps_.empty() && changes.empty())) {
            for (const auto& answer : answers) answer(failed_);
            return;
        }
        steps_.push_back({std::move(changes), std::move(answers), now});
        if (writing_ == 0) next = next_write();
    }
    if (!next.empty()) write(std::move(next));
}

change_list outbox::next_write() {
    change_list all;
    std::size_t bytes = 0;
    for (step& one : steps_) {
        std::size_t size = 0;
        for (const auto& change : one.changes) size += size_of(change);
        // A step is never divided: its changes are true together only.
        if (!all.empty() && (all.size() + one.changes.size() > frame_changes_max || bytes + size > frame_bytes_max)) {
            break;
        }
        bytes += size;
        ++writing_;
        std::move(one.changes.begin(), one.changes.end(), std::back_inserter(all));
        one.changes.clear();
    }
    return all;
}

void outbox::write(change_list changes) {
    submit(store_, std::move(changes),
           [self = shared_from_this()](std::error_code error) { self->written(error); });
}

void outbox::written(std::error_code error) {
    change_list next;
    {
        std::lock_guard lock(mutex_);
        if (error) {
            failed_ = true;
            for (const step& one : steps_) {
                for (const auto& answer : one.answers) answer(true);
            }
            steps_.clear();
            writing_ = 0;
        } else {
            // Steps that changed nothing and wait behind those that are durable now need no write of their own.
            while (!steps_.empty() && (writing_ > 0 || steps_.front().changes.empty())) {
                for (const auto& answer : steps_.front().answers) answer(false);
                steps_.pop_front();
                if (writing_ > 0) --writing_;
            }
            next = next_write();
        }
    }
    if (!next.empty()) write(std::move(next));
    progressed_();
}

bool outbox::empty() const {
    std::lock_guard lock(mutex_);
    return steps_.empty();
}

std::optional<unix_ms> outbox::oldest() const {
    std::lock_guard lock(mutex_);
    if (steps_.empty()) return std::nullopt;
    return steps_.front().since;
}

bool outbox::failed() const {
    std::lock_guard lock(mutex_);
    return failed_;
}

void outbox::mend() {
    std::lock_guard lock(mutex_);
    failed_ = false;
}

}  // namespace imago::broker::groups
