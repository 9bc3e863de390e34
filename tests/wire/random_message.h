// Random messages: fill(random, version, message) sets exactly the fields that the version has.
#pragma once

#include "wire/kafka/protocol.h"
#include "wire/kafka/record_data.h"

#include <deque>
#include <optional>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

namespace imago::test {

/// Keeps the memory of the strings it makes: must outlive the messages it fills.
class random_message {
public:
    explicit random_message(std::uint64_t seed) : engine_(seed) {}

    template <class T>
    void fill_value(std::int16_t v, T& into) {
        if constexpr (std::is_same_v<T, bool>) {
            into = below(2) == 1;
        } else if constexpr (std::is_integral_v<T>) {
            // Small, extreme and any.
            const auto choice = below(4);
            into = choice == 0 ? static_cast<T>(below(10)) : choice == 1 ? T(-1) : static_cast<T>(engine_());
        } else if constexpr (std::is_same_v<T, uuid>) {
            for (auto& byte : into.bytes) byte = static_cast<std::uint8_t>(engine_());
        } else if constexpr (std::is_same_v<T, std::string_view>) {
            into = text(below(8) == 0 ? 200 : 12);
        } else if constexpr (std::is_same_v<T, byte_view>) {
            into = as_bytes(text(40));
        } else {
            fill(*this, v, into);  // a structure: the made function
        }
    }
    template <class T>
    void fill_value(std::int16_t v, std::vector<T>& into) {
        into.resize(below(20) == 0 ? 130 : below(4));  // 130 elements: a count of two bytes
        if (depth_ > 1 && into.size() > 3) into.resize(3);
        ++depth_;
        for (T& element : into) fill_value(v, element);
        --depth_;
    }
    template <class T>
    void fill_nullable(std::int16_t v, bool may_be_null, std::optional<T>& into) {
        into.reset();
        if (may_be_null && below(3) == 0) return;
        fill_value(v, into.emplace(T{}));
    }
    void fill_nullable(std::int16_t, bool may_be_null, wire::kafka::record_data& into) {
        into.clear();
        if (may_be_null && below(3) == 0) return;
        into.set_empty();
        for (auto slices = below(4); slices > 0; --slices) {
            auto owned = std::make_shared<std::string>(text(below(2) == 0 ? 1500 : 30));
            into.add({as_bytes(*owned), owned});
        }
    }
    void fill_value(std::int16_t v, wire::kafka::record_data& into) { fill_nullable(v, false, into); }

    std::uint64_t below(std::uint64_t limit) { return engine_() % limit; }

private:
    std::string_view text(std::size_t length_max) {
        std::string& made = texts_.emplace_back(below(length_max + 1), 'x');
        for (char& letter : made) letter = static_cast<char>('a' + below(26));
        return made;
    }

    std::mt19937_64 engine_;
    std::deque<std::string> texts_;
    int depth_ = 0;
};

}  // namespace imago::test

// After the class that it fills with.
#include "wire/kafka/fill_messages.h"
