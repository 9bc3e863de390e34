// Copying in large pieces.
#pragma once

#include <cstddef>

namespace imago {

/// Copies without bringing the destination into the caches, if it is 8 KiB or more: for what is written once in large amounts
/// and, if at all, read much later. Other threads see it only after copies_done(), which whoever copied calls before it publishes.
void copy_past_caches(std::byte* to, const std::byte* from, std::size_t size);
void copies_done();

}  // namespace imago
