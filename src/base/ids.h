// The names of things. A log_position is an address in the commit log, a queue_offset an index in a queue:
// two types, so that neither can be taken for the other.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace imago {

/// A byte address in the commit log. Grows for ever; never reused, also not by recycled segments.
struct log_position {
    std::uint64_t value = 0;
    constexpr auto operator<=>(const log_position&) const = default;
    constexpr log_position operator+(std::uint64_t bytes) const { return {value + bytes}; }
    /// The distance in bytes from `from` to this; `from` must not be greater.
    constexpr std::uint64_t operator-(log_position from) const { return value - from.value; }
};

/// The index of a record in its queue: 0, 1, 2, ... Clients know it as the Kafka offset.
struct queue_offset {
    std::int64_t value = 0;
    constexpr auto operator<=>(const queue_offset&) const = default;
    constexpr queue_offset operator+(std::int64_t records) const { return {value + records}; }
    constexpr std::int64_t operator-(queue_offset from) const { return value - from.value; }
};

/// A queue, for ever: ids are given out in rising order and never reused.
struct queue_id {
    std::uint32_t value = 0;
    constexpr auto operator<=>(const queue_id&) const = default;
};

/// The reign in which a frame was written; fences writers once there is more than one server.
struct leader_epoch {
    std::int32_t value = 0;
    constexpr auto operator<=>(const leader_epoch&) const = default;
};

/// Milliseconds since 1970-01-01 UTC, the unit of every time that is stored or sent. -1 = no time.
using unix_ms = std::int64_t;

/// RFC 4122 UUID in network byte order.
struct uuid {
    std::array<std::uint8_t, 16> bytes{};
    constexpr auto operator<=>(const uuid&) const = default;
    [[nodiscard]] constexpr bool is_nil() const { return *this == uuid{}; }
    /// A random (version 4) UUID, never nil and never starting with '-' in Kafka's base64 form.
    [[nodiscard]] static uuid random();
    /// Kafka's spelling: URL-safe base64 without padding, 22 characters.
    [[nodiscard]] std::string to_base64() const;
    /// The UUID for Kafka's spelling; nil if `text` is not one.
    [[nodiscard]] static uuid from_base64(std::string_view text);
};

}  // namespace imago

template <>
struct std::hash<imago::queue_id> {
    std::size_t operator()(imago::queue_id id) const noexcept { return std::hash<std::uint32_t>{}(id.value); }
};
template <>
struct std::hash<imago::uuid> {
    std::size_t operator()(const imago::uuid& id) const noexcept;
};
