#include "io/event_descriptor.h"

#include "base/check.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

namespace imago::io {

event_descriptor::~event_descriptor() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

result<> event_descriptor::open(bool blocking) {
    descriptor_ = ::eventfd(0, EFD_CLOEXEC | (blocking ? 0 : EFD_NONBLOCK));
    if (descriptor_ < 0) return fail(system_error_code(errno));
    return {};
}

void event_descriptor::signal() const {
    const std::uint64_t one = 1;
    while (::write(descriptor_, &one, sizeof one) < 0) {
        if (errno == EAGAIN) return;  // the counter is full, so it is readable
        IMAGO_ASSERT(errno == EINTR);
    }
}

void event_descriptor::clear() const {
    std::uint64_t count = 0;
    while (::read(descriptor_, &count, sizeof count) < 0) {
        if (errno == EAGAIN) return;
        IMAGO_ASSERT(errno == EINTR);
    }
}

}  // namespace imago::io
