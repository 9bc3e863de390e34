#include "server/config/load.h"

#include "server/config/keys.h"
#include "server/config/units.h"

#include <toml++/toml.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <set>
#include <sstream>

namespace imago::config {
namespace {

constexpr std::string_view default_source = "default";
constexpr std::size_t file_size_max = 1 << 20;

class loading {
public:
    loading() {
        for (const key& key : keys()) {
            // The defaults of the list are values like all others; a test reads each of them.
            (void)read_value(key, key.initial, out_.config);
            out_.sources.emplace_back(default_source);
        }
    }

    void add_problem(std::string where, std::string what) {
        problems_.push_back({std::move(where), std::move(what)});
    }

    void set(const key& key, std::string_view text, const std::string& where, std::string source) {
        if (auto problem = read_value(key, text, out_.config)) {
            add_problem(where, key.full_name() + ": " + *problem);
            return;
        }
        out_.sources[static_cast<std::size_t>(&key - keys().data())] = std::move(source);
    }

    void unknown(const std::string& where, std::string_view name) {
        std::string what = "there is no key " + std::string(name);
        if (const std::string near = nearest_key(name); !near.empty()) what += "; did you mean " + near + "?";
        add_problem(where, std::move(what));
    }

    void read_toml(std::string_view text, const std::string& file);
    void read_environment(const std::vector<std::pair<std::string, std::string>>& environment);
    void read_flags(const std::vector<flag_value>& flags);
    void check_together();
    load_result finish() {
        if (!problems_.empty()) return tl::unexpected(std::move(problems_));
        return std::move(out_);
    }

private:
    void read_section(std::string_view section, const toml::table& table, const std::string& file);
    [[nodiscard]] std::string source_of(std::string_view section, std::string_view name) const {
        return out_.sources[static_cast<std::size_t>(find_key(section, name) - keys().data())];
    }

    loaded out_;
    std::vector<problem> problems_;
};

std::string place(const std::string& file, const toml::source_position& at) {
    return file + ":" + std::to_string(at.line) + ":" + std::to_string(at.column);
}

bool is_section(std::string_view name) {
    for (const key& key : keys()) {
        if (key.section == name) return true;
    }
    return false;
}

std::string sections() {
    std::string names;
    std::string_view last;
    for (const key& key : keys()) {
        if (key.section == last) continue;
        names += (names.empty() ? "" : ", ") + std::string(key.section);
        last = key.section;
    }
    return names;
}

void loading::read_section(std::string_view section, const toml::table& table, const std::string& file) {
    for (const auto& [name, node] : table) {
        const std::string where = place(file, name.source().begin);
        const key* found = find_key(section, name.str());
        if (found == nullptr) {
            unknown(where, std::string(section) + "." + std::string(name.str()));
            continue;
        }
        std::string text;
        if (const auto* string = node.as_string()) {
            text = string->get();
            const bool number = found->type == kind::boolean || found->type == kind::integer;
            if (number) {
                add_problem(place(file, node.source().begin),
                            found->full_name() + ": expected " +
                                (found->type == kind::boolean ? "true or false" : "a whole number") +
                                " without quotes, got \"" + text + "\"");
                continue;
            }
        } else if (const auto* integer = node.as_integer()) {
            text = std::to_string(integer->get());
            if (found->type == kind::text || found->type == kind::choice || found->type == kind::address) {
                add_problem(place(file, node.source().begin),
                            found->full_name() + ": expected text in quotes, got " + text);
                continue;
            }
        } else if (const auto* boolean = node.as_boolean();
                   boolean != nullptr && found->type == kind::boolean) {
            text = boolean->get() ? "true" : "false";
        } else {
            std::ostringstream type;
            type << node.type();
            add_problem(place(file, node.source().begin), found->full_name() + ": expected " +
                                                              allowed_values(*found) +
                                                              ", got a value of type " + type.str());
            continue;
        }
        set(*found, text, place(file, node.source().begin),
            file + ":" + std::to_string(name.source().begin.line));
    }
}

void loading::read_toml(std::string_view text, const std::string& file) {
    toml::table root;
    try {
        root = toml::parse(text, file);
    } catch (const toml::parse_error& error) {
        return add_problem(place(file, error.source().begin), std::string(error.description()));
    }
    for (const auto& [name, node] : root) {
        const std::string where = place(file, name.source().begin);
        const auto* table = node.as_table();
        if (table == nullptr) {
            std::string what = "the key " + std::string(name.str()) + " stands outside of any section";
            if (const std::string near = nearest_key(name.str()); !near.empty())
                what += "; did you mean " + near + "?";
            add_problem(where, std::move(what));
        } else if (!is_section(name.str())) {
            // The section may be misspelt: its keys tell which one was meant.
            std::string what = "there is no section [" + std::string(name.str()) + "]";
            if (!table->empty()) {
                const std::string near =
                    nearest_key(std::string(name.str()) + "." + std::string(table->begin()->first.str()));
                if (!near.empty()) what += "; did you mean [" + near.substr(0, near.find('.')) + "]?";
            }
            if (what.back() != '?') what += "; there are " + sections();
            add_problem(where, std::move(what));
        } else {
            read_section(name.str(), *table, file);
        }
    }
}

void loading::read_environment(const std::vector<std::pair<std::string, std::string>>& environment) {
    constexpr std::string_view prefix = "IMAGO_";
    for (const auto& [variable, value] : environment) {
        const auto parts = variable.find("__");
        // Variables without "__" are not meant for the configuration.
        if (!variable.starts_with(prefix) || parts == std::string::npos || parts < prefix.size()) continue;
        const auto lower = [](std::string_view text) {
            std::string result(text);
            for (char& c : result) {
                if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
            }
            return result;
        };
        const std::string section =
            lower(std::string_view(variable).substr(prefix.size(), parts - prefix.size()));
        const std::string name = lower(std::string_view(variable).substr(parts + 2));
        if (const key* found = find_key(section, name)) {
            set(*found, value, variable, variable);
        } else {
            unknown(variable, section + "." + name);
        }
    }
}

void loading::read_flags(const std::vector<flag_value>& flags) {
    for (const flag_value& one : flags) {
        const auto dot = one.key.find('.');
        const std::string_view name = one.key;
        const key* found =
            dot == std::string::npos ? nullptr : find_key(name.substr(0, dot), name.substr(dot + 1));
        if (found == nullptr) {
            unknown(one.flag, one.key);
        } else {
            set(*found, one.value, one.flag, one.flag);
        }
    }
}

void loading::check_together() {
    if (!problems_.empty()) return;
    const server_config& c = out_.config;
    const auto from = [&](std::string_view section, std::string_view name) {
        return source_of(section, name);
    };
    if (c.data.segment_size % (1 << 20) != 0) {
        add_problem(from("data", "segment_size"), "data.segment_size: must be a multiple of 1MiB");
    }
    if (c.kafka.max_message_size > c.data.segment_size / 2) {
        add_problem(from("kafka", "max_message_size"),
                    "kafka.max_message_size: must not be more than half of data.segment_size (" +
                        format_size(c.data.segment_size) + ")");
    }
    if (c.kafka.max_request_size < c.kafka.max_message_size) {
        add_problem(
            from("kafka", "max_request_size"),
            "kafka.max_request_size: a request must be able to hold a message of kafka.max_message_size (" +
                format_size(c.kafka.max_message_size) + ")");
    }
    if (c.net.in_flight_total < c.net.in_flight_per_connection) {
        add_problem(from("net", "in_flight_total"),
                    "net.in_flight_total: must not be less than net.in_flight_per_connection (" +
                        format_size(c.net.in_flight_per_connection) + ")");
    }
    const auto listen = parse_address(c.kafka.listen);
    if (!listen) {
        add_problem(from("kafka", "listen"), "kafka.listen: expected HOST:PORT or [IPv6]:PORT, got \"\"");
    } else if (is_wildcard(*listen) && c.kafka.advertise.empty()) {
        add_problem(
            from("kafka", "listen"),
            "kafka.listen: " + c.kafka.listen +
                " stands for every interface, and clients are told to connect to the address of the server, "
                "but "
                "none can connect to that one. Say which address they shall use: --advertise HOST:PORT, or "
                "kafka.advertise in the file");
    }
    if (const auto advertise = parse_address(c.kafka.advertise); advertise && is_wildcard(*advertise)) {
        add_problem(from("kafka", "advertise"),
                    "kafka.advertise: " + c.kafka.advertise +
                        " stands for every interface; say one address that clients can connect to");
    }
}

load_result load_from(std::optional<std::pair<std::string, std::string>> file, const input& input,
                      std::optional<problem> bad) {
    loading all;
    if (bad) all.add_problem(bad->where, bad->what);
    if (file) all.read_toml(file->first, file->second);
    all.read_environment(input.environment);
    all.read_flags(input.flags);
    all.check_together();
    return all.finish();
}

}  // namespace

load_result load(const input& input) {
    if (!input.file) return load_from(std::nullopt, input, std::nullopt);
    std::ifstream in(*input.file, std::ios::binary);
    std::string text;
    if (in) {
        text.resize(file_size_max + 1);
        in.read(text.data(), static_cast<std::streamsize>(text.size()));
        text.resize(static_cast<std::size_t>(in.gcount()));
    }
    if (!in.eof() && !in.good()) {
        return load_from(std::nullopt, input, problem{*input.file, "the file cannot be read"});
    }
    if (text.size() > file_size_max) {
        return load_from(std::nullopt, input,
                         problem{*input.file, "the file is larger than 1MiB: it cannot be a configuration"});
    }
    return load_from(std::pair(std::move(text), *input.file), input, std::nullopt);
}

load_result load_text(std::string_view toml, const std::string& name, const input& rest) {
    return load_from(std::pair(std::string(toml), name), rest, std::nullopt);
}

tl::expected<flag_value, problem> parse_set(std::string_view argument) {
    const auto equals = argument.find('=');
    if (equals == std::string_view::npos || equals == 0) {
        return tl::unexpected(
            problem{"--set", "expected SECTION.KEY=VALUE, got \"" + std::string(argument) + "\""});
    }
    return flag_value{"--set", std::string(argument.substr(0, equals)),
                      std::string(argument.substr(equals + 1))};
}

std::vector<std::pair<std::string, std::string>> process_environment() {
    std::vector<std::pair<std::string, std::string>> variables;
    for (char** at = environ; at != nullptr && *at != nullptr; ++at) {
        const std::string_view one = *at;
        if (const auto equals = one.find('='); equals != std::string_view::npos) {
            variables.emplace_back(one.substr(0, equals), one.substr(equals + 1));
        }
    }
    return variables;
}

std::map<std::string, std::string, std::less<>> kafka_settings(const loaded& loaded) {
    // Where our default is not Kafka's, or is a fact about this server, clients shall see ours without being
    // told.
    static const std::set<std::string_view> always{"log.dirs", "node.id", "max.connections",
                                                   "max.connections.per.ip"};
    std::map<std::string, std::string, std::less<>> settings;
    for (std::size_t i = 0; i < keys().size(); ++i) {
        const key& key = keys()[i];
        if (key.kafka.empty()) continue;
        if (loaded.sources[i] == default_source && !always.contains(key.kafka)) continue;
        settings.emplace(key.kafka, kafka_value(key, loaded.config));
    }
    const auto& kafka = loaded.config.kafka;
    settings["broker.id"] = settings["node.id"];
    settings["listeners"] = "PLAINTEXT://" + kafka.listen;
    settings["advertised.listeners"] =
        "PLAINTEXT://" + (kafka.advertise.empty() ? kafka.listen : kafka.advertise);
    return settings;
}

}  // namespace imago::config
