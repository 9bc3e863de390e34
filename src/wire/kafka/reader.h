// Reads the primitive types of the Kafka protocol out of one frame, bounded at every step.
#pragma once

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "wire/error.h"

#include <cstdint>
#include <optional>
#include <string_view>

namespace imago::wire::kafka {

/// A cursor over a frame. The first error sticks: from then on every read gives zero, null or empty and moves
/// nothing, so decoders read on without a branch after each field and look at status() once at the end.
/// Strings and bytes are views into the frame and live as long as it does. Never allocates.
class reader {
public:
    explicit reader(byte_view frame) : next_(frame.data()), end_(frame.data() + frame.size()) {}

    [[nodiscard]] bool ok() const { return error_ == wire_errc{}; }
    [[nodiscard]] result<> status() const {
        if (ok()) return {};
        return imago::fail(error_);
    }
    [[nodiscard]] std::size_t remaining() const { return static_cast<std::size_t>(end_ - next_); }
    /// What has not been read yet.
    [[nodiscard]] byte_view rest() const { return {next_, end_}; }
    /// Notes `error` unless there is one already, and ends all reading.
    void fail(wire_errc error) {
        if (ok()) error_ = error;
        next_ = end_;
    }

    [[nodiscard]] bool boolean() { return fixed<std::int8_t>() != 0; }
    [[nodiscard]] std::int8_t i8() { return fixed<std::int8_t>(); }
    [[nodiscard]] std::int16_t i16() { return fixed<std::int16_t>(); }
    [[nodiscard]] std::uint16_t u16() { return fixed<std::uint16_t>(); }
    [[nodiscard]] std::int32_t i32() { return fixed<std::int32_t>(); }
    [[nodiscard]] std::int64_t i64() { return fixed<std::int64_t>(); }
    [[nodiscard]] imago::uuid uuid() {
        imago::uuid id;
        if (const byte_view from = take(id.bytes.size()); !from.empty())
            std::memcpy(id.bytes.data(), from.data(), id.bytes.size());
        return id;
    }
    [[nodiscard]] std::uint32_t varint();

    [[nodiscard]] std::string_view string(bool flexible) { return as_text(take(length16(flexible, false))); }
    [[nodiscard]] std::optional<std::string_view> nullable_string(bool flexible) {
        const std::int64_t length = length16(flexible, true);
        if (length < 0) return std::nullopt;
        return as_text(take(length));
    }
    [[nodiscard]] byte_view bytes(bool flexible) { return take(length32(flexible, false)); }
    [[nodiscard]] std::optional<byte_view> nullable_bytes(bool flexible) {
        const std::int64_t length = length32(flexible, true);
        if (length < 0) return std::nullopt;
        return take(length);
    }

    /// The number of elements of an array, -1 for null: never more than the rest of the frame can hold when
    /// an element takes at least `element_min` bytes, so the caller may allocate that many.
    [[nodiscard]] std::int64_t count(bool flexible, bool nullable, std::size_t element_min) {
        const std::int64_t elements = length32(flexible, nullable);
        if (elements > static_cast<std::int64_t>(remaining() / element_min)) {
            fail(wire_errc::truncated);
            return 0;
        }
        return elements;
    }

    /// Whether a nullable structure follows (one byte: -1 null, 1 present).
    [[nodiscard]] bool present() { return i8() >= 0 && ok(); }

    /// Reads the tagged fields that end a flexible structure: `known(tag, field)` decodes a tag it knows from
    /// the reader of exactly that field and returns true; false skips the field. Nothing unknown is stored.
    template <class F>
    void tags(F&& known) {
        for (std::uint32_t left = tag_count(); left > 0 && ok(); --left) {
            const std::uint32_t tag = varint();
            reader field(take(varint()));
            if (!ok() || !known(tag, field)) continue;
            if (!field.ok()) fail(field.error_);
            if (field.remaining() != 0) fail(wire_errc::bad_value);
        }
    }
    void skip_tags() {
        for (std::uint32_t left = tag_count(); left > 0 && ok(); --left) {
            static_cast<void>(varint());
            static_cast<void>(take(varint()));
        }
    }

private:
    template <class T>
    T fixed() {
        if (remaining() < sizeof(T)) {
            fail(wire_errc::truncated);
            return 0;
        }
        const T value = load_be<T>(next_);
        next_ += sizeof(T);
        return value;
    }
    byte_view take(std::int64_t length) {
        if (length > static_cast<std::int64_t>(remaining())) {
            fail(wire_errc::truncated);
            return {};
        }
        const byte_view taken(next_, static_cast<std::size_t>(length));
        next_ += length;
        return taken;
    }
    std::uint32_t tag_count() {
        const std::uint32_t tags = varint();
        if (tags <= remaining() / 2) return tags;
        fail(wire_errc::truncated);
        return 0;
    }
    std::int64_t length16(bool flexible, bool nullable) {
        return checked(flexible ? std::int64_t{varint()} - 1 : std::int64_t{i16()}, nullable, 0x7fff);
    }
    std::int64_t length32(bool flexible, bool nullable) {
        return checked(flexible ? std::int64_t{varint()} - 1 : std::int64_t{i32()}, nullable, 0x7fffffff);
    }
    std::int64_t checked(std::int64_t length, bool nullable, std::int64_t max) {
        if (!ok()) return 0;
        if (length >= 0 && length <= max) return length;
        if (length == -1 && nullable) return -1;
        fail(length == -1 ? wire_errc::unexpected_null : wire_errc::bad_length);
        return 0;
    }

    const std::byte* next_;
    const std::byte* end_;
    wire_errc error_{};
};

inline std::uint32_t reader::varint() {
    std::uint32_t value = 0;
    for (int shift = 0; shift < 35; shift += 7) {
        const std::uint8_t byte = fixed<std::uint8_t>();
        if (!ok()) return 0;
        if (shift == 28 && byte > 0x0f) break;  // the fifth byte has room for four bits
        value |= std::uint32_t{byte & 0x7fu} << shift;
        if (byte < 0x80) return value;
    }
    fail(wire_errc::bad_varint);
    return 0;
}

}  // namespace imago::wire::kafka
