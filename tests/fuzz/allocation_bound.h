// Counts what operator new hands out, so that a fuzz target can hold a decoder to its memory bound.
#pragma once

#include <cstddef>

namespace imago::fuzz {

/// From its construction to check(): all bytes allocated, freed or not.
class allocation_bound {
public:
    allocation_bound();
    /// Aborts with a message when more than per_byte * input_size + 64 KiB were allocated.
    void check(std::size_t input_size, std::size_t per_byte) const;

private:
    std::size_t before_;
};

}  // namespace imago::fuzz
