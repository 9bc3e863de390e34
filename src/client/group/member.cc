#include "client/group/member.h"

#include <algorithm>

namespace imago::client {

std::optional<rebalance_event> membership::take_event() {
    if (events_.empty()) return std::nullopt;
    rebalance_event first = std::move(events_.front());
    events_.pop_front();
    if (first.change == rebalance::revoked) taken_ = first.partitions;
    return first;
}

void membership::given_up() {
    if (taken_.empty()) return;
    for (const topic_partition& each : std::exchange(taken_, {})) {
        owned_.erase(each);
        revoking_.erase(each);
    }
    if (revoking_.empty()) revocation_done();
}

void membership::tell_assigned(const partition_set& added) {
    owned_.insert(added.begin(), added.end());
    events_.push_back({rebalance::assigned, added});
}

void membership::tell_revoked(const partition_set& gone) {
    partition_set told;
    for (const topic_partition& each : gone) {
        bool untold = false;
        for (rebalance_event& event : events_)
            if (event.change == rebalance::assigned) untold = event.partitions.erase(each) > 0 || untold;
        if (untold) owned_.erase(each);
        else if (owned_.count(each) > 0 && revoking_.count(each) == 0) told.insert(each);
    }
    if (told.empty()) return;
    revoking_.insert(told.begin(), told.end());
    for (rebalance_event& event : events_) {
        if (event.change != rebalance::revoked) continue;
        event.partitions.insert(told.begin(), told.end());
        return;
    }
    events_.push_back({rebalance::revoked, std::move(told)});
}

void membership::tell_lost() {
    partition_set told = owned_;
    for (const rebalance_event& event : events_)
        if (event.change == rebalance::assigned)
            for (const topic_partition& each : event.partitions) told.erase(each);
    for (const topic_partition& each : taken_) told.erase(each);
    std::erase_if(events_, [](const rebalance_event& each) { return each.change != rebalance::lost; });
    owned_.clear();
    revoking_.clear();
    taken_.clear();
    if (!told.empty()) events_.push_back({rebalance::lost, std::move(told)});
}

void membership::retry_later(steady_time now) {
    pause_ = pause_.count() == 0 ? retry_backoff_ : std::min(pause_ * 2, milliseconds(1000));
    retry_at_ = now + pause_;
}

}  // namespace imago::client
