#include "broker/config.h"

#include "broker/errors.h"

#include <algorithm>
#include <charconv>
#include <set>

namespace imago::broker {
namespace {

std::string_view trimmed(std::string_view text) {
    const auto first = text.find_first_not_of(" \t\r\n");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

bool equals_ignoring_case(std::string_view a, std::string_view lower) {
    if (a.size() != lower.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i) {
        const char c = a[i] >= 'A' && a[i] <= 'Z' ? static_cast<char>(a[i] - 'A' + 'a') : a[i];
        if (c != lower[i]) return false;
    }
    return true;
}

template <class T>
std::optional<T> parsed(std::string_view text) {
    if (text.starts_with('+')) text.remove_prefix(1);
    T value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

bool is_choice(std::string_view choices, std::string_view value) {
    for (const std::string& choice : config_list(choices)) {
        if (choice == value) return true;
    }
    return false;
}

/// "*" or "partition:server,partition:server".
bool is_replica_list(std::string_view value) {
    if (trimmed(value) == "*") return true;
    for (const std::string& element : config_list(value)) {
        const auto colon = element.find(':');
        if (colon == std::string::npos) return false;
        const std::string_view text = element;
        if (!parsed<std::uint32_t>(text.substr(0, colon)) || !parsed<std::uint32_t>(text.substr(colon + 1)))
            return false;
    }
    return true;
}

template <class T>
std::optional<std::string> range_problem(const config_key& key, T value) {
    if (key.name == "compression.gzip.level") {  // the one range with a hole
        if (value == -1 || (value >= 1 && value <= 9)) return std::nullopt;
        return "Value must be between 1 and 9 or equal to -1";
    }
    if (key.least && value < static_cast<T>(*key.least))
        return "Value must be at least " + std::to_string(*key.least);
    if (key.most && value > static_cast<T>(*key.most))
        return "Value must be no more than " + std::to_string(*key.most);
    return std::nullopt;
}

std::optional<std::string> value_problem(const config_key& key, std::string_view value) {
    const std::string_view text = trimmed(value);
    switch (key.type) {
        case config_type::boolean:
            if (equals_ignoring_case(text, "true") || equals_ignoring_case(text, "false"))
                return std::nullopt;
            return "Expected value to be either true or false";
        case config_type::int32:
            if (const auto number = parsed<std::int32_t>(text))
                return range_problem<std::int64_t>(key, *number);
            return "Not a number of type INT";
        case config_type::int64:
            if (const auto number = parsed<std::int64_t>(text))
                return range_problem<std::int64_t>(key, *number);
            return "Not a number of type LONG";
        case config_type::real:
            // Written so that NaN is out of range too.
            if (const auto number = parsed<double>(text)) {
                if (!(*number == *number)) return "Not a number of type DOUBLE";
                return range_problem<double>(key, *number);
            }
            return "Not a number of type DOUBLE";
        case config_type::text:
        case config_type::password:
            if (key.choices.empty() || is_choice(key.choices, value)) return std::nullopt;
            return "String must be one of: " + std::string(key.choices);
        case config_type::list:
            if (key.name.ends_with(".replication.throttled.replicas")) {
                if (is_replica_list(value)) return std::nullopt;
                return std::string(key.name) +
                       " must be the literal '*' or a list of replicas in the following format: "
                       "[partitionId]:[brokerId],[partitionId]:[brokerId],...";
            }
            if (key.choices.empty()) return std::nullopt;
            for (const std::string& element : config_list(value)) {
                if (!is_choice(key.choices, element))
                    return "String must be one of: " + std::string(key.choices);
            }
            return std::nullopt;
    }
    return std::nullopt;
}

}  // namespace

std::optional<std::string> config_problem(const config_key& key, std::string_view value) {
    auto problem = value_problem(key, value);
    if (!problem) return std::nullopt;
    constexpr std::size_t shown_max = 200;
    std::string shown(value.substr(0, shown_max));
    if (value.size() > shown_max) shown += "...";
    return "Invalid value " + shown + " for configuration " + std::string(key.name) + ": " + *problem;
}

std::int64_t config_integer(std::string_view value) {
    return parsed<std::int64_t>(trimmed(value)).value_or(0);
}

bool config_boolean(std::string_view value) { return equals_ignoring_case(trimmed(value), "true"); }

std::vector<std::string> config_list(std::string_view value) {
    std::vector<std::string> elements;
    while (!value.empty()) {
        const auto comma = value.find(',');
        if (const auto element = trimmed(value.substr(0, comma)); !element.empty())
            elements.emplace_back(element);
        if (comma == std::string_view::npos) break;
        value.remove_prefix(comma + 1);
    }
    return elements;
}

std::optional<config_refusal> apply_config_changes(
    config_map& configs, const std::vector<config_change>& changes,
    const std::function<config_default(std::string_view name)>& default_of) {
    using kind = config_change::kind;
    std::set<std::string_view> seen;
    for (const config_change& change : changes) {
        const std::string name = change.name.substr(0, 200);
        if (!seen.insert(change.name).second) {
            return config_refusal{make_error_code(broker_errc::invalid_request),
                                  "Error due to duplicate config keys: " + name};
        }
        if (change.what == kind::remove) {
            configs.erase(change.name);
            continue;
        }
        if (!change.value) {
            return config_refusal{make_error_code(broker_errc::invalid_request),
                                  "Null value not supported for: " + name};
        }
        if (change.what == kind::set) {
            configs[change.name] = *change.value;
            continue;
        }
        const bool append = change.what == kind::append;
        const config_default present = default_of(change.name);
        if (present.key == nullptr || present.key->type != config_type::list) {
            return config_refusal{make_error_code(broker_errc::invalid_config),
                                  std::string("Can't ") + (append ? "APPEND" : "SUBTRACT") + " to key " +
                                      name + " because its type is not LIST."};
        }
        const auto set = configs.find(change.name);
        std::vector<std::string> elements = config_list(set == configs.end() ? present.value : set->second);
        for (const std::string& element : config_list(*change.value)) {
            if (append) {
                if (std::find(elements.begin(), elements.end(), element) == elements.end())
                    elements.push_back(element);
            } else {
                std::erase(elements, element);
            }
        }
        std::string joined;
        for (const std::string& element : elements) joined += (joined.empty() ? "" : ",") + element;
        configs[change.name] = joined;
    }
    return std::nullopt;
}

}  // namespace imago::broker
