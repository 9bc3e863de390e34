// What the made codecs have in common: arrays, nullable structures, records. For their sources only.
#pragma once

#include "base/check.h"
#include "wire/kafka/reader.h"
#include "wire/kafka/writer.h"

#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>
#include <vector>

namespace imago::wire::kafka {

template <class T>
void get_element(reader& in, std::int16_t v, bool flexible, T& element) {
    if constexpr (std::is_same_v<T, std::int8_t>) {
        element = in.i8();
    } else if constexpr (std::is_same_v<T, std::int16_t>) {
        element = in.i16();
    } else if constexpr (std::is_same_v<T, std::int32_t>) {
        element = in.i32();
    } else if constexpr (std::is_same_v<T, std::int64_t>) {
        element = in.i64();
    } else if constexpr (std::is_same_v<T, imago::uuid>) {
        element = in.uuid();
    } else if constexpr (std::is_same_v<T, std::string_view>) {
        element = in.string(flexible);
    } else if constexpr (std::is_same_v<T, byte_view>) {
        element = in.bytes(flexible);
    } else {
        get(in, v, element);
    }
}

template <class T>
void put_element(writer& out, std::int16_t v, bool flexible, const T& element) {
    if constexpr (std::is_same_v<T, std::int8_t>) {
        out.i8(element);
    } else if constexpr (std::is_same_v<T, std::int16_t>) {
        out.i16(element);
    } else if constexpr (std::is_same_v<T, std::int32_t>) {
        out.i32(element);
    } else if constexpr (std::is_same_v<T, std::int64_t>) {
        out.i64(element);
    } else if constexpr (std::is_same_v<T, imago::uuid>) {
        out.uuid(element);
    } else if constexpr (std::is_same_v<T, std::string_view>) {
        out.string(element, flexible);
    } else if constexpr (std::is_same_v<T, byte_view>) {
        out.bytes(element, flexible);
    } else {
        put(out, v, element);
    }
}

/// Decodes the elements over those that are there, so that a message which is decoded into again and again
/// keeps the memory of its inner arrays.
template <class T>
void get_elements(reader& in, std::int16_t v, bool flexible, std::int64_t count, std::vector<T>& into) {
    into.resize(static_cast<std::size_t>(count));
    for (T& element : into) {
        get_element(in, v, flexible, element);
        if (!in.ok()) return;
    }
}

/// Arrays are all that a decoder allocates, so this bounds its memory: a frame of n bytes never makes it take
/// more than memory_per_byte_max * n.
inline constexpr std::size_t memory_per_byte_max = 32;

template <std::size_t element_min, class T>
void get_array(reader& in, std::int16_t v, bool flexible, std::vector<T>& into) {
    static_assert(sizeof(T) <= memory_per_byte_max * element_min);
    get_elements(in, v, flexible, in.count(flexible, false, element_min), into);
}
template <std::size_t element_min, class T>
void get_array(reader& in, std::int16_t v, bool flexible, bool nullable,
               std::optional<std::vector<T>>& into) {
    static_assert(sizeof(T) <= memory_per_byte_max * element_min);
    const std::int64_t count = in.count(flexible, nullable, element_min);
    if (count < 0) return into.reset();
    if (!into) into.emplace();
    get_elements(in, v, flexible, count, *into);
}

template <class T>
void put_array(writer& out, std::int16_t v, bool flexible, const std::vector<T>& from) {
    out.count(from.size(), flexible);
    for (const T& element : from) put_element(out, v, flexible, element);
}
template <class T>
void put_array(writer& out, std::int16_t v, bool flexible, bool nullable,
               const std::optional<std::vector<T>>& from) {
    if (from) return put_array(out, v, flexible, *from);
    if (nullable) return out.null_count(flexible);
    out.count(0, flexible);
}

template <class T>
void get_nullable(reader& in, std::int16_t v, std::optional<T>& into) {
    if (!in.present()) return into.reset();
    if (!into) into.emplace(T{});  // clang does not take a nested structure for default constructible here
    get(in, v, *into);
}
template <class T>
void put_nullable(writer& out, std::int16_t v, const std::optional<T>& from) {
    out.i8(from ? 1 : -1);
    if (from) put(out, v, *from);
}

inline void get_records(reader& in, bool flexible, record_data& into) {
    if (const auto bytes = in.nullable_bytes(flexible)) {
        into.assign(*bytes);
    } else {
        into.clear();
    }
}

}  // namespace imago::wire::kafka
