// From our error codes to Kafka's: the only place where that is decided.
#pragma once

#include "server/kafka/wire.h"

#include <functional>
#include <string_view>
#include <system_error>

namespace imago::kafka {

/// kafka_error::none for no error. What it does not know is UNKNOWN_SERVER_ERROR and a line to `log` (may be
/// empty).
[[nodiscard]] kafka_error to_kafka(std::error_code error, const std::function<void(std::string_view)>& log);

}  // namespace imago::kafka
