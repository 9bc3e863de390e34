#include "server/exposition.h"

#include <fmt/format.h>

namespace imago {

void exposition::family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    fmt::format_to(std::back_inserter(text_), "# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
}

void exposition::sample(double value, labels with, std::string_view suffix) {
    write(fmt::format("{}", value), with, suffix);
}

void exposition::write(std::string_view value, labels with, std::string_view suffix) {
    text_ += name_;
    text_ += suffix;
    char before = '{';
    for (const auto& [name, text] : with) {
        text_ += before;
        text_ += name;
        text_ += "=\"";
        for (const char c : text) {
            if (c == '\\' || c == '"') text_ += '\\';
            if (c == '\n') text_ += "\\n";
            else text_ += c;
        }
        text_ += '"';
        before = ',';
    }
    if (before == ',') text_ += '}';
    text_ += ' ';
    text_ += value;
    text_ += '\n';
}

}  // namespace imago
