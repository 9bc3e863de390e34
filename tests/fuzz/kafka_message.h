// What the targets for requests and responses have in common.
#pragma once

#include "fuzz/allocation_bound.h"
#include "wire/kafka/all_messages.h"
#include "wire/kafka/message_codec.h"
#include "wire/kafka/protocol.h"

#include <cstdlib>
#include <vector>

namespace imago::fuzz {

inline void require(bool holds) {
    if (!holds) std::abort();
}

/// Decodes the rest of `in` as a Message: within its memory, and what is decoded must survive encoding and
/// decoding.
template <class Message>
void check_message(wire::kafka::reader& in, std::int16_t version) {
    using namespace imago::wire;
    using namespace imago::wire::kafka;
    const std::size_t size = in.remaining();
    Message message;
    {
        const allocation_bound bound;
        const result<> done = decode(in, version, message);
        bound.check(size, memory_per_byte_max);
        if (!done) return;
    }
    gather_buffer once, twice;
    encode(once, version, message);
    const std::vector<std::byte> bytes = once.flatten();
    reader again(bytes);
    require(decode(again, version, message).has_value() && again.remaining() == 0);
    encode(twice, version, message);
    require(twice.flatten() == bytes);
}

}  // namespace imago::fuzz
