#include "broker/topic_name.h"

#include <algorithm>

namespace imago::broker {
namespace {

bool legal(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

}  // namespace

std::optional<std::string> topic_name_problem(std::string_view name) {
    if (name.empty()) return "Topic name is invalid: the empty string is not allowed";
    if (name == "." || name == "..")
        return "Topic name is invalid: '" + std::string(name) + "' is not allowed";
    if (name.size() > topic_name_size_max) {
        return "Topic name is invalid: the length of '" + std::string(name.substr(0, 32)) +
               "...' is longer than the max allowed length 249";
    }
    if (!std::all_of(name.begin(), name.end(), legal)) {
        return "Topic name is invalid: '" + std::string(name) +
               "' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'";
    }
    return std::nullopt;
}

bool has_collision_chars(std::string_view name) { return name.find_first_of("._") != std::string_view::npos; }

std::string collision_form(std::string_view name) {
    std::string form(name);
    std::replace(form.begin(), form.end(), '.', '_');
    return form;
}

}  // namespace imago::broker
