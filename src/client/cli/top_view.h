// How `imago top` looks: lines of plain ASCII, no wider and no more than there is room for.
#pragma once

#include <string>
#include <vector>

#include "client/cli/top_sample.h"

namespace imago::client::cli {

struct top_line {
    enum class style : std::uint8_t { plain, title, heading, warning, dim };
    std::string text;
    style how = style::plain;
};

struct top_header {
    std::string where;     ///< the servers asked
    std::string clock;     ///< "15:04:05"
    std::string trouble;   ///< why the last measurement failed; empty if it did not
    bool keys = true;      ///< the last line names the keys
};

/// A screen of `columns` by `rows`. With rows = 0 as many lines as there are topics and groups to show.
[[nodiscard]] std::vector<top_line> top_lines(const top_header& header, const top_rates& rates, int columns, int rows);

/// The same as JSON, on one line.
[[nodiscard]] std::string top_json(const std::string& where, const top_rates& rates);

}  // namespace imago::client::cli
