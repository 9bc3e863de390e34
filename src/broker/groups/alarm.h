// A clock's bell, given to whoever has deadlines.
#pragma once

#include "base/ids.h"

namespace imago::broker::groups {

class alarm {
public:
    virtual ~alarm() = default;
    /// Rings once at or soon after `at`; replaces the time that was set before. Any thread, also from within the
    /// ringing; never rings inside the call.
    virtual void set(unix_ms at) = 0;
};

}  // namespace imago::broker::groups
