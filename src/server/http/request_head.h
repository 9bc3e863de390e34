// The head of an HTTP/1.x request, read without any I/O and within strict limits.
#pragma once

#include <cstddef>
#include <string_view>

namespace imago::http {

/// A head may be no longer; nobody who asks for metrics needs more.
inline constexpr std::size_t head_bytes_max = 8 * 1024;
inline constexpr std::size_t header_lines_max = 64;

/// The bytes of the first head in `have`, with the empty line that ends it; 0 if it is not whole yet. Lines end with
/// CRLF, or with LF alone.
[[nodiscard]] std::size_t head_size(std::string_view have);

/// Views into the bytes that were read.
struct request_head {
    std::string_view method;
    std::string_view path;       ///< without the query
    bool keep_alive = true;      ///< the client wants to ask again on this connection
    int refused = 0;             ///< 0, or the status to refuse with: 400, 405, 413, 414, 431, 505
};

/// Reads a head as head_size() cut it. Only GET and HEAD without a body are allowed. Never fails otherwise than with
/// `refused`, whatever the bytes are.
[[nodiscard]] request_head read_head(std::string_view head);

}  // namespace imago::http
