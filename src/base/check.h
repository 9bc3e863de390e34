// Invariants that stay in release builds: a broken one means that going on could harm data.
#pragma once

namespace imago {

/// Prints the broken invariant to standard error and aborts. Never returns.
[[noreturn]] void invariant_failed(const char* expression, const char* file, int line) noexcept;

}  // namespace imago

#define IMAGO_ASSERT(expression) \
    (static_cast<bool>(expression) ? void(0) : ::imago::invariant_failed(#expression, __FILE__, __LINE__))
