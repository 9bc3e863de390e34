// What is made from the notation.
#pragma once

#include "model.h"

#include <string>
#include <vector>

namespace notation {

/// The C++ structs of a message.
[[nodiscard]] std::string cpp_header(const message& api);
/// Their encode and decode.
[[nodiscard]] std::string cpp_source(const message& api);
/// For tests: fill(random, version, message) gives every field of that version a random value.
[[nodiscard]] std::string cpp_fill(const std::vector<message>& apis);
/// Keys, names and versions of all messages.
[[nodiscard]] std::string cpp_api_table(const std::vector<message>& apis);
/// All messages, and the call from a key to its types.
[[nodiscard]] std::string cpp_all_messages(const std::vector<message>& apis);
/// docs/protocol/kafka.md.
[[nodiscard]] std::string markdown(const std::vector<message>& apis);
/// One line for each field of each version, "KEY request|response VERSION path type": to be compared with others.
[[nodiscard]] std::string schema_lines(const std::vector<message>& apis);
/// A libFuzzer dictionary: keys with versions, lengths and counts that have a meaning.
[[nodiscard]] std::string fuzz_dictionary(const std::vector<message>& apis);

/// Replaces each $0, $1, ... in `text`.
[[nodiscard]] std::string fill_in(std::string text, const std::vector<std::string>& values);
/// The C++ condition on version `v` for being in `inner`, given that it is in `outer`; empty = always.
[[nodiscard]] std::string condition(version_range inner, version_range outer);
/// The C++ type of a field, and of an element of an array field.
[[nodiscard]] std::string element_type(const field& item);
[[nodiscard]] std::string cpp_type(const field& item);
/// Every structure of `top` that is described in it, inner ones first, and `top` itself last.
[[nodiscard]] std::vector<const structure*> all_structures(const structure& top);

}  // namespace notation
