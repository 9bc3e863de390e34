// Turns a filled batch into the bytes to send.
#pragma once

#include "client/batch_builder.h"
#include "imago/options.h"

namespace imago::client {

/// The finished batch, its records compressed into `into` unless that would make it larger. Only stamp() is missing.
[[nodiscard]] byte_span compress(batch_builder& from, scratch_bytes& into, codec with, int level);

}  // namespace imago::client
