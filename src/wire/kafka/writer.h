// Writes the primitive types of the Kafka protocol into a gather_buffer.
#pragma once

#include "base/bytes.h"
#include "base/check.h"
#include "base/ids.h"
#include "wire/gather_buffer.h"
#include "wire/kafka/record_data.h"

#include <cstdint>
#include <optional>
#include <string_view>

namespace imago::wire::kafka {

/// Appends to `out`, which must outlive it. What is written was made by us, so there is nothing to fail: a
/// string longer than the protocol's 32767 bytes is a broken invariant of the caller's.
class writer {
public:
    explicit writer(gather_buffer& out) : out_(out) {}

    void boolean(bool value) { fixed<std::int8_t>(value ? 1 : 0); }
    void i8(std::int8_t value) { fixed<std::int8_t>(value); }
    void i16(std::int16_t value) { fixed<std::int16_t>(value); }
    void u16(std::uint16_t value) { fixed<std::uint16_t>(value); }
    void i32(std::int32_t value) { fixed<std::int32_t>(value); }
    void i64(std::int64_t value) { fixed<std::int64_t>(value); }
    void uuid(const imago::uuid& id) {
        std::memcpy(out_.extend(id.bytes.size()), id.bytes.data(), id.bytes.size());
    }
    void varint(std::uint32_t value) {
        std::byte encoded[5];
        std::size_t size = 0;
        for (; value >= 0x80; value >>= 7) encoded[size++] = static_cast<std::byte>(value | 0x80);
        encoded[size++] = static_cast<std::byte>(value);
        out_.append({encoded, size});
    }

    void string(std::string_view text, bool flexible);
    void bytes(byte_view data, bool flexible) {
        length32(static_cast<std::int64_t>(data.size()), flexible);
        out_.append(data);
    }
    void nullable_string(const std::optional<std::string_view>& text, bool flexible) {
        if (text) return string(*text, flexible);
        if (flexible) return varint(0);
        i16(-1);
    }
    void nullable_bytes(const std::optional<byte_view>& data, bool flexible) {
        if (data) return bytes(*data, flexible);
        null_length32(flexible);
    }
    void records(const record_data& data, bool flexible) {
        if (data.is_null()) return null_length32(flexible);
        length32(static_cast<std::int64_t>(data.size()), flexible);
        data.for_each_slice([this](const byte_slice& slice) { out_.attach(slice); });
    }
    /// The number of elements that follow.
    void count(std::size_t elements, bool flexible) {
        length32(static_cast<std::int64_t>(elements), flexible);
    }
    void null_count(bool flexible) { null_length32(flexible); }
    /// One tagged field: `content(writer)` writes it.
    template <class F>
    void tagged(std::uint32_t tag, F&& content) {
        gather_buffer field;
        writer inner(field);
        content(inner);
        varint(tag);
        varint(static_cast<std::uint32_t>(field.size()));
        out_.splice(std::move(field));
    }

private:
    template <class T>
    void fixed(T value) {
        store_be<T>(out_.extend(sizeof(T)), value);
    }
    void length32(std::int64_t length, bool flexible) {
        if (flexible) return varint(static_cast<std::uint32_t>(length + 1));
        i32(static_cast<std::int32_t>(length));
    }
    void null_length32(bool flexible) {
        if (flexible) return varint(0);
        i32(-1);
    }

    gather_buffer& out_;
};

inline void writer::string(std::string_view text, bool flexible) {
    IMAGO_ASSERT(text.size() <= 0x7fff);
    if (flexible) {
        varint(static_cast<std::uint32_t>(text.size() + 1));
    } else {
        i16(static_cast<std::int16_t>(text.size()));
    }
    out_.append(as_bytes(text));
}

}  // namespace imago::wire::kafka
