// A frame as a client sends it: its first bytes choose message and version.
#include "fuzz/kafka_message.h"

using namespace imago;
using namespace imago::wire::kafka;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    reader in({reinterpret_cast<const std::byte*>(data), size});
    const auto header = decode_request_header(in);
    if (!header) return 0;
    with_api(static_cast<api_key>(header->key),
             [&]<class T>(T) { fuzz::check_message<typename T::request>(in, header->version); });
    return 0;
}
