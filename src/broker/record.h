// Values of the broker's tables as bytes: little-endian integers and length-prefixed text, one version byte
// first. Reading checks every length against what is left, so that a truncated or foreign record is an error,
// never a large allocation.
#pragma once

#include "base/bytes.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace imago::broker {

class record_writer {
public:
    explicit record_writer(std::uint8_t version) { put<std::uint8_t>(version); }

    template <class T>
    void put(std::type_identity_t<T> value) {
        std::byte raw[sizeof(T)];
        store_le<T>(raw, value);
        bytes_.append(reinterpret_cast<const char*>(raw), sizeof raw);
    }
    /// Length as u32, then the bytes.
    void put_text(std::string_view text) {
        put<std::uint32_t>(static_cast<std::uint32_t>(text.size()));
        bytes_.append(text);
    }
    void put_raw(byte_view bytes) { bytes_.append(as_text(bytes)); }
    [[nodiscard]] std::string take() { return std::move(bytes_); }

private:
    std::string bytes_;
};

/// After the first failure every get returns zero or empty text; ask ok() or done() at the end.
class record_reader {
public:
    explicit record_reader(byte_view bytes) : left_(bytes) {}

    template <class T>
    [[nodiscard]] T get() {
        if (left_.size() < sizeof(T)) return failed<T>();
        const T value = load_le<T>(left_.data());
        left_ = left_.subspan(sizeof(T));
        return value;
    }
    /// The view lives as long as the bytes being read.
    [[nodiscard]] std::string_view get_text() { return as_text(get_raw(get<std::uint32_t>())); }
    [[nodiscard]] byte_view get_raw(std::size_t size) {
        if (left_.size() < size) return failed<byte_view>();
        const byte_view taken = left_.first(size);
        left_ = left_.subspan(size);
        return taken;
    }
    /// A count of elements of at least `smallest` bytes each; fails if so many cannot follow.
    [[nodiscard]] std::uint32_t get_count(std::size_t smallest) {
        const auto count = get<std::uint32_t>();
        if (count > left_.size() / smallest) return failed<std::uint32_t>();
        return count;
    }
    [[nodiscard]] bool ok() const { return ok_; }
    /// Everything was read and nothing is left.
    [[nodiscard]] bool done() const { return ok_ && left_.empty(); }

private:
    template <class T>
    T failed() {
        ok_ = false;
        left_ = {};
        return T{};
    }
    byte_view left_;
    bool ok_ = true;
};

}  // namespace imago::broker
