// An eventfd as a value: what wakes a ring, and what a ring shows to an event loop.
#pragma once

#include "base/result.h"

namespace imago::io {

class event_descriptor {
public:
    event_descriptor() = default;
    ~event_descriptor();
    event_descriptor(const event_descriptor&) = delete;
    event_descriptor& operator=(const event_descriptor&) = delete;

    /// Non-blocking descriptors are for poll and read here; a blocking one is for a read inside the ring,
    /// which would otherwise come back at once with EAGAIN.
    [[nodiscard]] result<> open(bool blocking);
    [[nodiscard]] bool is_open() const { return descriptor_ >= 0; }
    [[nodiscard]] int get() const { return descriptor_; }
    /// Makes it readable. Any thread; does not block.
    void signal() const;
    /// Makes it unreadable; only for a non-blocking one.
    void clear() const;

private:
    int descriptor_ = -1;
};

}  // namespace imago::io
