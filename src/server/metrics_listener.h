// The HTTP listener beside the Kafka one.
#pragma once

#include "server/metrics.h"

#include <memory>
#include <string>

namespace imago {

/// A listener with a thread of its own and limits that fit its few small requests; it answers at once. `sources` must
/// outlive it. The error: the port is taken, or there is no such address.
[[nodiscard]] result<std::unique_ptr<net::server>> listen_metrics(std::string host, std::string port,
                                                                  const metric_sources& sources);

}  // namespace imago
