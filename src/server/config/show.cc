#include "server/config/show.h"

#include "server/config/keys.h"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace imago::config {
namespace {

std::string toml_value(const key& key, const server_config& config) {
    const std::string text = write_value(key, config);
    if (key.type == kind::boolean || key.type == kind::integer) return text;
    std::string quoted = "\"";
    for (char c : text) {
        if (c == '"' || c == '\\') quoted += '\\';
        if (static_cast<unsigned char>(c) < 0x20) {
            constexpr char digits[] = "0123456789ABCDEF";
            quoted += std::string("\\u00") + digits[c >> 4] + digits[c & 15];
        } else {
            quoted += c;
        }
    }
    return quoted + "\"";
}

std::string_view name_of(kind type) {
    switch (type) {
        case kind::boolean:
            return "boolean";
        case kind::integer:
            return "integer";
        case kind::size:
            return "size";
        case kind::duration:
            return "duration";
        case kind::text:
            return "text";
        case kind::choice:
            return "choice";
        case kind::address:
            return "address";
    }
    return "";
}

}  // namespace

std::string show_table(const loaded& loaded) {
    struct row {
        std::string name, value, source;
    };
    std::vector<row> rows{{"KEY", "VALUE", "SOURCE"}};
    for (std::size_t i = 0; i < keys().size(); ++i) {
        const key& key = keys()[i];
        const std::string value = write_value(key, loaded.config);
        rows.push_back({key.full_name(), value.empty() ? "-" : value, loaded.sources[i]});
    }
    std::size_t names = 0;
    std::size_t values = 0;
    for (const row& row : rows) {
        names = std::max(names, row.name.size());
        values = std::max(values, row.value.size());
    }
    std::string text;
    for (const row& row : rows) {
        text += row.name + std::string(names - row.name.size() + 2, ' ') + row.value +
                std::string(values - row.value.size() + 2, ' ') + row.source + "\n";
    }
    return text;
}

std::string show_toml(const loaded& loaded) {
    std::string text;
    std::string_view section;
    for (std::size_t i = 0; i < keys().size(); ++i) {
        const key& key = keys()[i];
        if (key.section != section) {
            text += (text.empty() ? "[" : "\n[") + std::string(key.section) + "]\n";
            section = key.section;
        }
        text += std::string(key.name) + " = " + toml_value(key, loaded.config) + "  # " + loaded.sources[i] +
                "\n";
    }
    return text;
}

std::string show_json(const loaded& loaded) {
    nlohmann::ordered_json all = nlohmann::ordered_json::object();
    for (std::size_t i = 0; i < keys().size(); ++i) {
        const key& key = keys()[i];
        nlohmann::ordered_json one;
        if (key.type == kind::boolean || key.type == kind::integer) {
            one["value"] = nlohmann::ordered_json::parse(write_value(key, loaded.config));
        } else {
            one["value"] = write_value(key, loaded.config);
        }
        one["source"] = loaded.sources[i];
        one["change"] = key.live ? "live" : "restart";
        all[key.full_name()] = std::move(one);
    }
    return all.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::string describe_markdown() {
    std::string text;
    std::string_view section;
    for (const key& key : keys()) {
        if (key.section != section) {
            text += (text.empty() ? "### `[" : "\n### `[") + std::string(key.section) + "]`\n\n" +
                    "| key | type | default | allowed | change | meaning |\n|---|---|---|---|---|---|\n";
            section = key.section;
        }
        const std::string initial = key.initial.empty() ? "(empty)" : "`" + std::string(key.initial) + "`";
        text += "| `" + std::string(key.name) + "` | " + std::string(name_of(key.type)) + " | " + initial +
                " | " + allowed_values(key) + " | " + (key.live ? "live" : "restart") + " | " +
                std::string(key.help);
        if (!key.flag.empty()) text += " Flag: `" + std::string(key.flag) + "`.";
        if (!key.kafka.empty()) text += " Kafka: `" + std::string(key.kafka) + "`.";
        text += " |\n";
    }
    return text;
}

}  // namespace imago::config
