// What the store answers with when it cannot do what was asked.
#pragma once

#include <system_error>

namespace imago::store {

enum class store_errc {
    unknown_queue = 1,
    offset_out_of_range,
    damaged,                 ///< the bytes were acknowledged and are no longer what was written
    no_space,                ///< the disk is full: refused before anything was written; may be tried again
    failed,                  ///< a write or flush failed: nothing is written any more until a restart
    closing,
    out_of_order_sequence,   ///< idempotent producer: not the next sequence number
    invalid_producer_epoch,  ///< idempotent producer: an older epoch than the queue has seen
    too_large,               ///< a batch that no segment can hold
    corrupt_snapshot,
    bad_format,              ///< the folder was written by something else, or by a newer version
    locked,                  ///< another process serves this folder
};

[[nodiscard]] std::error_code make_error_code(store_errc error);

}  // namespace imago::store

template <>
struct std::is_error_code_enum<imago::store::store_errc> : std::true_type {};
