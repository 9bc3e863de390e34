// Reads the notation in which each message of the protocol is described once (wire/kafka/messages/*.msg).
//
//   # Appends record batches to queues.                    <- what the message is for
//   api 0 produce 3-13 flexible 9 shown 0                  <- key, name, versions, first flexible version
//
//   request
//       transactional_id  ?string                          # null: no transaction
//       acks              i16                              # -1 all, 1 leader, 0 no answer
//       topic_data        [topic_produce_data]             <- an array of a structure, described by what is
//       indented
//           name          string  0-12                     <- only in versions 0 to 12
//           topic_id      uuid    13+
//           partition_data [partition_produce_data]
//               index     i32
//               records   ?records
//   response
//       ...
//
// A line is: name type [versions] [null versions] [tag number] [= default] [# comment]. Types are bool, i8,
// i16, u16, i32, i64, uuid, string, bytes, records, a structure, and [type] for arrays; ?type may be null in
// all versions. A structure that is described nowhere below its field is one of that name described earlier
// in the message.
#pragma once

#include "model.h"

#include <filesystem>
#include <stdexcept>

namespace notation {

/// Says file, line and what is wrong.
struct parse_error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

[[nodiscard]] message parse_file(const std::filesystem::path& file);

}  // namespace notation
