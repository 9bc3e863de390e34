// Prints the frames of a log.
#pragma once

#include "inspect/folder.h"

namespace imago::inspect {

struct dump_filter {
    std::int64_t queue = -1;  ///< -1 = all
    std::uint64_t from = 0;
    std::uint64_t to = ~std::uint64_t{0};
    bool records = false;
};

/// To standard output. False if a frame that was to be printed is damaged or lies behind damage.
[[nodiscard]] bool dump(folder& from, const dump_filter& filter, bool as_json);

}  // namespace imago::inspect
