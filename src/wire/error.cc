#include "wire/error.h"

#include <string>

namespace imago::wire {
namespace {

class category final : public std::error_category {
public:
    [[nodiscard]] const char* name() const noexcept override { return "wire"; }
    [[nodiscard]] std::string message(int value) const override {
        switch (static_cast<wire_errc>(value)) {
            case wire_errc::truncated:
                return "the bytes end inside a field";
            case wire_errc::bad_varint:
                return "a varint is longer than its type allows";
            case wire_errc::bad_length:
                return "a length or count is out of range";
            case wire_errc::unexpected_null:
                return "null where the version allows none";
            case wire_errc::bad_value:
                return "a value that no writer may send";
            case wire_errc::unknown_api:
                return "no such api key";
            case wire_errc::unsupported_version:
                return "the api does not have this version";
            case wire_errc::bad_compressed_data:
                return "compressed data is damaged";
            case wire_errc::output_too_large:
                return "decompressed data exceeds its limit";
            case wire_errc::stopped:
                return "the receiver stopped decompression";
        }
        return "unknown wire error";
    }
};

}  // namespace

const std::error_category& wire_category() noexcept {
    static const category instance;
    return instance;
}

}  // namespace imago::wire
