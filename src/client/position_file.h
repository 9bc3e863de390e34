// The file in which a broadcast consumer keeps its positions.
//
//   imago positions 1
//   TOPIC PARTITION OFFSET        one line for each, sorted
//   checksum XXXXXXXXXXXXXXXX     XXH3 of all bytes before this line, in hexadecimal
#pragma once

#include <map>
#include <string>

#include "imago/result.h"
#include "imago/topic.h"

namespace imago::client {

using position_map = std::map<topic_partition, std::int64_t>;

/// What the file says; empty if there is no such file. Fails with damaged_positions on anything that is not what
/// save_positions() wrote, and with the system's error if it cannot be read.
[[nodiscard]] result<position_map> load_positions(const std::string& path);

/// Replaces the file as a whole: a crash at any moment leaves the old one or the new one. When it returns, the new one
/// is on the disk. Fails with the system's error; then the old one is still there.
[[nodiscard]] result<> save_positions(const std::string& path, const position_map& positions);

}  // namespace imago::client
