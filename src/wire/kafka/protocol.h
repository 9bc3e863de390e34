// The Kafka protocol as values: the main header of this room.
//
// Names, for who reads or writes messages:
//
//   api_key::produce, all_apis, find_api(key)         kafka/api_table.h (made): keys, names, versions
//   produce_request, produce_response, ...            kafka/produce.h, ... (made, one file a message). A
//   field keeps
//                                                     Kafka's name in snake_case; inner structures are
//                                                     nested:
//                                                     fetch_response::fetchable_topic_response::partition_data
//   decode(reader&, version, message&) -> result<>    views into the frame; a message may be decoded into
//   again encode(gather_buffer&, version, const message&)   fields that the version lacks are left out
//   record_data                                       the records field: view() decoded, add(slice) to be
//   sent kafka_error, error_name(), error_text()           kafka/error_code.h: what goes into error_code
//   fields with_api(key, use)                                kafka/all_messages.h (made): from a key to its
//   types
//
// A server, per frame (without its length prefix):
//
//   reader in(frame);
//   IMAGO_TRY(const request_header header, decode_request_header(in));
//   produce_request request;                          // better: one that is reused
//   IMAGO_CHECK(decode(in, header.version, request));
//   ...
//   encode_response_frame(out, header, response);     // length, header, body; then write out.parts()
//
// A client: encode_request_frame(out, header, request), and for the answer decode_response_header(in, key,
// version) followed by decode(in, version, response).
//
// The description of each message is wire/kafka/messages/NAME.msg, its notation that of
// wire/notation/parse.h.
#pragma once

#include "base/result.h"
#include "wire/gather_buffer.h"
#include "wire/kafka/api_table.h"
#include "wire/kafka/reader.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace imago::wire::kafka {

/// What is known of the messages of `key`; nullptr if the codec does not know it.
[[nodiscard]] const api_info* find_api(std::int16_t key) noexcept;
[[nodiscard]] inline const api_info& info_of(api_key key) noexcept {
    return *find_api(static_cast<std::int16_t>(key));
}

/// The front of every request. `key` and `version` are as they came: not yet known to exist.
struct request_header {
    std::int16_t key = 0;
    std::int16_t version = 0;
    std::int32_t correlation_id = 0;
    std::optional<std::string_view> client_id;
};

/// The header's own version: 2 when the request is flexible, else 1.
[[nodiscard]] std::int16_t request_header_version(std::int16_t key, std::int16_t version) noexcept;
/// 1 when the response is flexible, else 0; always 0 for ApiVersions, whose reader may not know the version.
[[nodiscard]] std::int16_t response_header_version(std::int16_t key, std::int16_t version) noexcept;

/// Fails with unknown_api for a key that the codec lacks. A version out of range is not its affair
/// (ApiVersions must answer that); such a header is read as that of the nearest version.
[[nodiscard]] result<request_header> decode_request_header(reader& in);
void encode_request_header(gather_buffer& out, const request_header& header);
/// The correlation id.
[[nodiscard]] result<std::int32_t> decode_response_header(reader& in, std::int16_t key, std::int16_t version);
void encode_response_header(gather_buffer& out, const request_header& header);

/// The length prefix of a frame: made first, set to what has been added since when the frame is complete.
class frame_length {
public:
    explicit frame_length(gather_buffer& out) : out_(out), place_(out.extend(4)), start_(out.size()) {}
    void set() { store_be<std::int32_t>(place_, static_cast<std::int32_t>(out_.size() - start_)); }

private:
    gather_buffer& out_;
    std::byte* place_;
    std::size_t start_;
};

/// Appends one whole frame with its length prefix. header.key is set from the message.
template <class Request>
void encode_request_frame(gather_buffer& out, request_header header, const Request& request) {
    static_assert(Request::is_request);
    header.key = static_cast<std::int16_t>(Request::api);
    frame_length length(out);
    encode_request_header(out, header);
    encode(out, header.version, request);
    length.set();
}
/// Appends the answer to the request with `header`.
template <class Response>
void encode_response_frame(gather_buffer& out, request_header header, const Response& response) {
    static_assert(!Response::is_request);
    header.key = static_cast<std::int16_t>(Response::api);
    frame_length length(out);
    encode_response_header(out, header);
    encode(out, header.version, response);
    length.set();
}

/// Versions that somebody handles, to be compared with what is documented.
struct handled_api {
    api_key key;
    std::int16_t version_min;
    std::int16_t version_max;
};
/// What is wrong with a list of handlers: a version that the codec cannot do or a key that is there twice,
/// one line for each; empty when all is well.
[[nodiscard]] std::string check_handled(std::span<const handled_api> handled);

}  // namespace imago::wire::kafka
