// A value or the error that kept it from being: what every call of the client returns. Errors never throw.
#pragma once

#include <tl/expected.hpp>

#include <system_error>

namespace imago::client {

template <class T = void>
using result = tl::expected<T, std::error_code>;

}  // namespace imago::client
