// Holds a ring to its law of threads on every backend, so that a test on posix or sim finds what uring would
// refuse.
#pragma once

#include "base/check.h"

#include <thread>

namespace imago::io {

class ring_owner {
public:
    /// Binds to the calling thread on the first call, which gets true; aborts when another thread calls.
    bool check() {
        const auto self = std::this_thread::get_id();
        if (owner_ == self) return false;
        IMAGO_ASSERT(owner_ == std::thread::id{} && "a ring belongs to one thread");
        owner_ = self;
        return true;
    }
    [[nodiscard]] bool bound() const { return owner_ != std::thread::id{}; }

private:
    std::thread::id owner_;
};

}  // namespace imago::io
