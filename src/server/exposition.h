// The text format in which Prometheus reads metrics.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace imago {

/// Writes one family of samples after the other.
class exposition {
public:
    using labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

    /// Begins a family; its samples follow. `type`: counter, gauge, histogram.
    void family(std::string_view name, std::string_view type, std::string_view help);
    template <std::integral T>
    void sample(T value, labels with = {}, std::string_view suffix = {}) {
        write(std::to_string(value), with, suffix);
    }
    void sample(double value, labels with = {}, std::string_view suffix = {});
    /// A family of one sample without labels.
    template <class T>
    void single(std::string_view name, std::string_view type, std::string_view help, T value) {
        family(name, type, help);
        sample(value);
    }

    [[nodiscard]] std::string take() { return std::move(text_); }

private:
    void write(std::string_view value, labels with, std::string_view suffix);
    std::string text_;
    std::string name_;
};

}  // namespace imago
