// `imago serve`: everything that the server consists of, put together from the bottom up.
#pragma once

#include "server/config/load.h"

namespace imago {

/// Serves until SIGTERM or SIGINT. The exit code:
///   0 stopped cleanly · 1 could not start, or the disk failed · 2 the configuration is wrong
[[nodiscard]] int serve(const config::loaded& configuration);

}  // namespace imago
