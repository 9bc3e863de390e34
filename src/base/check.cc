#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace imago {

void invariant_failed(const char* expression, const char* file, int line) noexcept {
    std::fprintf(stderr, "imago: broken invariant: %s (%s:%d)\n", expression, file, line);
    std::abort();
}

}  // namespace imago
