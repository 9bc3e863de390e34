// Start-up: from what the disk holds to a store that goes on. The recovery rule is in docs/format/commitlog.md.
#pragma once

#include "store/checkpoint.h"
#include "store/log_thread.h"

namespace imago::store {

/// Fills index, tables, producers and usage of `parts` from the checkpoint and the log; cuts a torn tail; quarantines damage.
/// Returns where appending goes on. Nothing is deleted because something is broken.
[[nodiscard]] result<log_position> recover(store_parts& parts, checkpoint_files& checkpoints, io::ring& ring);

}  // namespace imago::store
