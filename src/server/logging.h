// The server's log: one line an event, to standard error, as text or as JSON.
#pragma once

#include <string>
#include <string_view>

namespace imago {

enum class log_level { debug, info, warn, error };

/// Once, at start, before any thread that logs. `format`: "text" or "json"; `level`: a name of the enum.
void start_log(std::string_view level, std::string_view format);
/// Any thread.
void log_line(log_level level, std::string_view line);

}  // namespace imago
