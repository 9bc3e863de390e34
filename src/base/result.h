// Errors as values: every operation that can fail returns result<T>, a value or a std::error_code.
// Each room has its own std::error_category (io_errc, store_errc, ...); exceptions are for start-up only.
#pragma once

#include <tl/expected.hpp>

#include <system_error>
#include <type_traits>
#include <utility>

namespace imago {

template <class T = void>
using result = tl::expected<T, std::error_code>;

/// Makes the failed side of a result from an error code or an error enum of any room.
template <class E>
[[nodiscard]] tl::unexpected<std::error_code> fail(E error) {
    if constexpr (std::is_same_v<E, std::error_code>) {
        return tl::unexpected<std::error_code>(error);
    } else {
        return tl::unexpected<std::error_code>(make_error_code(error));
    }
}

/// The error for the current value of errno.
[[nodiscard]] inline std::error_code system_error_code(int number) {
    return std::error_code(number, std::system_category());
}

}  // namespace imago

/// Returns the error of `expression` (a result<void>) from the enclosing function, if it has one.
#define IMAGO_CHECK(expression)                                                  \
    do {                                                                         \
        if (auto imago_checked = (expression); !imago_checked)                   \
            return ::tl::unexpected<std::error_code>(imago_checked.error());     \
    } while (false)

#define IMAGO_JOIN_(a, b) a##b
#define IMAGO_JOIN(a, b) IMAGO_JOIN_(a, b)
#define IMAGO_TRY_(temporary, declaration, expression)                           \
    auto temporary = (expression);                                               \
    if (!temporary) return ::tl::unexpected<std::error_code>(temporary.error()); \
    declaration = std::move(*temporary)

/// IMAGO_TRY(auto file, disk.open(path)): the value, or return with the error.
#define IMAGO_TRY(declaration, expression) IMAGO_TRY_(IMAGO_JOIN(imago_try_, __LINE__), declaration, expression)
