#include "wire/kafka/error_code.h"

#include <array>

namespace imago::wire::kafka {
namespace {

struct entry {
    std::string_view name;
    std::string_view text;
    bool retriable;
};

constexpr int lowest = -1;
constexpr std::array<entry, 256> entries = [] {
    std::array<entry, 256> made{};
#define IMAGO_KAFKA_ERROR(name, number, retriable, text) made[(number)-lowest] = {#name, text, retriable};
    IMAGO_KAFKA_ERRORS(IMAGO_KAFKA_ERROR)
#undef IMAGO_KAFKA_ERROR
    return made;
}();

// The names in capitals, one after the other: the one thing that the preprocessor cannot make.
constexpr std::array<std::array<char, 40>, 256> upper_names = [] {
    std::array<std::array<char, 40>, 256> made{};
    for (std::size_t i = 0; i < entries.size(); ++i) {
        for (std::size_t k = 0; k < entries[i].name.size(); ++k) {
            const char letter = entries[i].name[k];
            made[i][k] = letter >= 'a' && letter <= 'z' ? static_cast<char>(letter - 'a' + 'A') : letter;
        }
    }
    return made;
}();

const entry* find(kafka_error error) noexcept {
    const int place = static_cast<int>(error) - lowest;
    if (place < 0 || static_cast<std::size_t>(place) >= entries.size()) return nullptr;
    const entry& found = entries[static_cast<std::size_t>(place)];
    return found.name.empty() ? nullptr : &found;
}

}  // namespace

std::string_view error_name(kafka_error error) noexcept {
    const entry* found = find(error);
    if (found == nullptr) return "UNKNOWN_ERROR_CODE";
    return {upper_names[static_cast<std::size_t>(found - entries.data())].data(), found->name.size()};
}

std::string_view error_text(kafka_error error) noexcept {
    const entry* found = find(error);
    return found == nullptr ? "an error code that is not known" : found->text;
}

bool is_retriable(kafka_error error) noexcept {
    const entry* found = find(error);
    return found != nullptr && found->retriable;
}

}  // namespace imago::wire::kafka
