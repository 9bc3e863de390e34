// Memory that is large, and copied to in large pieces.
#pragma once

#include "base/bytes.h"

namespace imago {

/// Aligned to a huge page and in huge pages where the system gives them (transparent huge pages, `madvise` or `always`): for a
/// direct write the kernel looks up and pins 512 times fewer of them. Smaller than a huge page: as make_aligned_bytes().
[[nodiscard]] aligned_bytes make_large_bytes(std::size_t size);

/// Copies without bringing the destination into the caches, if it is 8 KiB or more: for what is written once in large amounts
/// and, if at all, read much later. Other threads see it only after copies_done(), which whoever copied calls before it publishes.
void copy_past_caches(std::byte* to, const std::byte* from, std::size_t size);
void copies_done();

}  // namespace imago
