// Why bytes could not be decoded. One category for all codecs.
#pragma once

#include <system_error>

namespace imago::wire {

enum class wire_errc {
    truncated = 1,        // the bytes end inside a field, or a length points past their end
    bad_varint,           // a varint longer than its type allows
    bad_length,           // a negative or absurd length or count
    unexpected_null,      // null where the version allows none
    bad_value,            // a value no writer may send (a tagged field that is not its own size, ...)
    unknown_api,          // no message of that key
    unsupported_version,  // a version outside the range of the message
    bad_compressed_data,  // the codec refuses the bytes
    output_too_large,     // decompressed data exceeds its limit
    stopped,              // the receiver of decompressed data asked to stop
};

[[nodiscard]] const std::error_category& wire_category() noexcept;
[[nodiscard]] inline std::error_code make_error_code(wire_errc error) noexcept {
    return {static_cast<int>(error), wire_category()};
}

}  // namespace imago::wire

template <>
struct std::is_error_code_enum<imago::wire::wire_errc> : std::true_type {};
