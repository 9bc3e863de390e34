// The topic that a load works on.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace imago::bench {

/// Makes the topic with so many queues if it is not there, and waits until each of them answers. What went wrong, or empty.
[[nodiscard]] std::string prepare_topic(const std::string& server, const std::string& topic, std::int32_t queues);

/// The end of each queue now; empty with `problem` set if that cannot be found out.
[[nodiscard]] std::vector<std::int64_t> queue_ends(const std::string& server, const std::string& topic, std::int32_t queues,
                                                   std::string& problem);

}  // namespace imago::bench
