// Durable changes with a continuation. Small helpers over store::change.
#pragma once

#include "store/store.h"

#include <functional>
#include <system_error>
#include <vector>

namespace imago::broker {

using change_list = std::vector<store::table_change>;
using change_done = std::function<void(std::error_code)>;

/// All of `changes` in one frame. `done` is called once, on the log thread, when they are durable and
/// applied, or with the reason why none of them is.
void submit(store::store& store, change_list changes, change_done done);

/// One frame after the other, each only when the one before is durable. Stops at the first error; `done` gets
/// it with the number of frames that are durable.
void submit_in_order(store::store& store, std::vector<change_list> frames,
                     std::function<void(std::error_code, std::size_t durable)> done);

/// Upper bounds of one frame, well below what any log segment can hold.
inline constexpr std::size_t frame_changes_max = 4096;
inline constexpr std::size_t frame_bytes_max = 512 << 10;

[[nodiscard]] std::size_t size_of(const store::table_change& change);

}  // namespace imago::broker
