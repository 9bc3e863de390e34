// The groups' way to the bytes of the classic protocol's consumers.
#pragma once

#include "broker/groups/context.h"

namespace imago::kafka {

/// No state; lives for ever.
[[nodiscard]] const broker::groups::subscription_codec& subscription_bytes();

}  // namespace imago::kafka
