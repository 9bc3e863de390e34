// Key and version, then a frame as a server sends it.
#include "fuzz/kafka_message.h"

using namespace imago;
using namespace imago::wire::kafka;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    reader in({reinterpret_cast<const std::byte*>(data), size});
    const std::int16_t key = in.i16();
    const std::int16_t version = in.i16();
    if (!decode_response_header(in, key, version)) return 0;
    with_api(static_cast<api_key>(key),
             [&]<class T>(T) { fuzz::check_message<typename T::response>(in, version); });
    return 0;
}
