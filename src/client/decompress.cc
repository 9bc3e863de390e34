#include "client/decompress.h"

#include "imago/errors.h"

namespace imago::client {

result<byte_view> records_of(batch_view batch, std::vector<std::byte>& into, std::size_t limit) {
    static_cast<void>(into);
    static_cast<void>(limit);
    if (batch.codec_bits() != 0) return tl::unexpected(make_error_code(kafka_errc::unsupported_compression_type));
    return batch.bytes().subspan(batch_header_size);
}

}  // namespace imago::client
