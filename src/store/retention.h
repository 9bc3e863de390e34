// Which queues may lose their oldest batches, and which segments nobody needs any more. Pure: works on what log_usage
// recorded and on functions that tell the present bounds; time is an argument.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/ids.h"
#include "store/log_usage.h"
#include "store/store.h"

namespace imago::store {

struct retention_view {
    std::function<std::optional<queue_bounds>(queue_id)> bounds;
    std::function<retention(queue_id)> retention_of;
};

struct queue_trim {
    queue_id queue;
    queue_offset start;
};

/// Kafka's rules: a queue loses what lies in the oldest segments, up to the first one that holds something younger than
/// retention.ms, or whose loss would bring the queue below retention.bytes. The newest segment goes by time only.
class retention_policy {
public:
    /// New starts for queues. Looks only at segments in which something may have expired by now, or that are new.
    [[nodiscard]] std::vector<queue_trim> trims(const std::vector<std::shared_ptr<const segment_usage>>& sealed,
                                                const segment_usage& current, const retention_view& view, unix_ms now);
    /// When something will expire by time, as far as is known; nullopt = nothing will.
    [[nodiscard]] std::optional<unix_ms> next_expiry() const;
    /// The settings changed: look at everything again.
    void forget() { expiry_.clear(); }

private:
    static constexpr unix_ms never = INT64_MAX;
    std::map<log_position, unix_ms> expiry_;  ///< by segment: the earliest expiry of anything alive in it
    std::optional<log_position> seen_as_current_;
};

/// True if nobody needs the segment's frames: every queue in it is gone or starts behind. `only_changes` tells that nothing
/// but the change queue keeps it.
[[nodiscard]] bool is_dead(const segment_usage& usage, const std::function<std::optional<queue_bounds>(queue_id)>& bounds,
                           bool& only_changes);

}  // namespace imago::store
