// Private parts of topic_admin, shared by its two source files.
#pragma once

#include "broker/topic_admin.h"

namespace imago::broker {

/// What an operation will do to one topic: an outcome that is known at once, or changes to be made durable
/// first.
struct topic_admin::plan {
    std::error_code error;
    std::string message;
    std::string note;
    topic_ptr topic;
    change_list changes;              ///< empty and no frames: nothing to write
    std::vector<change_list> frames;  ///< instead of changes: too much for one frame
    std::size_t frames_needed = 0;    ///< so many durable frames make the outcome a success
    std::vector<change_list> undo;    ///< if fewer of the frames became durable
    bool retention = false;           ///< retention may have changed

    [[nodiscard]] static plan refuse(std::error_code error, std::string message) {
        plan refused;
        refused.error = error;
        refused.message = std::move(message);
        return refused;
    }
};

/// Queue changes cut into frames.
[[nodiscard]] std::vector<change_list> frames_of(std::span<const queue_run> runs,
                                                 store::table_change (*change)(queue_id));

}  // namespace imago::broker
