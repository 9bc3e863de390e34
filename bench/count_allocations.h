// Allocations of the program that links this: operator new, all threads.
#pragma once

#include <cstdint>

[[nodiscard]] std::uint64_t count_allocations();
